import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { TestContext } from 'vitest'
import { keys, queueName, type WorkerRegistration } from '../../crds/jobs.ts'
import { apiVersion, resourceOf } from '../../crds/kind.ts'
import { dataset } from '../../crds/kinds/dataset.ts'
import { tokenizerBuild } from '../../crds/kinds/tokenizer-build.ts'
import { type TrainingRun, trainingRun } from '../../crds/kinds/training-run.ts'
import { type WorkerPool, workerPool } from '../../crds/kinds/worker-pool.ts'
import type { RunStatus } from '../../crds/run.ts'
import { type LocalCluster, startLocalCluster } from '../../operator/cli/local-cluster.ts'
import { ifThere } from '../../operator/cluster/errors.ts'
import type { KubernetesObject, Resource } from '../../operator/cluster/objects.ts'
import { NAMESPACE, SERVICE_ACCOUNT } from '../../operator/cluster/resources.ts'
import { defaultLogSettings, LogArchive } from '../../operator/node/log-archive.ts'
import { type DrillApi, startDrillApi } from './drill-api.ts'
import { fakeLog } from './fake-log.ts'
import { startRedis, type TestRedis } from './redis.ts'

/** Everything of Adloom as a person runs it: API server, Redis, node with real worker processes, operator. */
export interface TestCluster extends LocalCluster {
  directory: string
  redis: TestRedis
  log: ReturnType<typeof fakeLog>
  api: DrillApi
  /** Ends everything but Redis and a real API server, and starts it anew from what lies in the folder. */
  restart(): Promise<void>
}

/** What the steps of a drill need of a cluster. */
export type DrillCluster = Pick<TestCluster, 'api' | 'client' | 'directory' | 'redis' | 'prepareNamespace' | 'store'>

export type Run = KubernetesObject & { status?: RunStatus & { state?: string } }

export const DATASET = resourceOf(dataset)
export const TOKENIZER_BUILD = resourceOf(tokenizerBuild)
export const TRAINING_RUN = resourceOf(trainingRun)

/** Of every object; runs ask the WorkerPool of this name unless told otherwise. */
const name = 'default'
const pollMs = 100

