import { expect, test } from 'vitest'
import { chain, isSettled, runsOnce } from './chain.ts'
import { Simulation } from './simulation.ts'

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
