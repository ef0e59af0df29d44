import { Queue, QueueEvents } from 'bullmq'
import { Redis } from 'ioredis'
import {
  type Engine,
  heartbeatLimitSeconds,
  type JobFailure,
  type JobPayload,
  type JobProgress,
  type JobResult,
  jobId,
  keys,
  type WorkerRegistration,
} from '../../crds/jobs.ts'
import { type Backlog, type JobQueue, type JobState, QueueUnavailableError } from './job-queue.ts'

/** Cancelled and drained marks outlive any worker that could still need them, and then go by themselves. */
const markSeconds = 86_400
/** Finished jobs are read within seconds; the bound only keeps Redis small when nobody reads. */
const retention = { age: 86_400, count: 1000 }
const commandTimeoutMilliseconds = 5000
const unstarted: ReadonlySet<string> = new Set(['waiting', 'prioritized', 'delayed', 'waiting-children'])

export interface BullmqQueueOptions {
  redisUrl: string
  now: () => number
  onError: (error: Error) => void
}

/** JobQueue on BullMQ 6 and Redis 6.2 or later. */
export class BullmqQueue implements JobQueue {
  readonly #options: BullmqQueueOptions
  readonly #redis: Redis
  readonly #queues = new Map<string, Queue>()
  readonly #events = new Map<string, QueueEvents>()
  readonly #listeners = new Set<(queue: string, id: string) => void>()

