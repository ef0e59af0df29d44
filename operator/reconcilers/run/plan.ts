import type { JobFailure, JobProgress } from '../../../crds/jobs.ts'
import { failureReasons } from '../../../crds/jobs.ts'
import type { RunStatus } from '../../../crds/run.ts'
import { timestamp } from '../../cluster/clock.ts'
import { type Readiness, truncate } from '../../control/conditions.ts'
import { retryDelayMs, uncounted } from './failures.ts'
import type { FinishedArtifact, InputState, RunObservation } from './observation.ts'
import { reasons } from './reasons.ts'
import { progressStatus, workerStatus } from './status-fields.ts'

/**
 * The life cycle of a run (docs/architecture.md) as a pure function: what status says next, and what is to be done.
 * Effects follow the status write, so that a crash between the two is made good by the next look: a job that is not
 * there is added, one that is there is a no-op.
 */

export type RunAction =
  | { do: 'enqueue'; attempt: number }
  | { do: 'cancel'; attempt: number; reason: string }
  | { do: 'remove'; attempt: number }
  /** `inputDigest` is that of the run which made it; status may go on to another one in the same plan. */
  | { do: 'record'; inputDigest: string; artifact: FinishedArtifact }
  | { do: 'deleteObject' }
  | { do: 'dropFinalizer' }
  | { do: 'wake'; kind: string; name: string }

export interface RunEvent {
  type: 'Normal' | 'Warning'
  reason: string
  message: string
}

export interface RunPlan {
  status: RunStatus
  /** Absent while the object is being deleted: nobody reads conditions then. */
  readiness?: Readiness
  actions: RunAction[]
  /** Set with a newly accepted or reused artifact: its summary goes into status. */
  finished?: FinishedArtifact
  events: RunEvent[]
  /** When to look again though nothing happened. */
  requeueAfterMs?: number
}

/** Events of the queue wake a run; this look finds what was lost between. */
export const followMs = 10_000

export function planRun(observation: RunObservation): RunPlan {
  if (observation.deleting) return planDeletion(observation)
  const draft = new Draft(observation)
  draft.handleRetryRequest()
  draft.settleJob()
  draft.restartWhenChanged()
  draft.rebuildWhenMissing()
  return draft.conclude()
}

function planDeletion({ status }: RunObservation): RunPlan {
  const actions: RunAction[] = []
  if (status.activeTime !== undefined && status.attempt !== undefined)
    actions.push({ do: 'cancel', attempt: status.attempt, reason: 'the run was deleted' })
  return { status, actions: [...actions, { do: 'dropFinalizer' }], events: [] }
}

/** `activeTime` is set exactly while a job is wanted: between start and end, suspension and back-off of retries aside. */
class Draft {
  readonly #seen: RunObservation
  #status: RunStatus
  readonly #actions: RunAction[] = []
  readonly #events: RunEvent[] = []
  #finished: FinishedArtifact | undefined

  constructor(observation: RunObservation) {
    this.#seen = observation
    this.#status = { ...observation.status }
  }

