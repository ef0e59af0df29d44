import { expect, test } from 'vitest'
import { POD } from '../../operator/cluster/resources.ts'
import { chain, dataset, isSettled, runsOnce, workerPool } from './chain.ts'
import { namespace, Simulation } from './simulation.ts'

const resyncsMinutes = 55

test('a chain of all kinds becomes Ready, each run once, and then nothing is written in ten resyncs', async () => {
  const simulation = await Simulation.start()
  try {
    await simulation.apply(...chain)
    await simulation.until('the chain is settled', () => isSettled(simulation))
    expect(simulation.workers.taken).toEqual(runsOnce)
    expect(simulation.workers.cutOff).toEqual([])
    expect(simulation.log.lines.filter(({ level }) => level === 'error')).toEqual([])
    await simulation.pass(60)
    const written = simulation.writes.length
    await simulation.pass(resyncsMinutes * 60)
    expect(simulation.writes.slice(written)).toEqual([])
  } finally {
    await simulation.stop()
  }
})

test('a pool at rest has a Pod within two seconds of the first job', async () => {
  const simulation = await Simulation.start()
  try {
    await simulation.apply(workerPool)
    // Not when the pool is looked at anyway.
    await simulation.pass(33)
    await simulation.apply(dataset)
    await simulation.pass(2)
    const { items } = await simulation.client.list(POD, { namespace })
    expect(items.length).toBe(1)
  } finally {
    await simulation.stop()
  }
})