  constructor(options: BullmqQueueOptions) {
    this.#options = options
    // A producer fails fast: the reconcile that asked is tried again anyway, and must not hang meanwhile.
    this.#redis = new Redis(options.redisUrl, {
      maxRetriesPerRequest: 1,
      enableOfflineQueue: false,
      commandTimeout: commandTimeoutMilliseconds,
      retryStrategy: (attempt) => Math.min(1000 * 2 ** (attempt - 1), 5000),
    })
    this.#redis.on('error', options.onError)
  }

  /** Resolves when Redis answered for the first time. */
  async connect(timeoutMilliseconds: number): Promise<void> {
    if (this.#redis.status === 'ready') return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const timer = setTimeout(() => reject(new QueueUnavailableError('answer', 'timeout')), timeoutMilliseconds)
    this.#redis.once('ready', resolve)
    await promise.finally(() => clearTimeout(timer))
  }

  async enqueue(queue: string, payload: JobPayload): Promise<void> {
    const id = jobId(payload.uid, payload.attempt)
    await this.#guard('take the job', () =>
      this.#queue(queue).add(payload.kind, payload, {
        jobId: id,
        attempts: 1,
        removeOnComplete: retention,
        removeOnFail: retention,
      }),
    )
  }

  async job(queue: string, id: string): Promise<JobState> {
    return this.#guard('tell about the job', async () => {
      const jobs = this.#queue(queue)
      // The state first: a job that was read before it may lack the result of which the state tells.
      const state = await jobs.getJobState(id)
      const [job, startToken] = await Promise.all([jobs.getJob(id), this.#redis.get(keys.startToken(queue, id))])
      if (!job) return { state: 'Absent' }
      const token = startToken === null ? {} : { startToken }
      if (state === 'completed') return { state: 'Completed', ...token, result: job.returnvalue as JobResult }
      if (state === 'failed') return { state: 'Failed', ...token, failure: parseFailure(job.failedReason) }
      if (state === 'active') {
        const progress = isProgress(job.progress) ? { progress: job.progress } : {}
        return { state: 'Active', ...token, ...progress }
      }
      return state === 'unknown' ? { state: 'Absent' } : { state: 'Waiting' }
    })
  }

  async cancel(queue: string, id: string, reason: string): Promise<void> {
    await this.#guard('cancel the job', async () => {
      // The mark comes first: a worker that takes the job between the two steps finds it.
      await this.#redis.set(keys.cancel(queue, id), reason, 'EX', markSeconds)
      await this.#redis.publish(keys.wake(queue), id)
      const job = await this.#queue(queue).getJob(id)
      // A job that has finished meanwhile keeps its result: the work is done.
      if (job && unstarted.has(await job.getState())) await job.remove().catch(ignoreLocked)
    })
  }

  async remove(queue: string, id: string): Promise<void> {
    await this.#guard('remove the job', async () => {
      const job = await this.#queue(queue).getJob(id)
      await job?.remove().catch(ignoreLocked)
      await this.#redis.del(keys.startToken(queue, id))
    })
  }

  async backlog(queue: string): Promise<Backlog> {
    return this.#guard('count the jobs', async () => {
      const counts = await this.#queue(queue).getJobCounts('waiting', 'prioritized', 'delayed', 'active')
      return {
        waiting: (counts.waiting ?? 0) + (counts.prioritized ?? 0) + (counts.delayed ?? 0),
        active: counts.active ?? 0,
      }
    })
  }

  async workers(queue: string): Promise<WorkerRegistration[]> {
    return this.#guard('list the workers', async () => {
      const fields = await this.#redis.hvals(keys.workers(queue))
      const oldest = this.#options.now() - heartbeatLimitSeconds * 1000
      return fields
        .map((field) => JSON.parse(field) as WorkerRegistration)
        .filter(({ heartbeat }) => heartbeat >= oldest)
        .sort((a, b) => (a.pod < b.pod ? -1 : 1))
    })
  }

  async drain(queue: string, pod: string): Promise<void> {
    await this.#guard('drain the worker', async () => {
      await this.#redis.set(keys.drain(queue, pod), '1', 'EX', markSeconds)
      await this.#redis.publish(keys.wake(queue), pod)
    })
  }

  async forgetWorker(queue: string, pod: string): Promise<void> {
    await this.#guard('forget the worker', async () => {
      await this.#redis.hdel(keys.workers(queue), pod)
      await this.#redis.del(keys.drain(queue, pod))
    })
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
    if (this.#events.has(queue)) return
    const events = new QueueEvents(queue, {
      prefix: keys.prefix,
      connection: { url: this.#options.redisUrl, maxRetriesPerRequest: null },
    })
    events.on('error', this.#options.onError)
    for (const name of ['active', 'progress', 'completed', 'failed', 'stalled', 'removed'] as const)
      events.on(name, ({ jobId: id }: { jobId: string }) => {
        for (const listener of this.#listeners) listener(queue, id)
      })
    this.#events.set(queue, events)
  }

  async close(): Promise<void> {
    this.#listeners.clear()
    await Promise.allSettled([...this.#events.values()].map((events) => events.close()))
    await Promise.allSettled([...this.#queues.values()].map((queue) => queue.close()))
    this.#redis.disconnect()
  }

  #queue(name: string): Queue {
    const known = this.#queues.get(name)
    if (known) return known
    const queue = new Queue(name, { prefix: keys.prefix, connection: this.#redis, skipVersionCheck: true })
    queue.on('error', this.#options.onError)
    this.#queues.set(name, queue)
    return queue
  }

  async #guard<T>(what: string, call: () => Promise<T>): Promise<T> {
    // BullMQ would wait for the connection, however long that takes.
    if (this.#redis.status !== 'ready') throw new QueueUnavailableError(what, 'there is no connection')
    try {
      return await call()
    } catch (error) {
      throw new QueueUnavailableError(what, error)
    }
  }
}

/** A job that a worker holds cannot be removed; the cancel mark makes that worker end it. */
function ignoreLocked(error: unknown): void {
  if (!(error instanceof Error) || !/lock/i.test(error.message)) throw error
}

function isProgress(value: unknown): value is JobProgress {
  return typeof value === 'object' && value !== null && 'startToken' in value && 'step' in value
}

/** What the API server takes as the reason of a condition, as far as status has room for it. */
const reasonPattern = /^[A-Za-z][A-Za-z0-9_]{0,63}$/

/** What a worker did not say in our words (a stall, a crash of its process) may work the next time. */
export function parseFailure(failedReason: string | undefined): JobFailure {
  const unknown: JobFailure = {
    reason: 'WorkerLost',
    message: failedReason ?? 'the worker ended without a word',
    retryable: true,
  }
  if (!failedReason?.startsWith('{')) return unknown
  try {
    const failure = JSON.parse(failedReason) as Partial<JobFailure>
    if (typeof failure.reason !== 'string' || typeof failure.message !== 'string') return unknown
    if (!reasonPattern.test(failure.reason)) return unknown
    return { ...failure, reason: failure.reason, message: failure.message, retryable: failure.retryable === true }
  } catch {
    return unknown
  }
}
