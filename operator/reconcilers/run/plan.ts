import type { JobProgress } from '../../../crds/jobs.ts'
import type { Readiness } from '../../control/conditions.ts'
import { Draft, type RunAction, type RunPlan } from './draft.ts'
import type { InputState, RunObservation } from './observation.ts'
import { reasons } from './reasons.ts'
import { settleJob } from './settle.ts'
import { progressStatus, workerStatus } from './status-fields.ts'

export type { RunAction, RunPlan } from './draft.ts'

/** Events of the queue wake a run; this look finds what was lost between. */
export const followMs = 10_000

/**
 * The life cycle of a run (docs/architecture.md) as a pure function: what status says next, and what is to be done.
 * Effects follow the status write, so that a crash between the two is made good by the next look: a job that is not
 * there is added, one that is there is a no-op.
 */
export function planRun(observation: RunObservation): RunPlan {
  if (observation.deleting) return planDeletion(observation)
  const draft = new Draft(observation)
  handleRetryRequest(draft)
  settleJob(draft)
  restartWhenChanged(draft)
  rebuildWhenMissing(draft)
  return conclude(draft)
}

function planDeletion({ status }: RunObservation): RunPlan {
  const actions: RunAction[] = []
  if (status.activeTime !== undefined && status.attempt !== undefined)
    actions.push({ do: 'cancel', attempt: status.attempt, reason: 'the run was deleted' })
  return { status, actions: [...actions, { do: 'dropFinalizer' }], events: [] }
}

function handleRetryRequest(draft: Draft): void {
  const request = draft.seen.retryRequest
  if (request === undefined || request === draft.status.lastHandledRetry) return
  draft.set({ lastHandledRetry: request })
  // An attempt that is on goes on: to start another one beside it would leave a worker to nobody.
  if (draft.status.failure?.final || draft.status.nextRetryTime !== undefined) draft.begin()
}

/** A new spec of a kind that goes on for ever (Dataset) starts a new run in the same object. */
function restartWhenChanged(draft: Draft): void {
  const { inputDigest, specChanged, engine } = draft.seen
  if (specChanged || inputDigest === undefined || draft.status.inputDigest === undefined) return
  if (draft.status.inputDigest === inputDigest || draft.status.engine !== engine) return
  draft.cancel('the spec changed')
  draft.clear('inputDigest', 'inputs')
  draft.begin()
}

function rebuildWhenMissing(draft: Draft): void {
  if (draft.seen.artifactPresent !== false || draft.hasResult || !draft.isFinished) return
  const digest = draft.status.artifact?.digest
  draft.tell('Warning', reasons.artifactMissing, `artifact ${digest} is not in the store; it is made again`)
  draft.clear('artifact')
  draft.begin()
}

function conclude(draft: Draft): RunPlan {
  const { specChanged, suspend, inputs, now, engine } = draft.seen
  if (specChanged) {
    const message = 'the spec changed after the run had started; change it back, or create a new run'
    return halted(draft, 'the spec changed', reasons.specChanged, message)
  }
  if (draft.isFinished && !pollIsDue(draft)) return concluded(draft)
  // What could not be read then may be whole now: logs that a ranker has only begun to write, rows that were mended.
  if (draft.isFinished && draft.status.failure?.final) draft.begin()
  if (suspend) return suspended(draft)
  if (inputs.state === 'Lost') return halted(draft, 'an input is gone', reasons.inputLost, inputs.message)
  if (inputs.state === 'Invalid') return draft.plan(stalled(reasons.invalidSpec, inputs.message))
  if (deadlineMs(draft) <= now) return deadlineExceeded(draft)
  if (inputs.state === 'Waiting') return waiting(draft, inputs)
  draft.pin(draft.status.engine ?? engine)
  if (draft.status.inputDigest === undefined) return lookAgainAtOnce(draft)
  if (reuse(draft)) return concluded(draft)
  return work(draft)
}

/** Not given up: it goes on by itself when what is in the way goes away. */
function halted(draft: Draft, why: string, reason: string, message: string): RunPlan {
  draft.cancel(why)
  draft.clear('activeTime', 'nextRetryTime')
  return draft.plan(stalled(reason, message))
}

/** A job that is on keeps its run followed while an input is made again. */
function waiting(draft: Draft, inputs: Extract<InputState, { state: 'Waiting' }>): RunPlan {
  for (const { kind, name } of inputs.waitingFor) draft.act({ do: 'wake', kind, name })
  const plan = draft.plan(reconciling(reasons.dependencyNotReady, inputs.message))
  const delayMs = draft.status.activeTime === undefined ? inputs.lookAgainMs : followMs
  return delayMs === undefined ? plan : { ...plan, requeueAfterMs: soonest(draft, delayMs) }
}

/** The engine changed: what is asked of the store and of the queue needs the digest for the new one. */
function lookAgainAtOnce(draft: Draft): RunPlan {
  const message = `runs anew on the engine "${draft.status.engine}"`
  return { ...draft.plan(reconciling(reasons.running, message)), requeueAfterMs: 0 }
}

function pollIsDue(draft: Draft): boolean {
  return polls(draft) && draft.seen.now >= pollMs(draft)
}

/** A deadline is a word of the user's, that only the user takes back. */
const polls = ({ status: { failure }, seen: { pollPeriodSeconds, suspend } }: Draft): boolean =>
  pollPeriodSeconds > 0 && !suspend && failure?.reason !== reasons.deadlineExceeded

