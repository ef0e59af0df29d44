import {
  type Engine,
  heartbeatLimitSeconds,
  type JobFailure,
  type JobPayload,
  type JobProgress,
  type JobResult,
  jobId,
  type WorkerRegistration,
} from '../../crds/jobs.ts'
import type { Clock } from '../../operator/cluster/clock.ts'
import { type Backlog, type JobQueue, type JobState, QueueUnavailableError } from '../../operator/queue/job-queue.ts'

interface Job {
  payload: JobPayload
  state: 'Waiting' | 'Active' | 'Completed' | 'Failed'
  progress?: JobProgress
  result?: JobResult
  failure?: JobFailure
}

/** What Redis holds for one pool. */
interface Held {
  jobs: Map<string, Job>
  tokens: Map<string, string>
  cancelled: Map<string, string>
  workers: Map<string, WorkerRegistration>
  drained: Set<string>
}

const nothing = (): Held => ({
  jobs: new Map(),
  tokens: new Map(),
  cancelled: new Map(),
  workers: new Map(),
  drained: new Set(),
})

/** The queues in memory, as test/operator/queue shows that they are on Redis, with the side that workers see. */
export class FakeQueue implements JobQueue {
  readonly #clock: Clock
  readonly #held = new Map<string, Held>()
  readonly #followed = new Set<string>()
  readonly #listeners = new Set<(queue: string, id: string) => void>()
  /** Nobody is answered. */
  isDown = false
  /** Whether the next event gets lost on its way to the operator. */
  losesEvent: () => boolean = () => false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async enqueue(queue: string, payload: JobPayload): Promise<void> {
    const { jobs } = this.#of(queue, 'take the job')
    const id = jobId(payload.uid, payload.attempt)
    if (!jobs.has(id)) jobs.set(id, { payload: structuredClone(payload), state: 'Waiting' })
  }

  async job(queue: string, id: string): Promise<JobState> {
    const { jobs, tokens } = this.#of(queue, 'tell about the job')
    const job = jobs.get(id)
    const startToken = tokens.get(id)
    const token = startToken === undefined ? {} : { startToken }
    if (!job) return { state: 'Absent' }
    if (job.result) return { state: 'Completed', ...token, result: structuredClone(job.result) }
    if (job.failure) return { state: 'Failed', ...token, failure: structuredClone(job.failure) }
    if (job.state === 'Waiting') return { state: 'Waiting' }
    return { state: 'Active', ...token, ...(job.progress ? { progress: structuredClone(job.progress) } : {}) }
  }

  async cancel(queue: string, id: string, reason: string): Promise<void> {
    const { jobs, cancelled } = this.#of(queue, 'cancel the job')
    cancelled.set(id, reason)
    if (jobs.get(id)?.state === 'Waiting') jobs.delete(id)
  }

  async remove(queue: string, id: string): Promise<void> {
    const { jobs, tokens } = this.#of(queue, 'remove the job')
    if (jobs.get(id)?.state !== 'Active') jobs.delete(id)
    tokens.delete(id)
  }

  async backlog(queue: string): Promise<Backlog> {
    const { jobs } = this.#of(queue, 'count the jobs')
    const count = (state: Job['state']) => [...jobs.values()].filter((job) => job.state === state).length
    return { waiting: count('Waiting'), active: count('Active') }
  }

  async workers(queue: string): Promise<WorkerRegistration[]> {
    const oldest = this.#clock.now() - heartbeatLimitSeconds * 1000
    const { workers } = this.#of(queue, 'list the workers')
    return [...workers.values()]
      .filter(({ heartbeat }) => heartbeat >= oldest)
      .map((worker) => ({ ...worker }))
      .sort((a, b) => (a.pod < b.pod ? -1 : 1))
  }

  async drain(queue: string, pod: string): Promise<void> {
    this.#of(queue, 'drain the worker').drained.add(pod)
  }

