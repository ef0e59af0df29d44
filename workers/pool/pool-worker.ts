import { randomUUID } from 'node:crypto'
import { type Job, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import {
  failureReasons,
  heartbeatSeconds,
  type JobFailure,
  type JobPayload,
  type JobProgress,
  type JobResult,
  keys,
  type WorkerRegistration,
} from '../../crds/jobs.ts'
import type { ProgressUpdate } from '../processors/context.ts'
import { type JobHostOptions, RunningJob } from './job-host.ts'

export interface PoolWorkerOptions extends JobHostOptions {
  redisUrl: string
  queue: string
  pod: string
  node: string
  engine: string
  now: () => number
}

/** A lock lives this long without renewal; the main thread is idle, so renewals come in time unless it is frozen. */
const lockMilliseconds = 15_000
const stalledCheckMilliseconds = 5000
const progressMilliseconds = 500

interface HeldJob {
  id: string
  startToken: string
  running: RunningJob
}

/**
 * Takes the jobs of one pool's queue, one at a time. Each job that it takes gets a new start token; a job whose token
 * is no longer the registered one is somebody else's by now and is stopped.
 */
export class PoolWorker {
  readonly #options: PoolWorkerOptions
  readonly #redis: Redis
  readonly #subscriber: Redis
  readonly #worker: Worker
  #held: HeldJob | undefined
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> = Promise.resolve()
  #registration: WorkerRegistration

  constructor(options: PoolWorkerOptions) {
    this.#options = options
    const { pod, node, engine } = options
    this.#registration = { pod, node, engine, state: 'Idle', since: options.now(), heartbeat: options.now() }
    this.#redis = new Redis(options.redisUrl, { maxRetriesPerRequest: null })
    this.#subscriber = new Redis(options.redisUrl, { maxRetriesPerRequest: null })
    this.#worker = new Worker(options.queue, (job) => this.#process(job), {
      connection: { url: options.redisUrl, maxRetriesPerRequest: null },
      prefix: keys.prefix,
      autorun: false,
      concurrency: 1,
      lockDuration: lockMilliseconds,
      stalledInterval: stalledCheckMilliseconds,
      maxStalledCount: 1,
    })
    const warn = (error: Error) => this.#options.log.warn(error.message)
    this.#redis.on('error', warn)
    this.#subscriber.on('error', warn)
    this.#worker.on('error', warn)
  }

  get ready(): boolean {
    return this.#redis.status === 'ready' && this.#worker.isRunning() && this.#registration.state !== 'Drained'
  }

  async start(): Promise<void> {
    await this.#subscriber.subscribe(keys.wake(this.#options.queue))
    this.#subscriber.on('message', () => void this.#look())
    await this.#look()
    this.#timer = setInterval(() => void this.#look(), heartbeatSeconds * 1000)
    this.#worker.run().catch((error: unknown) => this.#options.log.warn(String(error)))
  }

  /** Stops the job at hand, which goes back to the operator, and leaves. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#held?.running.stop({
      reason: failureReasons.workerStopped,
      message: `worker ${this.#options.pod} was told to end`,
      retryable: true,
    })
    await this.#worker.close().catch((error: unknown) => this.#options.log.warn(String(error)))
    await this.#redis.hdel(keys.workers(this.#options.queue), this.#options.pod).catch(() => 0)
    this.#redis.disconnect()
    this.#subscriber.disconnect()
  }

  /** One look at what the operator wants, never two at a time; also the heartbeat. */
  #look(): Promise<void> {
    this.#looking = this.#looking
      .then(() => this.#lookOnce())
      .catch((error: unknown) => this.#options.log.warn(`heartbeat failed: ${String(error)}`))
    return this.#looking
  }

  async #lookOnce(): Promise<void> {
    const { queue, pod } = this.#options
    const draining = (await this.#redis.exists(keys.drain(queue, pod))) === 1
    if (draining && !this.#worker.isPaused()) await this.#worker.pause(true)
    if (!draining && this.#worker.isPaused()) this.#worker.resume()
    const held = this.#held
    if (held) {
      const failure = await this.#stopReason(held.id, held.startToken)
      if (failure) held.running.stop(failure)
    }
    await this.#register(draining)
  }

  async #register(draining: boolean): Promise<void> {
    const held = this.#held
    const state = held ? (draining ? 'Draining' : 'Busy') : draining ? 'Drained' : 'Idle'
    const wasBusy = this.#registration.jobId !== undefined
    const now = this.#options.now()
    const { pod, node, engine, since } = this.#registration
    this.#registration = {
      pod,
      node,
      engine,
      state,
      ...(held ? { jobId: held.id } : {}),
      since: wasBusy === (held !== undefined) ? since : now,
      heartbeat: now,
    }
    await this.#redis.hset(keys.workers(this.#options.queue), pod, JSON.stringify(this.#registration))
  }

  async #process(job: Job): Promise<JobResult> {
    const payload = job.data as JobPayload
    const id = job.id ?? ''
    const { queue, pod, node, engine, log } = this.#options
    if (payload.engine !== engine) throw asJobError({ ...engineMismatch(payload.engine, engine), engine })
    const startToken = randomUUID()
    await this.#redis.set(keys.startToken(queue, id), startToken, 'EX', 7 * 86_400)
    const cancelled = await this.#stopReason(id, startToken)
    if (cancelled) throw asJobError({ ...cancelled, startToken })
    const running = new RunningJob(
      payload,
      startToken,
      {
        onProgress: this.#progressWriter(job, startToken),
        mayWrite: () => this.#stopReason(id, startToken),
      },
      this.#options,
    )
    this.#held = { id, startToken, running }
    const { kind, namespace, name, attempt } = payload
    log.info('Takes a job', { kind, namespace, name, attempt })
    try {
      await this.#register(false)
      const end = await running.end
      if ('failure' in end) {
        const { reason, message } = end.failure
        log.warn('Ends the job without a result', { kind, namespace, name, attempt, reason, because: message })
        throw asJobError({ ...end.failure, startToken })
      }
      log.info('Has done the job', { kind, namespace, name, attempt, artifact: end.outcome.artifact.digest })
      const { uid, inputDigest } = payload
      return { uid, inputDigest, startToken, ...end.outcome, worker: { pod, node } }
    } finally {
      this.#held = undefined
      await this.#look()
    }
  }

  /** Why the job shall stop, if it shall. Waits while Redis is away: without it nobody knows whose job it is. */
  async #stopReason(id: string, startToken: string): Promise<JobFailure | undefined> {
    const { queue } = this.#options
    const [cancelled, current] = await this.#redis.mget(keys.cancel(queue, id), keys.startToken(queue, id))
    if (typeof cancelled === 'string') return { reason: failureReasons.cancelled, message: cancelled, retryable: true }
    if (current === startToken) return undefined
    return {
      reason: failureReasons.superseded,
      message: current ? 'another worker took the job over' : 'Redis lost the job; the operator adds it again',
      retryable: true,
    }
  }

  #progressWriter(job: Job, startToken: string): (update: ProgressUpdate) => void {
    const { pod, node, now, log } = this.#options
    let last = 0
    let phase = { name: '', firstStep: 0, startedAt: 0 }
    return (update) => {
      const same = update.phase === phase.name
      if (same && now() - last < progressMilliseconds && update.step < update.totalSteps) return
      last = now()
      if (!same) phase = { name: update.phase, firstStep: update.step, startedAt: last }
      const remaining = remainingSeconds(update, phase.firstStep, (last - phase.startedAt) / 1000)
      const progress: JobProgress = {
        startToken,
        ...update,
        ...(remaining === undefined ? {} : { estimatedSecondsRemaining: remaining }),
        worker: { pod, node },
      }
      job.updateProgress(progress).catch((error: unknown) => log.warn(`progress was not written: ${String(error)}`))
    }
  }
}

/** A resumed phase starts in the middle, so speed is that of the steps done here. */
function remainingSeconds(update: ProgressUpdate, firstStep: number, elapsed: number): number | undefined {
  const done = update.step - firstStep
  return done > 0 ? Math.ceil((elapsed / done) * Math.max(0, update.totalSteps - update.step)) : undefined
}

function engineMismatch(asked: string, own: string): JobFailure {
  return {
    reason: failureReasons.engineMismatch,
    message: `the job asks for the engine "${asked}", this worker is "${own}"; let all Pods of the pool run on one kind of CPU (spec.template)`,
    retryable: true,
  }
}

/** BullMQ keeps an error's message as the failed reason, so the message is the failure itself. */
const asJobError = (failure: JobFailure): Error => new Error(JSON.stringify(failure))
