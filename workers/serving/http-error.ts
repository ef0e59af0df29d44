// Every refusal has the same form (RankError), whoever refuses: the schema, the server or the queue.

import type { FastifyError } from 'fastify'
import type { RankError } from '../../crds/rank.ts'
import { QueueFullError, RequestTimeoutError } from './micro-batcher.ts'

export interface HttpErrorOptions {
  /** JSON pointer (RFC 6901) into the body. */
  readonly field?: string
  readonly headers?: Readonly<Record<string, string>>
}

export class HttpError extends Error {
  readonly status: number
  readonly code: string
  readonly field: string | undefined
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, code: string, message: string, { field, headers = {} }: HttpErrorOptions = {}) {
    super(message)
    this.name = 'HttpError'
    this.status = status
    this.code = code
    this.field = field
    this.headers = headers
  }

  get body(): RankError {
    const { code, message, field } = this
    return { error: { code, message, ...(field === undefined ? {} : { field }) } }
  }
}

const retryAfter = { 'retry-after': '1' }

export const unavailable = (message: string): HttpError =>
  new HttpError(503, 'Unavailable', message, { headers: retryAfter })

/** What fastify itself refuses, by its code. */
const frameworkErrors: Readonly<Record<string, [status: number, code: string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: [413, 'BodyTooLarge'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [415, 'UnsupportedMediaType'],
  FST_ERR_CTP_INVALID_JSON_BODY: [400, 'MalformedJson'],
  FST_ERR_CTP_EMPTY_JSON_BODY: [400, 'MalformedJson'],
}

/** Undefined for what is nobody's fault but ours. */
export function toHttpError(error: unknown): HttpError | undefined {
  if (error instanceof HttpError) return error
  if (error instanceof QueueFullError) return new HttpError(429, 'QueueFull', error.message, { headers: retryAfter })
  if (error instanceof RequestTimeoutError) return new HttpError(503, 'Timeout', error.message, { headers: retryAfter })
  if (!(error instanceof Error)) return undefined
  const { code, statusCode, message } = error as Partial<FastifyError> & Error
  const known = code === undefined ? undefined : frameworkErrors[code]
  if (known !== undefined) return new HttpError(...known, message)
  return statusCode !== undefined && statusCode >= 400 && statusCode < 500
    ? new HttpError(statusCode, 'BadRequest', message)
    : undefined
}
