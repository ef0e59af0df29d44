import type { Engine, JobFailure, JobPayload, JobProgress, JobResult, WorkerRegistration } from '../../crds/jobs.ts'

/** What the queue knows of a job. `startToken` is the token of the worker that took it last. */
export type JobState =
  | { state: 'Absent' }
  | { state: 'Waiting' }
  | { state: 'Active'; startToken?: string; progress?: JobProgress }
  | { state: 'Completed'; startToken?: string; result: JobResult }
  | { state: 'Failed'; startToken?: string; failure: JobFailure }

export interface Backlog {
  waiting: number
  active: number
}

/**
 * Producer side of the queues, one a WorkerPool. Every call may throw QueueUnavailableError: Redis is a cache of intent,
 * so the caller goes on from status and asks again. Nothing here is the record of anything.
 */
export interface JobQueue {
  /** Adds the job; a job with that id that is still there makes this a silent no-op. */
  enqueue(queue: string, payload: JobPayload): Promise<void>
  job(queue: string, id: string): Promise<JobState>
  /** Tells whichever worker holds the job to stop, and removes it where none does. */
  cancel(queue: string, id: string, reason: string): Promise<void>
  /** Forgets a finished job. */
  remove(queue: string, id: string): Promise<void>
  backlog(queue: string): Promise<Backlog>
  /** Workers that said something of themselves lately. */
  workers(queue: string): Promise<WorkerRegistration[]>
  /** Tells the worker of a Pod to take no more jobs; it answers by its registration's state. */
  drain(queue: string, pod: string): Promise<void>
  forgetWorker(queue: string, pod: string): Promise<void>
  /** Engine of the pool's workers, as the last of them that registered said. */
  engine(queue: string): Promise<Engine | undefined>
  /** Calls back with a job id whenever something happened to it. Events may be lost: look again now and then. */
  onChange(listener: (queue: string, id: string) => void): () => void
  /** Listens to a queue's events from now on. */
  follow(queue: string): void
  close(): Promise<void>
}

export class QueueUnavailableError extends Error {
  constructor(what: string, cause: unknown) {
    super(`Redis did not ${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    this.name = 'QueueUnavailableError'
  }
}
