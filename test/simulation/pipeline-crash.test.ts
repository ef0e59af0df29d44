import { beforeAll, expect, test } from 'vitest'
import { type FaultAtWrite, faultsAtWrites, wrongUnder } from './faults-at-writes.ts'
import { type Faults, noFaults } from './faulty-ports.ts'
import { beginnings, datasetWith, isSettled, look, runsOf, snapshotOf } from './pipeline.ts'
import { Simulation } from './simulation.ts'

interface End {
  state: Record<string, unknown>
  ledger: unknown[]
  writes: string[]
}

/** A first run and, by another revision, a second one: to the champion and its successor. */
async function run(faults: Faults): Promise<End> {
  const simulation = await Simulation.start({ faults })
  const settle = () => simulation.until('the pipeline is settled', () => isSettled(simulation))
  try {
    await simulation.apply(...beginnings)
    await settle()
    await simulation.apply(datasetWith(11))
    await settle()
    await simulation.pass(20)
    expect(runsOf(await look(simulation))).toEqual(['ads-2 Promoted', 'ads-1 Promoted'])
    const ledger = (await simulation.store.ledger.read('default')).map(({ type, run: n, digest }) => ({
      type,
      n,
      digest,
    }))
    return { state: await snapshotOf(simulation), ledger: distinct(ledger), writes: simulation.writes }
  } finally {
    await simulation.stop()
  }
}

/** What a crash has written twice counts once. */
const distinct = (entries: readonly object[]): unknown[] =>
  [...new Set(entries.map((entry) => JSON.stringify(entry)))].map((text) => JSON.parse(text) as unknown)

/** Which Pod did the work, and whether anybody saw its progress, is chance where the operator is replaced. */
const withoutChance = (state: unknown): unknown =>
  JSON.parse(JSON.stringify(state, (name, value) => (['progress', 'worker'].includes(name) ? undefined : value)))

let calm: End

beforeAll(async () => {
  calm = await run(noFaults)
}, 400_000)

/** Writes of the pipeline itself: those of its runs are drilled by crash.test.ts. */
const ofPipeline = (what: string): boolean => what.includes('/rankerpipelines') || what.startsWith('ledger')
const makesChild = (what: string): boolean =>
  /^PATCH .*\/(tokenizerbuilds|trainingruns|evaluations)\/ads-\d+$/.test(what)

/** What went otherwise than without the fault. */
async function differences({ place, verdict }: FaultAtWrite): Promise<string[]> {
  try {
    const end = await run({ onWrite: (n) => (n === place ? verdict : 'pass') })
    expect(withoutChance(end.state)).toEqual(withoutChance(calm.state))
    expect(end.ledger).toEqual(calm.ledger)
    return []
  } catch (error) {
    return [`write ${place} (${calm.writes[place - 1]}): ${String(error)}`]
  }
}

test.each(faultsAtWrites)(
  'champion, successor and ledger are the same whichever write of the pipeline %s',
  async (_, faultAt) => {
    const places = calm.writes.flatMap((what, index) => (ofPipeline(what) || makesChild(what) ? [index + 1] : []))
    expect(places.length).toBeGreaterThan(15)
    expect(await wrongUnder(places, faultAt, differences)).toEqual([])
  },
  400_000,
)
