import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  applyInputs,
  applyTraining,
  awaitStep,
  awaitSucceeded,
  withLocalCluster,
  workerLog,
} from '../support/local-cluster.ts'

test('a run whose worker is killed goes on from a checkpoint and ends with the same bytes', async (context) => {
  await withLocalCluster(context, async (cluster) => {
    for (const namespace of ['unbroken', 'broken']) {
      await applyInputs(cluster, namespace)
      await applyTraining(cluster, namespace)
    }
    const { worker } = await awaitStep(cluster, 'broken', 60)
    const pod = worker?.pod ?? ''
    const pid = (await workerLog(cluster, 'broken', pod))[0]?.pid ?? 0
    // Nobody else's process is ended by mistake: it must be one that this node has started.
    expect(existsSync(join(cluster.directory, 'node/processes', `${pid}.json`))).toBe(true)
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
}, 150_000)