  handleRetryRequest(): void {
    const request = this.#seen.retryRequest
    if (request === undefined || request === this.#status.lastHandledRetry) return
    this.#set({ lastHandledRetry: request })
    // An attempt that is on goes on: to start another one beside it would leave a worker to nobody.
    if (this.#status.failure?.final || this.#status.nextRetryTime !== undefined) this.#begin()
  }

  /** A result that is there is taken whatever else changed meanwhile: work that is done is not thrown away. */
  settleJob(): void {
    const { job } = this.#seen
    const { attempt, activeTime, nextRetryTime } = this.#status
    if (attempt === undefined || attempt !== this.#seen.status.attempt || this.#isFinished()) return
    // The job of a failure that was counted stays in sight until it is removed.
    const isOn = activeTime !== undefined && nextRetryTime === undefined
    if (job.state === 'Completed') this.#settleResult(job, attempt, isOn)
    else if (job.state === 'Failed' && isOn) this.#settleFailure(job.failure, attempt)
  }

  #settleResult(job: Extract<RunObservation['job'], { state: 'Completed' }>, attempt: number, isOn: boolean): void {
    const { result, startToken } = job
    const current = result?.inputDigest === this.#status.inputDigest && result?.startToken === startToken
    const delivered = this.#seen.delivered
    if (current && delivered) {
      this.#set({ startToken: result.startToken, worker: workerStatus(result.worker, this.#seen.poolName) })
      this.#accept(delivered, result.reused === true)
      this.#actions.push({ do: 'remove', attempt })
    } else if (isOn && current) {
      const message = `artifact ${result.artifact.digest} is not whole in the store`
      this.#settleFailure({ reason: failureReasons.corruptArtifact, message, retryable: true }, attempt)
    } else if (isOn) {
      const message = 'the result came from a worker that no longer held the job; its artifact is left to collection'
      this.#event('Warning', reasons.resultRefused, message)
      this.#nextAttempt(attempt)
    }
  }

  #settleFailure(failure: JobFailure, attempt: number): void {
    if (!uncounted.includes(failure.reason)) this.#countFailure(failure, attempt)
    else {
      if (failure.reason === failureReasons.engineMismatch && failure.engine) this.#pin(failure.engine)
      this.#nextAttempt(attempt)
    }
  }

  #countFailure(failure: JobFailure, attempt: number): void {
    const failures = (this.#status.failures ?? 0) + 1
    const final = !failure.retryable || failures > this.#seen.backoffLimit
    const tooMany = failure.retryable && final
    const reason = tooMany ? reasons.backoffLimitExceeded : failure.reason
    const message = tooMany
      ? `failed ${failures} times, backoffLimit is ${this.#seen.backoffLimit}; last: ${failure.reason}: ${failure.message}`
      : failure.message
    this.#set({ failures, failure: { reason, message: truncate(message, 4096), final } })
    this.#event('Warning', reason, message)
    this.#actions.push({ do: 'remove', attempt })
    if (final) this.#end()
    else this.#set({ nextRetryTime: timestamp(this.#seen.now + retryDelayMs(failures)) })
  }

  /** A new spec of a kind that goes on for ever (Dataset) starts a new run in the same object. */
  restartWhenChanged(): void {
    const { inputDigest, specChanged } = this.#seen
    if (specChanged || inputDigest === undefined || this.#status.inputDigest === undefined) return
    if (this.#status.inputDigest === inputDigest || this.#status.engine !== this.#seen.engine) return
    this.#cancel('the spec changed')
    this.#clear('inputDigest', 'inputs')
    this.#begin()
  }

  rebuildWhenMissing(): void {
    if (this.#seen.artifactPresent !== false || this.#finished || !this.#isFinished()) return
    const digest = this.#status.artifact?.digest
    this.#event('Warning', reasons.artifactMissing, `artifact ${digest} is not in the store; it is made again`)
    this.#clear('artifact')
    this.#begin()
  }

  conclude(): RunPlan {
    const { specChanged, suspend, inputs } = this.#seen
    if (specChanged) return this.#specChanged()
    if (this.#isFinished() && !this.#pollIsDue()) return this.#concluded()
    if (suspend) return this.#suspended()
    if (inputs.state === 'Invalid') return this.#plan(stalled(reasons.invalidSpec, inputs.message))
    if (this.#deadlineMs() <= this.#seen.now) return this.#deadlineExceeded()
    if (inputs.state === 'Waiting') return this.#waiting(inputs)
    this.#pin(this.#status.engine ?? this.#seen.engine)
    if (this.#status.inputDigest === undefined) return this.#lookAgainAtOnce()
    if (this.#reuse()) return this.#concluded()
    return this.#work()
  }

  /** A job that is on keeps its run followed while an input is made again. */
  #waiting({ message, waitingFor }: Extract<InputState, { state: 'Waiting' }>): RunPlan {
    for (const { kind, name } of waitingFor) this.#actions.push({ do: 'wake', kind, name })
    const plan = this.#plan(reconciling(reasons.dependencyNotReady, message))
    return this.#status.activeTime === undefined ? plan : { ...plan, requeueAfterMs: this.#soonest(followMs) }
  }

  /** The engine changed: what is asked of the store and of the queue needs the digest for the new one. */
  #lookAgainAtOnce(): RunPlan {
    const message = `runs anew on the engine "${this.#status.engine}"`
    return { ...this.#plan(reconciling(reasons.running, message)), requeueAfterMs: 0 }
  }

  #isFinished(): boolean {
    return this.#status.completionTime !== undefined && this.#status.activeTime === undefined
  }

  #pollIsDue(): boolean {
    const { pollPeriodSeconds, now, suspend } = this.#seen
    if (pollPeriodSeconds === 0 || suspend || this.#status.failure?.final) return false
    return now >= this.#pollMs()
  }

  #pollMs(): number {
    return Date.parse(this.#status.completionTime ?? '') + this.#seen.pollPeriodSeconds * 1000
  }

  #reuse(): boolean {
    const { reusable } = this.#seen
    if (!reusable || this.#status.inputDigest !== this.#seen.inputDigest || this.#seen.pollPeriodSeconds > 0)
      return false
    this.#cancel('a finished artifact with the same inputs was found')
    this.#accept(reusable, true)
    return true
  }

  #accept(artifact: FinishedArtifact, reused: boolean): void {
    this.#finished = artifact
    this.#set({ artifact: { digest: artifact.digest, sizeBytes: artifact.sizeBytes, reused } })
    this.#clear('failure', 'failures')
    this.#actions.push({ do: 'record', inputDigest: this.#status.inputDigest ?? '', artifact })
    this.#end()
    const reason = reused ? reasons.reused : reasons.succeeded
    this.#event('Normal', reason, `${reused ? 'found' : 'made'} artifact ${artifact.digest}`)
  }

  #work(): RunPlan {
    const { now, job, poolExists, poolName } = this.#seen
    if (this.#status.activeTime === undefined) this.#start()
    const retryAt = Date.parse(this.#status.nextRetryTime ?? '')
    if (retryAt > now) {
      const { reason, message } = this.#status.failure ?? { reason: '', message: '' }
      const plan = this.#plan(reconciling(reasons.retrying, `tried again after ${reason}: ${message}`))
      return { ...plan, requeueAfterMs: this.#soonest(retryAt - now) }
    }
    if (this.#status.nextRetryTime !== undefined) this.#nextAttempt(this.#status.attempt ?? 0)
    const attempt = this.#status.attempt ?? 1
    const isSeenJob = attempt === this.#seen.status.attempt
    if (isSeenJob && job.state === 'Unknown')
      return this.#following(reasons.queueUnavailable, `${job.message}; the run goes on once Redis answers`)
    if (isSeenJob && job.state === 'Active') return this.#active(job.progress, job.startToken)
    if (!isSeenJob || job.state === 'Absent') this.#actions.push({ do: 'enqueue', attempt })
    if (!poolExists)
      return this.#following(
        reasons.poolNotFound,
        `there is no WorkerPool "${poolName}"; create it, or name another one`,
      )
    return this.#following(reasons.queued, `waits for a worker of pool "${poolName}"`)
  }

  #active(progress: JobProgress | undefined, startToken: string | undefined): RunPlan {
    if (startToken !== undefined) this.#set({ startToken })
    if (progress && progress.startToken === startToken) {
      this.#set({ progress: progressStatus(progress), worker: workerStatus(progress.worker, this.#seen.poolName) })
    }
    return this.#following(reasons.running, `a worker of pool "${this.#seen.poolName}" is at it`)
  }

  #start(): void {
    const now = timestamp(this.#seen.now)
    const attempt = (this.#status.attempt ?? 0) + 1
    this.#set({ attempt, startTime: this.#status.startTime ?? now, activeTime: now })
    this.#clear('progress', 'nextRetryTime')
    this.#event('Normal', reasons.queued, `asked pool "${this.#seen.poolName}" for a worker, attempt ${attempt}`)
  }

  /** Back to the state before the start, so that the run starts with its next attempt. */
  #begin(): void {
    this.#clear('failure', 'failures', 'completionTime', 'activeTime', 'nextRetryTime', 'progress')
  }

  #nextAttempt(attempt: number): void {
    this.#actions.push({ do: 'remove', attempt })
    this.#set({ attempt: attempt + 1 })
    this.#clear('nextRetryTime')
  }

  #pin(engine: string): void {
    const { inputs, inputDigest, engine: seenEngine } = this.#seen
    if (engine !== seenEngine) {
      // The digest is that of another engine: the next look computes it anew for this one.
      this.#set({ engine })
      this.#clear('inputDigest')
    } else if (inputs.state === 'Ready' && inputDigest !== undefined) {
      this.#set({ engine, inputDigest, inputs: inputs.digests })
    }
  }

  #end(): void {
    this.#set({ completionTime: timestamp(this.#seen.now) })
    this.#clear('activeTime', 'nextRetryTime')
    if (this.#status.progress && !this.#status.failure) {
      const { totalSteps } = this.#status.progress
      const { estimatedSecondsRemaining: _, ...progress } = this.#status.progress
      this.#set({ progress: { ...progress, step: totalSteps, percent: 100 } })
    }
  }

  #cancel(reason: string): void {
    const { attempt, activeTime } = this.#status
    if (attempt !== undefined && activeTime !== undefined) this.#actions.push({ do: 'cancel', attempt, reason })
  }

  #suspended(): RunPlan {
    this.#cancel('the run was suspended')
    this.#clear('activeTime', 'nextRetryTime')
    // Only the look for new data was stopped: what was pinned stays.
    if (this.#isFinished()) return this.#concluded()
    const message = 'suspended; set spec.suspend to false to go on'
    return this.#plan({
      state: 'held',
      reason: reasons.suspended,
      message,
      own: [{ type: 'Suspended', status: 'True', reason: reasons.suspended, message, negative: true }],
    })
  }

