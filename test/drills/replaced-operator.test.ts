import { expect, test } from 'vitest'
import {
  applyInputs,
  applyTraining,
  awaitStep,
  awaitSucceeded,
  eventually,
  readRun,
  TRAINING_RUN,
  workerStates,
} from '../support/local-cluster.ts'
import { end, withOperatorProcesses } from '../support/operator-process.ts'

test('a worker goes on without an operator, and the next operator takes its result', async (context) => {
  await withOperatorProcesses(context, async (cluster) => {
    const first = cluster.startOperator()
    await applyInputs(cluster, 'replaced')
    await applyTraining(cluster, 'replaced')
    const before = await awaitStep(cluster, 'replaced', 60)
    await end(first)
    expect(await workerStates(cluster, 'replaced')).toEqual(['Busy'])
    // It finishes while nobody is there to see it.
    await eventually('the worker is done', async () => (await workerStates(cluster, 'replaced')).join() === 'Idle', 60)
    expect((await readRun(cluster, 'replaced', TRAINING_RUN))?.status?.artifact).toBeUndefined()

    cluster.startOperator()
    const { startToken, attempt, failures, artifact } = await awaitSucceeded(cluster, 'replaced')
    expect(startToken).toBe(before.startToken)
    expect(attempt).toBe(1)
    expect(failures ?? 0).toBe(0)
    expect(artifact?.reused).toBe(false)
  })
}, 300_000)
