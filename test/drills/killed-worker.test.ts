import { expect, test } from 'vitest'
import {
  applyInputs,
  applyTraining,
  awaitStep,
  awaitSucceeded,
  withLocalCluster,
  workerLog,
  workerProcess,
} from '../support/local-cluster.ts'

test('a run whose worker is killed goes on from a checkpoint and ends with the same bytes', async (context) => {
  await withLocalCluster(context, async (cluster) => {
    for (const namespace of ['unbroken', 'broken']) {
      await applyInputs(cluster, namespace)
      await applyTraining(cluster, namespace)
    }
    const { worker } = await awaitStep(cluster, 'broken', 60)
    const pod = worker?.pod ?? ''
    const pid = await workerProcess(cluster, 'broken', pod)
    process.kill(pid, 'SIGKILL')

    const [broken, unbroken] = await Promise.all([
      awaitSucceeded(cluster, 'broken'),
      awaitSucceeded(cluster, 'unbroken'),
    ])
    const resumed = (await workerLog(cluster, 'broken', pod)).find(({ msg }) => msg === 'Goes on from a checkpoint')
    expect(resumed?.step).toBeGreaterThanOrEqual(40)
    expect(resumed?.pid).not.toBe(pid)
    expect(broken.inputs).toEqual(unbroken.inputs)
    expect(broken.inputDigest).toBe(unbroken.inputDigest)
    expect(broken.artifact?.reused).toBe(false)
    expect(broken.artifact?.digest).toBe(unbroken.artifact?.digest)
    expect(broken.startToken).not.toBe(unbroken.startToken)
  })
}, 300_000)
