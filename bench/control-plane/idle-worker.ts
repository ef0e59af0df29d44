import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Job, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import {
  type DatasetSummary,
  type EvaluationSummary,
  heartbeatSeconds,
  type JobKind,
  type JobPayload,
  type JobResult,
  jobKinds,
  keys,
  queueName,
  type TokenizerSummary,
  type TrainingSummary,
  type WorkerRegistration,
} from '../../crds/jobs.ts'
import { digestOf } from '../../workers/artifacts/digest.ts'
import { describeEngine } from '../../workers/artifacts/engine.ts'
import type { ArtifactReference, ArtifactStore, JsonObject } from '../../workers/artifacts/store.ts'
import { namespace } from './objects.ts'

const dataset: DatasetSummary = {
  ...{ sourceDigest: digestOf('source'), users: 10, items: 10, interactions: 100, badRows: 0 },
  ...{ badRowExamples: [], popularityShares: [1] },
}
const tokenizer: TokenizerSummary = {
  ...{ items: 10, levels: 1, collisionRate: 0, reconstructionError: 0, utilization: [1] },
  ...{ codebooks: 'Learned', codebooksReason: 'nothing was to be reused', codeShares: [1] },
}
const training: TrainingSummary = { epochs: 1, bestEpoch: 1, trainingLoss: 1, validationNdcg: 0, parameters: 1 }
const evaluation: EvaluationSummary = { cases: 1, metrics: [], gates: [] }
const summaries: Record<JobKind, object> = {
  Dataset: dataset,
  TokenizerBuild: tokenizer,
  TrainingRun: training,
  Evaluation: evaluation,
}

type Artifacts = Record<JobKind, ArtifactReference>

/** Jobs that it holds at a time, of each queue. */
const concurrency = 16

/**
 * The worker of each pool of the benchmark's namespace. It keeps the protocol of the queue (crds/jobs.ts: registration,
 * start token, result) and does no work: every job of a kind is answered with one artifact that was published before.
 */
export async function startIdleWorker(
  redisUrl: string,
  store: ArtifactStore,
  pools: readonly string[],
): Promise<{ stop(): Promise<void> }> {
  const artifacts = await publishArtifacts(store)
  const redis = new Redis(redisUrl, { maxRetriesPerRequest: null })
  const queues = pools.map((pool) => queueName(namespace, pool))
  await register(redis, queues)
  const heartbeat = setInterval(() => void register(redis, queues), heartbeatSeconds * 1000)
  const workers = queues.map(
    (queue) =>
      new Worker(queue, (job) => answer(job, queue, redis, artifacts), {
        ...{ connection: { url: redisUrl, maxRetriesPerRequest: null }, prefix: keys.prefix, concurrency },
      }),
  )
  return {
    async stop() {
      clearInterval(heartbeat)
      await Promise.all(workers.map((worker) => worker.close()))
      redis.disconnect()
    },
  }
}

async function answer(job: Job, queue: string, redis: Redis, artifacts: Artifacts): Promise<JobResult> {
  const { uid, inputDigest, kind } = job.data as JobPayload
  const startToken = randomUUID()
  await redis.set(keys.startToken(queue, job.id ?? ''), startToken, 'EX', 86_400)
  const { digest, sizeBytes } = artifacts[kind]
  const result = { uid, inputDigest, startToken, artifact: { digest, sizeBytes } }
  return { ...result, summary: summaries[kind], worker }
}

const worker = { pod: 'bench', node: 'bench' }

async function register(redis: Redis, queues: readonly string[]): Promise<void> {
  const now = Date.now()
  const state: WorkerRegistration = { ...worker, engine: describeEngine(), state: 'Idle', since: now, heartbeat: now }
  for (const queue of queues) await redis.hset(keys.workers(queue), worker.pod, JSON.stringify(state))
}

async function publishArtifacts(store: ArtifactStore): Promise<Artifacts> {
  const published = jobKinds.map(async (kind) => {
    const summary = summaries[kind] as JsonObject
    const request = { kind, inputDigest: digestOf(kind), metadata: { summary } }
    return [kind, await store.publish(request, (folder) => writeFile(join(folder, 'nothing'), 'nothing'))]
  })
  return Object.fromEntries(await Promise.all(published))
}