/** Runs `drill` on a cluster of its own, whose Redis is private: drills empty it. */
export async function withLocalCluster(
  context: TestContext,
  drill: (cluster: TestCluster) => Promise<void>,
): Promise<void> {
  const { REDIS_URL: given, ...environment } = process.env
  const redis = await startRedis(environment)
  if ('reason' in redis) return context.skip(redis.reason)
  const api = await startDrillApi()
  if ('reason' in api) return context.skip(api.reason)
  const directory = await mkdtemp(join(tmpdir(), 'adloom-drill-'))
  const log = fakeLog()
  const { kubeconfig } = api
  try {
    process.env.REDIS_URL = redis.url
    const start = (fresh: boolean) =>
      startLocalCluster({ directory, fresh, log, report: () => undefined, ...(kubeconfig && { kubeconfig }) })
    let parts = await start(true)
    const cluster: TestCluster = {
      ...parts,
      directory,
      redis,
      log,
      api,
      async restart() {
        await parts.stop()
        parts = await start(false)
        Object.assign(cluster, parts)
      },
    }
    try {
      await drill(cluster)
    } finally {
      await parts.stop()
    }
  } finally {
    if (given === undefined) delete process.env.REDIS_URL
    else process.env.REDIS_URL = given
    await api.stop()
    await redis.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

/** A namespace with a pool of one worker unless told otherwise, a simulated Dataset and its tokenizer. */
export async function applyInputs(
  cluster: DrillCluster,
  namespace: string,
  pool: Partial<WorkerPool['spec']> = { maxReplicas: 1 },
): Promise<void> {
  await cluster.client.apply(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
  // A real API server refuses Pods before its controller manager has made their account.
  if (cluster.api.kubeconfig !== undefined)
    await eventually('the namespace has its service account', () => hasServiceAccount(cluster, namespace))
  await cluster.prepareNamespace(namespace)
  const datasetRef = { name }
  await apply(cluster, namespace, resourceOf(workerPool), pool)
  await apply(cluster, namespace, DATASET, { source: { simulation: { users: 400, items: 100, seed: 7 } } })
  await apply(cluster, namespace, TOKENIZER_BUILD, {
    datasetRef,
    features: { text: { dimensions: 32, buckets: 1024 }, collaborative: { dimensions: 16 } },
    levels: 2,
    codebookSize: 16,
  })
}

async function hasServiceAccount({ client }: DrillCluster, namespace: string): Promise<boolean> {
  const { items } = await client.list(SERVICE_ACCOUNT, { namespace })
  return items.length > 0
}

/** A TrainingRun of some seconds that writes a checkpoint every hundred milliseconds or so. */
export async function applyTraining(
  cluster: DrillCluster,
  namespace: string,
  change: Partial<TrainingRun['spec']> = {},
): Promise<void> {
  await apply(cluster, namespace, TRAINING_RUN, {
    datasetRef: { name },
    tokenizerRef: { name },
    model: { layers: 1, hiddenSize: 32, heads: 2, feedForwardSize: 64, historyLength: 12 },
    optimizer: { learningRate: '0.003', batchSize: 64, warmupSteps: 10 },
    maxEpochs: trainingEpochs,
    earlyStopping: { patienceEpochs: 0, validationUsers: 50 },
    checkpointSteps: 20,
    ...change,
  })
}

// As many as a drill needs to act in the middle of a run on a fast machine, too.
export const trainingEpochs = 100

async function apply(cluster: DrillCluster, namespace: string, resource: Resource, spec: object): Promise<void> {
  const object = { apiVersion, kind: resource.kind, metadata: { name, namespace }, spec }
  await cluster.client.apply(resource, object, { fieldManager: 'drill', force: true })
}

export const patchTraining = (cluster: DrillCluster, namespace: string, spec: Partial<TrainingRun['spec']>) =>
  cluster.client.mergePatch(TRAINING_RUN, { namespace, name }, { spec })

export const deleteTraining = (cluster: DrillCluster, namespace: string) =>
  cluster.client.delete(TRAINING_RUN, { namespace, name })

/** The object, or undefined where it is gone. */
export async function readRun(cluster: DrillCluster, namespace: string, resource: Resource): Promise<Run | undefined> {
  return ifThere(cluster.client.get<Run>(resource, { namespace, name }))
}

/** @throws with the last status when `reached` does not come true in time, or the run is given up before. */
export async function awaitRun(
  cluster: DrillCluster,
  namespace: string,
  resource: Resource,
  reached: (status: RunStatus & { state?: string }) => boolean,
  seconds = 180,
): Promise<RunStatus & { state?: string }> {
  const deadline = performance.now() + seconds * 1000
  for (;;) {
    const status = (await readRun(cluster, namespace, resource))?.status
    if (status && reached(status)) return status
    if (status?.failure?.final || performance.now() > deadline)
      throw new Error(`${resource.kind} in ${namespace} did not get there: ${JSON.stringify(status)}`)
    await sleep(pollMs)
  }
}

export const awaitSucceeded = (cluster: DrillCluster, namespace: string, resource: Resource = TRAINING_RUN) =>
  awaitRun(cluster, namespace, resource, ({ state }) => state === 'Succeeded')

/**
 * Until a checkpoint says that training has gone at least so many steps. The progress in the status is seconds older, in
 * which a run would have to train on for nothing but to be met in its middle.
 */
export async function awaitStep(
  cluster: DrillCluster,
  namespace: string,
  step: number,
): Promise<RunStatus & { state?: string }> {
  const status = await awaitRun(cluster, namespace, TRAINING_RUN, ({ worker }) => worker !== undefined)
  await awaitCheckpoint(cluster, namespace, status, step)
  return status
}

/** Until whoever holds the job, as `status` has it, has written a checkpoint of at least that step. */
export async function awaitCheckpoint(
  { store }: DrillCluster,
  namespace: string,
  { inputDigest = '', startToken }: RunStatus,
  step = 0,
): Promise<void> {
  const checkpoints = store.checkpoints(namespace, inputDigest)
  const isWritten = async () => {
    const newest = await checkpoints.latest()
    return newest !== undefined && newest.token === startToken && newest.step >= step
  }
  await eventually(`a checkpoint of step ${step}`, isWritten, 180)
}

/** @throws when `condition` does not come true in time. */
export async function eventually(what: string, condition: () => Promise<boolean>, seconds = 20): Promise<void> {
  const deadline = performance.now() + seconds * 1000
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${seconds} s`)
    await sleep(pollMs)
  }
}

/** Lines that the worker's present process has written. */
export async function workerLog(
  { directory }: DrillCluster,
  namespace: string,
  pod: string,
): Promise<{ pid: number; msg: string; step?: number; reason?: string }[]> {
  const archive = new LogArchive(join(directory, 'node/logs'), defaultLogSettings)
  const lines = await text(archive.read({ namespace, pod }, () => undefined))
  return lines
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
}

/** The process of a worker. @throws when it is none that the cluster's node has started: it shall get a signal */
export async function workerProcess(cluster: DrillCluster, namespace: string, pod: string): Promise<number> {
  const pid = (await workerLog(cluster, namespace, pod))[0]?.pid ?? 0
  if (!existsSync(join(cluster.directory, 'node/processes', `${pid}.json`)))
    throw new Error(`process ${pid} is not one of the node in ${cluster.directory}`)
  return pid
}

/** What each worker of the namespace's pool says that it does. */
export async function workerStates({ redis }: DrillCluster, namespace: string): Promise<WorkerRegistration['state'][]> {
  const connection = new Redis(redis.url)
  try {
    const registrations = await connection.hvals(keys.workers(queueName(namespace, name)))
    return registrations.map((text) => (JSON.parse(text) as WorkerRegistration).state)
  } finally {
    connection.disconnect()
  }
}
