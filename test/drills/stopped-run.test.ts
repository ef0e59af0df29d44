import { expect, test } from 'vitest'
import {
  applyInputs,
  applyTraining,
  awaitRun,
  awaitStep,
  awaitSucceeded,
  deleteTraining,
  eventually,
  patchTraining,
  readRun,
  type TestCluster,
  TRAINING_RUN,
  withLocalCluster,
  workerLog,
  workerStates,
} from '../support/local-cluster.ts'

const awaitIdleWorker = (cluster: TestCluster, namespace: string) =>
  eventually('the only worker is idle', async () => (await workerStates(cluster, namespace)).join() === 'Idle')

test('a run that is suspended frees its worker and goes on when resumed', async (context) => {
  await withLocalCluster(context, async (cluster) => {
    await applyInputs(cluster, 'suspended')
    await applyTraining(cluster, 'suspended')
    await awaitStep(cluster, 'suspended', 60)
    expect(await workerStates(cluster, 'suspended')).toEqual(['Busy'])
    await patchTraining(cluster, 'suspended', { suspend: true })
    await awaitRun(cluster, 'suspended', TRAINING_RUN, ({ state }) => state === 'Suspended', 10)
    await awaitIdleWorker(cluster, 'suspended')

    await patchTraining(cluster, 'suspended', { suspend: false })
    const { failures, attempt, worker } = await awaitSucceeded(cluster, 'suspended')
    expect(failures ?? 0).toBe(0)
    expect(attempt).toBe(2)
    const lines = await workerLog(cluster, 'suspended', worker?.pod ?? '')
    expect(lines.find(({ msg }) => msg === 'Goes on from a checkpoint')?.step).toBeGreaterThanOrEqual(40)
  })
}, 300_000)

test('a run that is deleted or out of time frees its worker', async (context) => {
  await withLocalCluster(context, async (cluster) => {
    await applyInputs(cluster, 'ended')
    await applyTraining(cluster, 'ended')
    await awaitStep(cluster, 'ended', 20)
    expect(await workerStates(cluster, 'ended')).toEqual(['Busy'])
    await deleteTraining(cluster, 'ended')
    await eventually('the run is gone', async () => (await readRun(cluster, 'ended', TRAINING_RUN)) === undefined)
    await awaitIdleWorker(cluster, 'ended')

    // Well before its end, and on a slow machine before its first step.
    await applyTraining(cluster, 'ended', { activeDeadlineSeconds: 4, seed: 2 })
    const { failure, conditions, artifact } = await awaitRun(
      cluster,
      'ended',
      TRAINING_RUN,
      ({ state, failure }) => state === 'DeadlineExceeded' && failure !== undefined,
    )
    expect(failure?.final).toBe(true)
    expect(conditions?.find(({ type }) => type === 'Stalled')).toMatchObject({
      status: 'True',
      reason: 'DeadlineExceeded',
    })
    expect(artifact).toBeUndefined()
    await awaitIdleWorker(cluster, 'ended')
  })
}, 300_000)
