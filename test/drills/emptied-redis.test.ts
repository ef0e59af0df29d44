import { expect, test } from 'vitest'
import {
  applyInputs,
  applyTraining,
  awaitStep,
  awaitSucceeded,
  withLocalCluster,
  workerLog,
} from '../support/local-cluster.ts'

test('a run whose Redis is emptied is added again, goes on from a checkpoint and succeeds', async (context) => {
  await withLocalCluster(context, async (cluster) => {
    await applyInputs(cluster, 'emptied')
    await applyTraining(cluster, 'emptied')
    const before = await awaitStep(cluster, 'emptied', 60)
    await cluster.redis.flushAll()

    const { startToken, failures, artifact, worker } = await awaitSucceeded(cluster, 'emptied')
    // Another hold of the job: the result is not one that was on its way when Redis was emptied.
    expect(startToken).not.toBe(before.startToken)
    expect(failures ?? 0).toBe(0)
    expect(artifact?.reused).toBe(false)
    const lines = await workerLog(cluster, 'emptied', worker?.pod ?? '')
    expect(lines.find(({ msg }) => msg === 'Goes on from a checkpoint')?.step).toBeGreaterThanOrEqual(40)
  })
}, 300_000)