  #deadlineExceeded(): RunPlan {
    const message = `active longer than activeDeadlineSeconds (${this.#seen.activeDeadlineSeconds}); raise it and annotate adloom.dev/retry`
    this.#cancel('its deadline passed')
    this.#set({ failure: { reason: reasons.deadlineExceeded, message, final: true } })
    this.#event('Warning', reasons.deadlineExceeded, message)
    this.#end()
    return this.#concluded()
  }

  #specChanged(): RunPlan {
    this.#cancel('the spec changed')
    this.#clear('activeTime')
    const message = 'the spec changed after the run had started; change it back, or create a new run'
    return this.#plan(stalled(reasons.specChanged, message))
  }

  #concluded(): RunPlan {
    const { failure, artifact, completionTime } = this.#status
    const plan = failure?.final
      ? this.#plan(stalled(failure.reason, failure.message))
      : this.#plan({
          state: 'ready',
          reason: artifact?.reused ? reasons.reused : reasons.succeeded,
          message: artifact?.reused
            ? `a finished artifact with the same inputs was taken: ${artifact.digest}`
            : `artifact ${artifact?.digest}`,
        })
    const { ttlSecondsAfterFinished: ttl, now, pollPeriodSeconds, suspend } = this.#seen
    const ends = Date.parse(completionTime ?? '') + (ttl ?? Number.POSITIVE_INFINITY) * 1000
    if (ends <= now) return { ...plan, actions: [...plan.actions, { do: 'deleteObject' }] }
    const polls = pollPeriodSeconds > 0 && !suspend && !failure?.final ? this.#pollMs() : Number.POSITIVE_INFINITY
    const next = Math.min(ends, polls)
    return Number.isFinite(next) ? { ...plan, requeueAfterMs: next - now } : plan
  }

  /** A revision that was pinned stays Ready while the source is looked at again. */
  #following(reason: string, message: string): RunPlan {
    const { artifact, completionTime } = this.#status
    const stillReady = artifact !== undefined && completionTime !== undefined && !this.#status.failure
    const plan = stillReady ? this.#concludedWhilePolling() : this.#plan(reconciling(reason, message))
    return { ...plan, requeueAfterMs: this.#soonest(followMs) }
  }

  #concludedWhilePolling(): RunPlan {
    const { artifact } = this.#status
    const reason = artifact?.reused ? reasons.reused : reasons.succeeded
    return this.#plan({ state: 'ready', reason, message: `artifact ${artifact?.digest}` })
  }

  #deadlineMs(): number {
    const { activeDeadlineSeconds } = this.#seen
    if (activeDeadlineSeconds === undefined || this.#status.activeTime === undefined) return Number.POSITIVE_INFINITY
    return Date.parse(this.#status.activeTime) + activeDeadlineSeconds * 1000
  }

  #soonest(delayMs: number): number {
    return Math.max(0, Math.min(delayMs, this.#deadlineMs() - this.#seen.now))
  }

  #plan(readiness: Readiness): RunPlan {
    const finished = this.#finished
    return {
      status: this.#status,
      readiness,
      actions: this.#actions,
      events: this.#events,
      ...(finished ? { finished } : {}),
    }
  }

  #event(type: RunEvent['type'], reason: string, message: string): void {
    this.#events.push({ type, reason, message })
  }

  #set(fields: Partial<RunStatus>): void {
    this.#status = { ...this.#status, ...fields }
  }

  #clear(...names: (keyof RunStatus)[]): void {
    const status = { ...this.#status }
    for (const name of names) delete status[name]
    this.#status = status
  }
}

const reconciling = (reason: string, message: string): Readiness => ({ state: 'reconciling', reason, message })
const stalled = (reason: string, message: string): Readiness => ({ state: 'stalled', reason, message })
