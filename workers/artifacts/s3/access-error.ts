/** What S3 refused, in words that a person can act on. */

import { errorCode, StoreFullError } from '../errors.ts'
import type { S3Location, S3Server } from './location.ts'

export type StoreAccessReason = 'StoreUnreachable' | 'StoreAccessDenied' | 'StoreNotFound' | 'StoreFailed'

/**
 * The store cannot be used as it is set up. It has no cause: what the SDK throws holds requests with their signatures,
 * and a log would show them.
 */
export class StoreAccessError extends Error {
  readonly reason: StoreAccessReason
  /** Whoever mends credentials or the network wants the work to go on by itself. */
  readonly retryable = true
  constructor(reason: StoreAccessReason, message: string) {
    super(message)
    this.name = 'StoreAccessError'
    this.reason = reason
  }
}

const badCredentials: ReadonlySet<string> = new Set([
  'CredentialsProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'IDPRejectedClaim',
  'InvalidAccessKeyId',
  'InvalidClientTokenId',
  'InvalidIdentityToken',
  'InvalidIdentityTokenException',
  'InvalidToken',
  'SignatureDoesNotMatch',
  'TokenProviderError',
  'TokenRefreshRequired',
])
const wrongRegion: ReadonlySet<string> = new Set([
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
  'PermanentRedirect',
])
const full: ReadonlySet<string> = new Set(['InsufficientStorage', 'QuotaExceeded', 'XMinioStorageFull'])
const networkCode =
  /^(ECONN[A-Z]+|EPIPE|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|E(HOST|NET)(UNREACH|DOWN)|ERR_STREAM_PREMATURE_CLOSE|(ERR_TLS|ERR_SSL|CERT|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)_.*)$/

const credentialsAdvice =
  'Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (in a cluster: the Secret adloom-store of the namespace), ' +
  'or the role of the service account'

export interface Attempt {
  /** Of the S3 API, e.g. GetObject. */
  operation: string
  key: string
  location: S3Location
  server: S3Server
}

/** Errors of the SDK become StoreAccessError or StoreFullError; every other one passes as it is. */
export function asAccessError(error: unknown, attempt: Attempt): unknown {
  if (!(error instanceof Error) || error instanceof StoreAccessError || error.name === 'AbortError') return error
  const code = errorCode(error)
  const status = statusOf(error)
  if (full.has(error.name) || status === 507) return new StoreFullError(attempt.location.uri, undefined)
  return describe(error, code, status, attempt) ?? error
}

function describe(
  error: Error,
  code: string | undefined,
  status: number | undefined,
  { operation, key, location, server }: Attempt,
): StoreAccessError | undefined {
  const { bucket, uri } = location
  const place = server.endpoint === undefined ? 'AWS S3' : withoutCredentials(server.endpoint)
  const what = `${operation} of ${JSON.stringify(key)} in ${uri} at ${place}`
  if (badCredentials.has(error.name) || status === 401) {
    const message = `The credentials for ${uri} at ${place} were not accepted (${error.name}). ${credentialsAdvice}.`
    return new StoreAccessError('StoreAccessDenied', message)
  }
  if (error.name === 'NoSuchBucket') {
    const message = `There is no bucket ${bucket} at ${place}. Create it, or correct the URI ${uri} or AWS_ENDPOINT_URL_S3.`
    return new StoreAccessError('StoreNotFound', message)
  }
  if (wrongRegion.has(error.name) || error.message === 'Region is missing' || status === 301) {
    const message = `${what} went to the wrong region or none (${error.name}). Set AWS_REGION to the region of the bucket.`
    return new StoreAccessError('StoreNotFound', message)
  }
  if (error.name === 'RequestTimeTooSkewed') {
    const message = `${what} was refused: the clock of this machine and the server's are too far apart. Set the clock.`
    return new StoreAccessError('StoreAccessDenied', message)
  }
  if (error.name === 'AccessDenied' || status === 403) {
    const message =
      `${what} was denied. The policy must allow s3:ListBucket (without it what is absent counts as denied), ` +
      's3:GetObject, s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload and s3:ListBucketMultipartUploads. ' +
      `${credentialsAdvice}.`
    return new StoreAccessError('StoreAccessDenied', message)
  }
  if (error.name === 'TimeoutError' || (status === undefined && code !== undefined && networkCode.test(code))) {
    const message =
      `${what} got no answer (${code ?? error.name}). Check AWS_ENDPOINT_URL_S3, that the server runs, and that ` +
      'network policies let this Pod reach it.'
    return new StoreAccessError('StoreUnreachable', message)
  }
  if (status === undefined) return undefined
  const id = requestIdOf(error)
  const message = `${what} failed: ${error.name}, status ${status}${id ? `, request ${id}` : ''}. The log of the server tells more.`
  return new StoreAccessError(status >= 500 ? 'StoreUnreachable' : 'StoreFailed', message)
}

interface Metadata {
  httpStatusCode?: number
  requestId?: string
}

const metadataOf = (error: Error): Metadata =>
  '$metadata' in error && typeof error.$metadata === 'object' && error.$metadata !== null ? error.$metadata : {}

export const statusOf = (error: unknown): number | undefined =>
  error instanceof Error ? metadataOf(error).httpStatusCode : undefined

const requestIdOf = (error: Error): string | undefined => metadataOf(error).requestId

/** An endpoint may be written with a password in it. */
function withoutCredentials(endpoint: string): string {
  try {
    const url = new URL(endpoint)
    return `${url.protocol}//${url.host}`
  } catch {
    return 'an endpoint that is no URL'
  }
}
