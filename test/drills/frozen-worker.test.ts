import { expect, test } from 'vitest'
import type { Checkpoints } from '../../workers/artifacts/store.ts'
import {
  applyInputs,
  applyTraining,
  awaitCheckpoint,
  awaitRun,
  awaitStep,
  awaitSucceeded,
  eventually,
  type TestCluster,
  TRAINING_RUN,
  trainingEpochs,
  withLocalCluster,
  workerLog,
  workerProcess,
  workerStates,
} from '../support/local-cluster.ts'

interface FrozenWorker {
  pod: string
  /** Of the hold that it has on the job. */
  startToken: string | undefined
  thaw(): void
}

/** Stops every thread of the worker that trains: it keeps its job, its connections and its files, and says no word. */
async function freezeWorker(cluster: TestCluster, namespace: string): Promise<FrozenWorker> {
  const { worker, startToken } = await awaitStep(cluster, namespace, 60)
  const pod = worker?.pod ?? ''
  const pid = await workerProcess(cluster, namespace, pod)
  process.kill(pid, 'SIGSTOP')
  return { pod, startToken, thaw: () => process.kill(pid, 'SIGCONT') }
}

async function awaitTakeOver(cluster: TestCluster, namespace: string, from: FrozenWorker) {
  const taken = await awaitRun(
    cluster,
    namespace,
    TRAINING_RUN,
    ({ worker }) => worker !== undefined && worker.pod !== from.pod,
  )
  await awaitCheckpoint(cluster, namespace, taken)
  return taken
}

const long = { maxEpochs: 1.5 * trainingEpochs }

const superseded = async (cluster: TestCluster, namespace: string, pod: string) =>
  (await workerLog(cluster, namespace, pod)).some(({ reason }) => reason === 'Superseded')

async function newest(checkpoints: Checkpoints): Promise<{ step: number; token: string } | undefined> {
  const found = await checkpoints.latest()
  return found && { step: found.step, token: found.token }
}

test('a worker that thaws while another one has its job writes nothing, and the bytes are those of an unbroken run', async (context) => {
  await withLocalCluster(context, async (cluster) => {
    const two = { minReplicas: 2, maxReplicas: 2 }
    for (const namespace of ['frozen', 'unbroken']) await applyInputs(cluster, namespace, two)
    await applyTraining(cluster, 'unbroken', long)
    const unbroken = await awaitSucceeded(cluster, 'unbroken')
    // Long enough for the first one to thaw, and to be told, before the second one is through.
    await applyTraining(cluster, 'frozen', long)
    const first = await freezeWorker(cluster, 'frozen')
    const taken = await awaitTakeOver(cluster, 'frozen', first)
    expect(taken.worker?.pod).not.toBe(first.pod)
    const checkpoints = cluster.store.checkpoints('frozen', taken.inputDigest ?? '')
    const before = await newest(checkpoints)
    first.thaw()
    await eventually('the first worker gives the job up', () => superseded(cluster, 'frozen', first.pod))
    const kept = await newest(checkpoints)

    const { startToken, attempt, failures, artifact, worker } = await awaitSucceeded(cluster, 'frozen')
    expect(startToken).toBe(taken.startToken)
    expect(worker?.pod).toBe(taken.worker?.pod)
    // What is newer than at the thaw is the second worker's.
    if (kept?.step !== before?.step) expect(kept?.token).toBe(taken.startToken)
    expect(attempt).toBe(1)
    expect(failures ?? 0).toBe(0)
    expect(artifact).toMatchObject({ digest: unbroken.artifact?.digest, reused: false })
    await eventually(
      'both workers are idle',
      async () => (await workerStates(cluster, 'frozen')).join() === 'Idle,Idle',
    )
  })
}, 300_000)

test('a worker that thaws when another one has ended its job changes nothing', async (context) => {
  await withLocalCluster(context, async (cluster) => {
    await applyInputs(cluster, 'late', { minReplicas: 2, maxReplicas: 2 })
    await applyTraining(cluster, 'late')
    const first = await freezeWorker(cluster, 'late')
    const { artifact, startToken, inputDigest } = await awaitSucceeded(cluster, 'late')
    expect(startToken).not.toBe(first.startToken)
    const checkpoints = cluster.store.checkpoints('late', inputDigest ?? '')
    const before = await newest(checkpoints)
    first.thaw()
    await eventually('the first worker gives the job up', () => superseded(cluster, 'late', first.pod))

    await eventually('both workers are idle', async () => (await workerStates(cluster, 'late')).join() === 'Idle,Idle')
    const after = await awaitSucceeded(cluster, 'late')
    expect(after.startToken).toBe(startToken)
    expect(after.artifact).toEqual(artifact)
    expect(await newest(checkpoints)).toEqual(before)
    await expect(cluster.store.open(artifact?.digest ?? '')).resolves.toMatchObject({ digest: artifact?.digest })
  })
}, 300_000)
