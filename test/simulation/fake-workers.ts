import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type JobKind, type JobPayload, type JobResult, queueName } from '../../crds/jobs.ts'
import type { Clock } from '../../operator/cluster/clock.ts'
import { QueueUnavailableError } from '../../operator/queue/job-queue.ts'
import { labels } from '../../operator/reconcilers/names.ts'
import type { Pod } from '../../operator/reconcilers/pod-template.ts'
import { digestOf } from '../../workers/artifacts/digest.ts'
import type { ArtifactStore, JsonObject } from '../../workers/artifacts/store.ts'
import type { FakeQueue } from './fake-queue.ts'

export const workerEngine = 'engine of the workers'

const measured = { name: 'Recall@10', value: 0.25, low: 0.2, high: 0.3 }

/** What each kind of job finds out; the bytes of the artifact follow from its inputs alone. */
const summaries: Record<JobKind, JsonObject> = {
  Dataset: {
    sourceDigest: digestOf('logs'),
    users: 10,
    items: 5,
    interactions: 50,
    badRows: 0,
    badRowExamples: [],
    popularityShares: [1],
  },
  TokenizerBuild: {
    items: 5,
    levels: 2,
    collisionRate: 0,
    reconstructionError: 0.1,
    utilization: [0.5, 0.5],
    codebooks: 'Learned',
    codebooksReason: 'NothingToReuse',
    codeShares: [0.5, 0.5],
  },
  TrainingRun: { epochs: 2, bestEpoch: 1, trainingLoss: 1.5, validationNdcg: 0.125, parameters: 100 },
  Evaluation: { cases: 10, metrics: [measured], gates: [{ name: 'good', passed: true, message: '0.25 >= 0.1' }] },
}

interface HeldJob {
  id: string
  payload: JobPayload
  startToken: string
  step: number
}

interface Worker {
  pod: string
  queue: string
  since: number
  job?: HeldJob
}

const totalSteps = 3

export interface FakeWorkersOptions {
  queue: FakeQueue
  store: ArtifactStore
  clock: Clock
}

/** A worker in every Pod of a pool: takes a job, makes a step of it a second, publishes its artifact. */
export class FakeWorkers {
  readonly #options: FakeWorkersOptions
  readonly #workers = new Map<string, Worker>()
  #tokens = 0
  /** `kind name` of every job that was taken, in order. */
  readonly taken: string[] = []
  /** Jobs whose Pod was taken away while they were at work. */
  readonly cutOff: string[] = []
  /** Asked with every job that is about to be completed: how it ends instead. */
  endsWith: (payload: JobPayload) => { reason: string; retryable: boolean } | undefined = () => undefined
  /** Whether the gates of evaluations hold. */
  passes = true
  /** What a model has over the champion that it is measured beside, with the interval. */
  gain = { difference: 0.02, low: 0.01, high: 0.03 }

  constructor(options: FakeWorkersOptions) {
    this.#options = options
  }

  /** One second of all of them. */
  async work(pods: readonly Pod[]): Promise<void> {
    this.#follow(pods)
    for (const worker of this.#workers.values()) {
      try {
        await this.#workOne(worker)
      } catch (error) {
        // Without Redis a worker waits, as nobody can tell whose job it is.
        if (!(error instanceof QueueUnavailableError)) throw error
      }
    }
  }

  /** Bytes and digest follow from the inputs, as those of a real job do. */
  async publish(payload: JobPayload): Promise<{ digest: string; sizeBytes: number }> {
    const { kind, inputDigest } = payload
    const summary = kind === 'Evaluation' ? this.#judgement(payload) : summaries[kind]
    const { digest, sizeBytes } = await this.#options.store.publish(
      { kind, inputDigest, metadata: { summary } },
      (folder) => writeFile(join(folder, 'made.txt'), inputDigest),
    )
    return { digest, sizeBytes }
  }

  #judgement({ inputs }: JobPayload): JsonObject {
    const gates = this.passes ? {} : { gates: [{ name: 'good', passed: false, message: '0.25 < 0.5' }] }
    const comparison = inputs.champion ? { comparison: [{ metric: measured.name, ...this.gain }] } : {}
    return { ...summaries.Evaluation, ...comparison, ...gates }
  }

  resultOf(payload: JobPayload, startToken: string, artifact: JobResult['artifact'], pod: string): JobResult {
    const { uid, inputDigest, kind } = payload
    return {
      uid,
      inputDigest,
      startToken,
      artifact,
      summary: summaries[kind],
      worker: { pod, node: 'node' },
    }
  }

  #follow(pods: readonly Pod[]): void {
    const present = new Map(pods.map((pod) => [pod.metadata.uid ?? '', pod]))
    for (const [uid, worker] of this.#workers) {
      if (present.has(uid)) continue
      if (worker.job) this.cutOff.push(`${worker.job.payload.kind} ${worker.job.payload.name}`)
      this.#workers.delete(uid)
    }
    for (const [uid, { metadata }] of present) {
      const pool = metadata.labels?.[labels.pool]
      if (pool === undefined || this.#workers.has(uid)) continue
      const queue = queueName(metadata.namespace ?? '', pool)
      this.#workers.set(uid, { pod: metadata.name, queue, since: this.#options.clock.now() })
    }
  }

  async #workOne(worker: Worker): Promise<void> {
    const { queue } = this.#options
    const drained = queue.isDrained(worker.queue, worker.pod)
    const { job } = worker
    if (job) await this.#step(worker, job)
    else if (!drained) this.#take(worker)
    this.#register(worker, drained)
  }

  #register(worker: Worker, drained: boolean): void {
    const { queue, clock } = this.#options
    const { pod, job, since } = worker
    const state = job ? (drained ? 'Draining' : 'Busy') : drained ? 'Drained' : 'Idle'
    queue.register(worker.queue, {
      pod,
      node: 'node',
      engine: workerEngine,
      state,
      ...(job ? { jobId: job.id } : {}),
      since,
      heartbeat: clock.now(),
    })
  }

  #take(worker: Worker): void {
    const { queue, clock } = this.#options
    const startToken = `token-${++this.#tokens}`
    const taken = queue.take(worker.queue, startToken)
    if (!taken) return
    const { id, payload } = taken
    if (payload.engine !== workerEngine) {
      const failure = { reason: 'EngineMismatch', message: 'another engine', retryable: true, engine: workerEngine }
      queue.finish(worker.queue, id, startToken, { failure })
      return
    }
    this.taken.push(`${payload.kind} ${payload.name}`)
    worker.job = { id, payload, startToken, step: 0 }
    worker.since = clock.now()
  }

  async #step(worker: Worker, job: HeldJob): Promise<void> {
    const { queue } = this.#options
    const { id, payload, startToken } = job
    const stopped = queue.stopReason(worker.queue, id, startToken)
    if (stopped) {
      queue.finish(worker.queue, id, startToken, { failure: stopped })
      return this.#release(worker)
    }
    job.step++
    if (job.step < totalSteps) {
      const place = { pod: worker.pod, node: 'node' }
      const { step } = job
      queue.report(worker.queue, id, { startToken, phase: 'Working', step, totalSteps, worker: place })
      return
    }
    const failure = this.endsWith(payload)
    if (failure) queue.finish(worker.queue, id, startToken, { failure: { ...failure, message: 'as told' } })
    else {
      const artifact = await this.publish(payload)
      const result = this.resultOf(payload, startToken, artifact, worker.pod)
      queue.finish(worker.queue, id, startToken, { result })
    }
    this.#release(worker)
  }

  #release(worker: Worker): void {
    delete worker.job
    worker.since = this.#options.clock.now()
  }
}