const pollMs = ({ status, seen }: Draft): number =>
  Date.parse(status.completionTime ?? '') + seen.pollPeriodSeconds * 1000

function reuse(draft: Draft): boolean {
  const { reusable, inputDigest, pollPeriodSeconds } = draft.seen
  if (!reusable || draft.status.inputDigest !== inputDigest || pollPeriodSeconds > 0) return false
  draft.cancel('a finished artifact with the same inputs was found')
  draft.accept(reusable, true)
  return true
}

function work(draft: Draft): RunPlan {
  const { now, job, poolExists, poolName } = draft.seen
  if (draft.status.activeTime === undefined) draft.start()
  const retryAt = Date.parse(draft.status.nextRetryTime ?? '')
  if (retryAt > now) {
    const { reason, message } = draft.status.failure ?? { reason: '', message: '' }
    const plan = draft.plan(reconciling(reasons.retrying, `tried again after ${reason}: ${message}`))
    return { ...plan, requeueAfterMs: soonest(draft, retryAt - now) }
  }
  if (draft.status.nextRetryTime !== undefined) draft.nextAttempt(draft.status.attempt ?? 0)
  draft.moveToPool()
  const attempt = draft.status.attempt ?? 1
  const isSeenJob = attempt === draft.seen.status.attempt
  if (isSeenJob && job.state === 'Unknown')
    return following(draft, reasons.queueUnavailable, `${job.message}; the run goes on once Redis answers`)
  if (isSeenJob && job.state === 'Active') return active(draft, job.progress, job.startToken)
  if (!isSeenJob || job.state === 'Absent') draft.act({ do: 'enqueue', attempt })
  if (!poolExists) {
    const message = `there is no WorkerPool "${poolName}"; create it, or name another one`
    return following(draft, reasons.poolNotFound, message)
  }
  return following(draft, reasons.queued, `waits for a worker of pool "${poolName}"`)
}

function active(draft: Draft, progress: JobProgress | undefined, startToken: string | undefined): RunPlan {
  if (startToken !== undefined) draft.set({ startToken })
  if (progress && progress.startToken === startToken)
    draft.set({ progress: progressStatus(progress), worker: workerStatus(progress.worker, draft.pool) })
  return following(draft, reasons.running, `a worker of pool "${draft.pool}" is at it`)
}

function suspended(draft: Draft): RunPlan {
  draft.cancel('the run was suspended')
  draft.clear('activeTime', 'nextRetryTime')
  // Only the look for new data was stopped: what was pinned stays.
  if (draft.isFinished) return concluded(draft)
  const message = 'suspended; set spec.suspend to false to go on'
  return draft.plan({
    state: 'held',
    reason: reasons.suspended,
    message,
    own: [{ type: 'Suspended', status: 'True', reason: reasons.suspended, message, negative: true }],
  })
}

function deadlineExceeded(draft: Draft): RunPlan {
  const message = `active longer than activeDeadlineSeconds (${draft.seen.activeDeadlineSeconds}); raise it and annotate adloom.dev/retry`
  draft.cancel('its deadline passed')
  draft.set({ failure: { reason: reasons.deadlineExceeded, message, final: true } })
  draft.tell('Warning', reasons.deadlineExceeded, message)
  draft.end()
  return concluded(draft)
}

function concluded(draft: Draft): RunPlan {
  const { failure, completionTime } = draft.status
  const plan = failure?.final ? draft.plan(stalled(failure.reason, failure.message)) : draft.plan(succeeded(draft))
  const { ttlSecondsAfterFinished: ttl, now } = draft.seen
  const ends = Date.parse(completionTime ?? '') + (ttl ?? Number.POSITIVE_INFINITY) * 1000
  if (ends <= now) return { ...plan, actions: [...plan.actions, { do: 'deleteObject' }] }
  const next = Math.min(ends, polls(draft) ? pollMs(draft) : Number.POSITIVE_INFINITY)
  return Number.isFinite(next) ? { ...plan, requeueAfterMs: next - now } : plan
}

/** A revision that was pinned stays Ready while the source is looked at again. */
function following(draft: Draft, reason: string, message: string): RunPlan {
  const { artifact, completionTime, failure } = draft.status
  const stillReady = artifact !== undefined && completionTime !== undefined && !failure
  const plan = draft.plan(stillReady ? succeeded(draft) : reconciling(reason, message))
  return { ...plan, requeueAfterMs: soonest(draft, followMs) }
}

function succeeded({ status: { artifact } }: Draft): Readiness {
  return artifact?.reused
    ? {
        state: 'ready',
        reason: reasons.reused,
        message: `a finished artifact with the same inputs was taken: ${artifact.digest}`,
      }
    : { state: 'ready', reason: reasons.succeeded, message: `artifact ${artifact?.digest}` }
}

function deadlineMs({ seen: { activeDeadlineSeconds }, status: { activeTime } }: Draft): number {
  if (activeDeadlineSeconds === undefined || activeTime === undefined) return Number.POSITIVE_INFINITY
  return Date.parse(activeTime) + activeDeadlineSeconds * 1000
}

const soonest = (draft: Draft, delayMs: number): number =>
  Math.max(0, Math.min(delayMs, deadlineMs(draft) - draft.seen.now))

const reconciling = (reason: string, message: string): Readiness => ({ state: 'reconciling', reason, message })
const stalled = (reason: string, message: string): Readiness => ({ state: 'stalled', reason, message })
