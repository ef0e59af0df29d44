import { expect, test } from 'vitest'
import {
  applyInputs,
  applyTraining,
  awaitStep,
  awaitSucceeded,
  readRun,
  TRAINING_RUN,
  withLocalCluster,
  workerLog,
} from '../support/local-cluster.ts'

test('a run goes on from its checkpoint when operator, node and API server are started again', async (context) => {
  await withLocalCluster(context, async (cluster) => {
    await applyInputs(cluster, 'restarted')
    await applyTraining(cluster, 'restarted')
    const before = await awaitStep(cluster, 'restarted', 60)
    const uid = (await readRun(cluster, 'restarted', TRAINING_RUN))?.metadata.uid
    await cluster.restart()

    const { startToken, failures, inputDigest, worker, artifact } = await awaitSucceeded(cluster, 'restarted')
    expect((await readRun(cluster, 'restarted', TRAINING_RUN))?.metadata.uid).toBe(uid)
    expect(inputDigest).toBe(before.inputDigest)
    expect(startToken).not.toBe(before.startToken)
    expect(failures ?? 0).toBe(0)
    expect(artifact?.reused).toBe(false)
    const lines = await workerLog(cluster, 'restarted', worker?.pod ?? '')
    expect(lines.find(({ msg }) => msg === 'Goes on from a checkpoint')?.step).toBeGreaterThanOrEqual(40)
  })
}, 300_000)
