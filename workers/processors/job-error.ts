import type { JobFailure } from '../../crds/jobs.ts'

/** Why a job failed, in words that a person can act on. `retryable`: whether the same again may work. */
export class JobError extends Error {
  readonly reason: string
  readonly retryable: boolean

  /** @param reason CamelCase; becomes the reason of the condition */
  constructor(reason: string, message: string, options: { retryable: boolean; cause?: unknown }) {
    super(message, { cause: options.cause })
    this.name = 'JobError'
    this.reason = reason
    this.retryable = options.retryable
  }
}

/** Any error in the words of the queue. Only errors that say so themselves are final. */
export function toJobFailure(error: unknown): JobFailure {
  const message = error instanceof Error ? error.message : String(error)
  if (saysWhy(error)) return { reason: error.reason, message, retryable: error.retryable }
  const name = error instanceof Error ? error.name.replace(/Error$/, '') : 'Failed'
  const retryable = !(error instanceof Error && 'retryable' in error && error.retryable === false)
  return { reason: /^[A-Z][A-Za-z]+$/.test(name) ? name : 'WorkFailed', message, retryable }
}

/** A JobError, or an error of a room below that knows its reason and whether to try again. */
function saysWhy(error: unknown): error is Error & { reason: string; retryable: boolean } {
  if (!(error instanceof Error) || !('reason' in error) || !('retryable' in error)) return false
  return typeof error.reason === 'string' && typeof error.retryable === 'boolean'
}
