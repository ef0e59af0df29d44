import { failureReasons, type JobFailure } from '../../../crds/jobs.ts'
import { timestamp } from '../../cluster/clock.ts'
import { truncate } from '../../control/conditions.ts'
import type { Draft } from './draft.ts'
import { retryDelayMs, uncounted } from './failures.ts'
import type { RunObservation } from './observation.ts'
import { reasons } from './reasons.ts'
import { workerStatus } from './status-fields.ts'

type CompletedJob = Extract<RunObservation['job'], { state: 'Completed' }>

/** A result that is there is taken whatever else changed meanwhile: work that is done is not thrown away. */
export function settleJob(draft: Draft): void {
  const { job, status: before } = draft.seen
  const { attempt, activeTime, nextRetryTime } = draft.status
  if (attempt === undefined || attempt !== before.attempt || draft.isFinished) return
  // The job of a failure that was counted stays in sight until it is removed.
  const isOn = activeTime !== undefined && nextRetryTime === undefined
  if (job.state === 'Completed') settleResult(draft, job, attempt, isOn)
  else if (job.state === 'Failed' && isOn) settleFailure(draft, job.failure, attempt)
}

function settleResult(draft: Draft, { result, startToken }: CompletedJob, attempt: number, isOn: boolean): void {
  const { delivered } = draft.seen
  const current = result?.inputDigest === draft.status.inputDigest && result?.startToken === startToken
  if (current && delivered) {
    draft.set({ startToken: result.startToken, worker: workerStatus(result.worker, draft.pool) })
    draft.accept(delivered, result.reused === true)
    draft.act({ do: 'remove', attempt })
  } else if (isOn && current) {
    const message = `artifact ${result.artifact.digest} is not whole in the store`
    settleFailure(draft, { reason: failureReasons.corruptArtifact, message, retryable: true }, attempt)
  } else if (isOn) {
    const message = 'the result came from a worker that no longer held the job; its artifact is left to collection'
    draft.tell('Warning', reasons.resultRefused, message)
    draft.nextAttempt(attempt)
  }
}

function settleFailure(draft: Draft, failure: JobFailure, attempt: number): void {
  const isOtherEngine = failure.reason === failureReasons.engineMismatch
  if (isOtherEngine && failure.engine) draft.pin(failure.engine)
  // A first attempt may have been made out for the wrong engine; a pool of two engines would swap for ever.
  if (uncounted.includes(failure.reason) && !(isOtherEngine && attempt > 1)) draft.nextAttempt(attempt)
  else countFailure(draft, failure, attempt)
}

function countFailure(draft: Draft, failure: JobFailure, attempt: number): void {
  const { backoffLimit, now } = draft.seen
  const failures = (draft.status.failures ?? 0) + 1
  const final = !failure.retryable || failures > backoffLimit
  const tooMany = failure.retryable && final
  const reason = tooMany ? reasons.backoffLimitExceeded : failure.reason
  const message = tooMany
    ? `failed ${failures} times, backoffLimit is ${backoffLimit}; last: ${failure.reason}: ${failure.message}`
    : failure.message
  draft.set({ failures, failure: { reason, message: truncate(message, 4096), final } })
  draft.tell('Warning', reason, message)
  draft.act({ do: 'remove', attempt })
  if (final) draft.end()
  else draft.set({ nextRetryTime: timestamp(now + retryDelayMs(failures)) })
}