  async forgetWorker(queue: string, pod: string): Promise<void> {
    const { workers, drained } = this.#of(queue, 'forget the worker')
    workers.delete(pod)
    drained.delete(pod)
  }

  async engine(queue: string): Promise<Engine | undefined> {
    const workers = await this.workers(queue)
    return workers.toSorted((a, b) => b.heartbeat - a.heartbeat)[0]?.engine
  }

  onChange(listener: (queue: string, id: string) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  follow(queue: string): void {
    this.#followed.add(queue)
  }

  async close(): Promise<void> {
    this.#listeners.clear()
  }

  /** Redis comes back empty. */
  wipe(): void {
    this.#held.clear()
  }

  /** Everything that is still in it, as `state kind name`. */
  jobsLeft(): string[] {
    return [...this.#held.values()].flatMap(({ jobs }) =>
      [...jobs.values()].map(({ state, payload }) => `${state} ${payload.kind} ${payload.name}`),
    )
  }

  // What a worker does with it.

  register(queue: string, worker: WorkerRegistration): void {
    this.#of(queue, 'register').workers.set(worker.pod, worker)
  }

  leave(queue: string, pod: string): void {
    this.#of(queue, 'forget the worker').workers.delete(pod)
  }

  isDrained(queue: string, pod: string): boolean {
    return this.#of(queue, 'tell').drained.has(pod)
  }

  /** Gives the oldest job that waits, to whoever comes with this token from now on. */
  take(queue: string, startToken: string): { id: string; payload: JobPayload } | undefined {
    const { jobs, tokens } = this.#of(queue, 'give a job')
    for (const [id, job] of jobs) {
      if (job.state !== 'Waiting') continue
      job.state = 'Active'
      tokens.set(id, startToken)
      this.#tell(queue, id)
      return { id, payload: structuredClone(job.payload) }
    }
    return undefined
  }

  /** A worker that was silent too long loses its job to the next one, without a word. */
  stall(queue: string): void {
    for (const job of this.#of(queue, 'stall').jobs.values()) if (job.state === 'Active') job.state = 'Waiting'
  }

  stopReason(queue: string, id: string, startToken: string): JobFailure | undefined {
    const { cancelled, tokens } = this.#of(queue, 'tell')
    const reason = cancelled.get(id)
    if (reason !== undefined) return { reason: 'Cancelled', message: reason, retryable: true }
    if (tokens.get(id) === startToken) return undefined
    return { reason: 'Superseded', message: 'another worker took the job over', retryable: true }
  }

  report(queue: string, id: string, progress: JobProgress): void {
    const job = this.#of(queue, 'note progress').jobs.get(id)
    if (job?.state !== 'Active') return
    job.progress = progress
    this.#tell(queue, id)
  }

  /** As BullMQ: only whoever holds the lock of a job can end it. */
  finish(queue: string, id: string, startToken: string, end: { result: JobResult } | { failure: JobFailure }): boolean {
    const { jobs, tokens } = this.#of(queue, 'end the job')
    const job = jobs.get(id)
    if (job?.state !== 'Active' || tokens.get(id) !== startToken) return false
    this.forceFinish(queue, id, end)
    return true
  }

  /** Ends a job whoever holds it: what a queue that has lost its locks lets happen. */
  forceFinish(queue: string, id: string, end: { result: JobResult } | { failure: JobFailure }): void {
    const job = this.#of(queue, 'end the job').jobs.get(id)
    if (!job) return
    if ('result' in end) Object.assign(job, { state: 'Completed', result: end.result })
    else Object.assign(job, { state: 'Failed', failure: end.failure })
    this.#tell(queue, id)
  }

  #of(queue: string, what: string): Held {
    if (this.isDown) throw new QueueUnavailableError(what, 'Redis is down')
    const held = this.#held.get(queue) ?? nothing()
    this.#held.set(queue, held)
    return held
  }

  #tell(queue: string, id: string): void {
    if (!this.#followed.has(queue) || this.losesEvent()) return
    for (const listener of [...this.#listeners]) listener(queue, id)
  }
}
