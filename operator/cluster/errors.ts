import type { StatusBody } from './objects.ts'

export interface FailedRequest {
  verb: string
  path: string
}

interface Refusal extends FailedRequest {
  status: number
  reason: string
  message: string
  details?: StatusBody['details']
  /** From the Retry-After header, else from the body. */
  retryAfterSeconds?: number | undefined
}

/** The API server answered and said no. `status` is the HTTP code, `reason` the word of metav1.Status. */
export class ApiError extends Error {
  readonly verb: string
  readonly path: string
  readonly status: number
  readonly reason: string
  readonly details: StatusBody['details']
  readonly retryAfterSeconds: number | undefined

  constructor(refusal: Refusal) {
    super(`${refusal.verb} ${refusal.path}: ${refusal.message}`)
    this.name = new.target.name
    this.verb = refusal.verb
    this.path = refusal.path
    this.status = refusal.status
    this.reason = refusal.reason
    this.details = refusal.details
    this.retryAfterSeconds = refusal.retryAfterSeconds
  }

  get causes(): { reason?: string; message?: string; field?: string }[] {
    return this.details?.causes ?? []
  }
}

/** 401: who we are is not accepted. */
export class UnauthorizedError extends ApiError {}
/** 403: we may not do this; also what a terminating namespace answers to a create. */
export class ForbiddenError extends ApiError {
  /** What is there goes too, so there is nothing to try again. */
  get namespaceTerminating(): boolean {
    return this.causes.some((cause) => cause.reason === 'NamespaceTerminating')
  }
}
/** 404. */
export class NotFoundError extends ApiError {}
/** What a request gives, or undefined where there is no such thing (any more). */
export async function ifThere<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request
  } catch (error) {
    if (error instanceof NotFoundError) return undefined
    throw error
  }
}

/** 409: what we built on has changed (resourceVersion, uid), or another manager owns a field (see ownedByOthers). */
export class ConflictError extends ApiError {
  /** Server-side apply only: trying again changes nothing until the other manager gives the field up. */
  get ownedByOthers(): boolean {
    return this.causes.some((cause) => cause.reason === 'FieldManagerConflict')
  }
}
/** 409: the name is taken. */
export class AlreadyExistsError extends ApiError {}
/** 410: the resourceVersion or continue token is too old; list again. */
export class GoneError extends ApiError {}
/** 422: `causes` names the fields. */
export class InvalidError extends ApiError {}
/** 429: come back after `retryAfterSeconds`. */
export class TooManyRequestsError extends ApiError {}
/** 5xx: the request may or may not have been carried out. */
export class ServerError extends ApiError {}

/** No usable answer: refused, reset, timed out, cut short. The request may or may not have been carried out. */
export class NetworkError extends Error {
  readonly verb: string
  readonly path: string

  constructor(request: FailedRequest, message: string, cause?: unknown) {
    super(`${request.verb} ${request.path}: ${message}`, { cause })
    this.name = 'NetworkError'
    this.verb = request.verb
    this.path = request.path
  }
}

/** A line of a watch stream is not a watch event. */
export class WatchLineError extends Error {
  readonly line: string

  constructor(request: FailedRequest, line: string, cause?: unknown) {
    super(`${request.verb} ${request.path}: not a watch event: ${line.slice(0, 200)}`, { cause })
    this.name = 'WatchLineError'
    this.line = line
  }
}

const ERROR_OF_STATUS: Record<number, typeof ApiError> = {
  401: UnauthorizedError,
  403: ForbiddenError,
  404: NotFoundError,
  409: ConflictError,
  410: GoneError,
  422: InvalidError,
  429: TooManyRequestsError,
}

const ERROR_OF_REASON: Record<string, typeof ApiError> = { AlreadyExists: AlreadyExistsError, Expired: GoneError }

/** Turns a metav1.Status, as the body of a refusal or as the object of a watch's ERROR event, into its error. */
export function errorOfStatus(request: FailedRequest, body: Partial<StatusBody>, retryAfter?: string | null): ApiError {
  const status = body.code ?? 500
  const reason = body.reason ?? 'Unknown'
  const ErrorClass = ERROR_OF_REASON[reason] ?? ERROR_OF_STATUS[status] ?? (status >= 500 ? ServerError : ApiError)
  const seconds = Number.parseInt(retryAfter ?? '', 10)
  return new ErrorClass({
    ...request,
    status,
    reason,
    message: body.message || `the server answered ${status} ${reason}`,
    ...(body.details && { details: body.details }),
    retryAfterSeconds: Number.isNaN(seconds) ? body.details?.retryAfterSeconds : seconds,
  })
}

/** Reads a response that is not 2xx. A proxy in between may answer text instead of a Status. */
export async function errorOfResponse(request: FailedRequest, response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => '')
  const body = parseStatus(text) ?? { message: `${response.status} ${text.trim().slice(0, 500)}` }
  return errorOfStatus(request, { ...body, code: response.status }, response.headers.get('retry-after'))
}

function parseStatus(text: string): Partial<StatusBody> | undefined {
  try {
    const body = JSON.parse(text) as Partial<StatusBody> | null
    return body?.kind === 'Status' ? body : undefined
  } catch {
    return undefined
  }
}
