import { expect, onTestFinished, test } from 'vitest'
import { chain, isReady, isSettled, type Observed, runsOnce } from './chain.ts'
import { namespace, resourceNamed, Simulation } from './simulation.ts'

async function training(): Promise<Simulation> {
  const simulation = await Simulation.start()
  onTestFinished(() => simulation.stop())
  await simulation.apply(...chain)
  await simulation.until('training is on', async () => (await stateOf(simulation, 'TrainingRun')) === 'Running')
  return simulation
}

const stateOf = async (simulation: Simulation, kind: string) =>
  (await simulation.find<Observed>(kind, 'chain'))?.status?.state

test('while Redis is away runs and pools say so and Pods stay; a run that is deleted goes all the same', async () => {
  const simulation = await training()
  simulation.queue.isDown = true
  await simulation.pass(20)
  expect(await stateOf(simulation, 'TrainingRun')).toBe('QueueUnavailable')
  expect(await stateOf(simulation, 'WorkerPool')).toBe('QueueUnavailable')
  const pool = await simulation.find<Observed & { status?: { replicas?: number } }>('WorkerPool', 'chain')
  expect(pool?.status?.replicas).toBe(1)
  await simulation.client.delete(resourceNamed('Evaluation'), { namespace, name: 'chain' })
  await simulation.client.delete(resourceNamed('TrainingRun'), { namespace, name: 'chain' })
  await simulation.pass(10)
  expect(await simulation.find('TrainingRun', 'chain')).toBeUndefined()

  simulation.queue.isDown = false
  await simulation.apply(...chain)
  await simulation.until('the chain is settled', () => isSettled(simulation))
})

test('while the operator does not reach the store nothing is decided, and what was Ready stays so', async () => {
  const simulation = await training()
  const before = await simulation.find<Observed>('Dataset', 'chain')
  expect(isReady(before)).toBe(true)
  simulation.isStoreAway = true
  await simulation.pass(120)
  expect((await simulation.find<Observed>('Dataset', 'chain'))?.status).toEqual(before?.status)
  expect(await stateOf(simulation, 'TrainingRun')).toBe('Running')
  expect(simulation.log.lines.map(({ message }) => message)).toContain('Reconcile failed')

  simulation.isStoreAway = false
  await simulation.until('the chain is settled', () => isSettled(simulation))
  expect([...new Set(simulation.workers.taken)]).toEqual(runsOnce)
})
