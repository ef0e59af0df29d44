import { expect, test } from 'vitest'
import { beginnings, datasetWith, isSettled, look, runsOf } from './pipeline.ts'
import { Simulation } from './simulation.ts'

async function simulated(scenario: (simulation: Simulation) => Promise<void>): Promise<void> {
  const simulation = await Simulation.start()
  try {
    await scenario(simulation)
  } finally {
    await simulation.stop()
  }
}

const settle = (simulation: Simulation) => simulation.until('the pipeline is settled', () => isSettled(simulation))

test('the first run makes the champion, and then nothing is written in ten resyncs', () =>
  simulated(async (simulation) => {
    await simulation.apply(...beginnings)
    await settle(simulation)
    const status = await look(simulation)
    expect(runsOf(status)).toEqual(['ads-1 Promoted'])
    expect(status.champion).toMatchObject({ trainingRun: 'ads-1', reason: 'Passed; there is no champion' })
    expect(simulation.log.lines.filter(({ level }) => level === 'error')).toEqual([])
    await simulation.pass(60)
    const written = simulation.writes.length
    await simulation.pass(55 * 60)
    expect(simulation.writes.slice(written)).toEqual([])
  }))

test('a new Dataset revision makes a candidate that takes over', () =>
  simulated(async (simulation) => {
    await simulation.apply(...beginnings)
    await settle(simulation)
    const first = (await look(simulation)).champion
    await simulation.apply(datasetWith(11))
    await settle(simulation)
    const status = await look(simulation)
    expect(runsOf(status)).toEqual(['ads-2 Promoted', 'ads-1 Promoted'])
    expect(status.champion?.digest).not.toBe(first?.digest)
    expect(status.lineage).toEqual([first])
  }))
