import { expect, test } from 'vitest'
import {
  applyInputs,
  applyTraining,
  awaitRun,
  awaitStep,
  awaitSucceeded,
  eventually,
  patchTraining,
  readRun,
  TRAINING_RUN,
  workerStates,
} from '../support/local-cluster.ts'
import { end, withOperatorProcesses } from '../support/operator-process.ts'

test('a result is kept though the run is suspended and its time to live edited while it finishes', async (context) => {
  await withOperatorProcesses(context, async (cluster) => {
    const first = cluster.startOperator()
    await applyInputs(cluster, 'edited')
    await applyTraining(cluster, 'edited')
    await awaitStep(cluster, 'edited', 60)
    await end(first)
    // The edits and the result are both there before any operator has seen either.
    await eventually('the worker is done', async () => (await workerStates(cluster, 'edited')).join() === 'Idle', 60)
    await patchTraining(cluster, 'edited', { suspend: true, ttlSecondsAfterFinished: 86_400 })

    cluster.startOperator()
    const { artifact, failures, attempt } = await awaitSucceeded(cluster, 'edited')
    expect(artifact?.reused).toBe(false)
    expect(failures ?? 0).toBe(0)
    expect(attempt).toBe(1)
    await patchTraining(cluster, 'edited', { suspend: false })
    expect((await readRun(cluster, 'edited', TRAINING_RUN))?.status?.artifact).toEqual(artifact)

    await patchTraining(cluster, 'edited', { ttlSecondsAfterFinished: 0 })
    await eventually('the run is gone', async () => (await readRun(cluster, 'edited', TRAINING_RUN)) === undefined)
    // Git creates it again: nothing is trained anew.
    await applyTraining(cluster, 'edited')
    const again = await awaitRun(cluster, 'edited', TRAINING_RUN, ({ state }) => state === 'Reused')
    expect(again.artifact).toEqual({ ...artifact, reused: true })
  })
}, 300_000)
