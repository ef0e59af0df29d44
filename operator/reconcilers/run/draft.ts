import type { RunStatus } from '../../../crds/run.ts'
import { timestamp } from '../../cluster/clock.ts'
import type { Readiness } from '../../control/conditions.ts'
import type { FinishedArtifact, RunObservation } from './observation.ts'
import { reasons } from './reasons.ts'

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

/**
 * A plan in the making: the moves that a run can make, each of which keeps status whole.
 *
 * `activeTime` is set exactly while a job is wanted: between start and end, suspension and back-off of retries aside.
 */
export class Draft {
  readonly seen: RunObservation
  readonly #actions: RunAction[] = []
  readonly #events: RunEvent[] = []
  #status: RunStatus
  #finished: FinishedArtifact | undefined

  constructor(observation: RunObservation) {
    this.seen = observation
    this.#status = { ...observation.status }
  }

  get status(): Readonly<RunStatus> {
    return this.#status
  }

  /** Whether this very plan has taken a result. */
  get hasResult(): boolean {
    return this.#finished !== undefined
  }

  get isFinished(): boolean {
    return this.#status.completionTime !== undefined && this.#status.activeTime === undefined
  }

  /** Where the present attempt is. */
  get pool(): string {
    return this.#status.pool ?? this.seen.poolName
  }

  set(fields: Partial<RunStatus>): void {
    this.#status = { ...this.#status, ...fields }
  }

  clear(...names: (keyof RunStatus)[]): void {
    const status = { ...this.#status }
    for (const name of names) delete status[name]
    this.#status = status
  }

  act(action: RunAction): void {
    this.#actions.push(action)
  }

  tell(type: RunEvent['type'], reason: string, message: string): void {
    this.#events.push({ type, reason, message })
  }

  /** Back to the state before the start, so that the run starts with its next attempt. */
  begin(): void {
    this.clear('failure', 'failures', 'completionTime', 'activeTime', 'nextRetryTime', 'progress')
  }

  start(): void {
    const now = timestamp(this.seen.now)
    const attempt = (this.#status.attempt ?? 0) + 1
    this.set({ attempt, startTime: this.#status.startTime ?? now, activeTime: now })
    this.clear('progress', 'nextRetryTime')
    this.tell('Normal', reasons.queued, `asked pool "${this.seen.poolName}" for a worker, attempt ${attempt}`)
  }

  nextAttempt(attempt: number): void {
    this.act({ do: 'remove', attempt })
    this.set({ attempt: attempt + 1 })
    this.clear('nextRetryTime')
  }

  pin(engine: string): void {
    const { inputs, inputDigest, engine: seenEngine } = this.seen
    if (engine !== seenEngine) {
      // The digest is that of another engine: the next look computes it anew for this one.
      this.set({ engine })
      this.clear('inputDigest')
    } else if (inputs.state === 'Ready' && inputDigest !== undefined) {
      this.set({ engine, inputDigest, inputs: inputs.digests })
    }
  }

  /** A job that is on stays in no queue that its run has left. */
  moveToPool(): void {
    const { poolName } = this.seen
    const { pool, attempt } = this.#status
    if (pool !== undefined && pool !== poolName && attempt !== undefined && attempt === this.seen.status.attempt) {
      this.cancel(`the run was moved to pool "${poolName}"`)
      this.set({ attempt: attempt + 1 })
      this.clear('progress')
    }
    this.set({ pool: poolName })
  }

  cancel(reason: string): void {
    const { attempt, activeTime } = this.#status
    if (attempt !== undefined && activeTime !== undefined) this.act({ do: 'cancel', attempt, reason })
  }

  accept(artifact: FinishedArtifact, reused: boolean): void {
    this.#finished = artifact
    this.set({ artifact: { digest: artifact.digest, sizeBytes: artifact.sizeBytes, reused } })
    this.clear('failure', 'failures')
    // Work that is over before anyone saw it go on is done all the same.
    if (!reused && !this.#status.progress)
      this.set({ progress: { phase: 'Done', step: 1, totalSteps: 1, percent: 100 } })
    this.act({ do: 'record', inputDigest: this.#status.inputDigest ?? '', artifact })
    this.end()
    const reason = reused ? reasons.reused : reasons.succeeded
    this.tell('Normal', reason, `${reused ? 'found' : 'made'} artifact ${artifact.digest}`)
  }

  end(): void {
    this.set({ completionTime: timestamp(this.seen.now) })
    this.clear('activeTime', 'nextRetryTime')
    if (this.#status.progress && !this.#status.failure) {
      const { totalSteps } = this.#status.progress
      const { estimatedSecondsRemaining: _, ...progress } = this.#status.progress
      this.set({ progress: { ...progress, step: totalSteps, percent: 100 } })
    }
  }

  plan(readiness: Readiness): RunPlan {
    const finished = this.#finished
    return {
      status: this.#status,
      readiness,
      actions: this.#actions,
      events: this.#events,
      ...(finished ? { finished } : {}),
    }
  }
}
