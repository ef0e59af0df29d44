import { beforeAll, expect, test } from 'vitest'
import { chain, isSettled, runsOnce, snapshot } from './chain.ts'
import { type FaultAtWrite, faultsAtWrites, wrongUnder } from './faults-at-writes.ts'
import { type Faults, noFaults } from './faulty-ports.ts'
import { Simulation } from './simulation.ts'

interface End {
  state: Record<string, unknown>
  writes: string[]
  taken: string[]
  cutOff: string[]
}

/** Sets up the chain under faults, waits until it is there, and tells how it ended. */
async function run(faults: Faults): Promise<End> {
  const simulation = await Simulation.start({ faults })
  try {
    await simulation.apply(...chain)
    await simulation.until('the chain is settled', () => isSettled(simulation))
    await simulation.pass(20)
    const { writes, workers } = simulation
    return { state: await snapshot(simulation), writes, taken: workers.taken, cutOff: workers.cutOff }
  } finally {
    await simulation.stop()
  }
}

let calm: End

beforeAll(async () => {
  calm = await run(noFaults)
})

const isEvent = (what: string) => what.includes('/events')
const countWrites = ({ writes }: End) => writes.filter((what) => !isEvent(what)).length

/** A restart looks at everything anew: it applies both children once more, and tells what it sees then. */
const extraWrites = 12

/** What went otherwise than without the fault, with the place to look at first. */
async function differences({ place, verdict }: FaultAtWrite): Promise<string[]> {
  const what = `${verdict} at write ${place} (${calm.writes[place - 1]})`
  try {
    const end = await run({ onWrite: (n) => (n === place ? verdict : 'pass') })
    const other = end.writes.findIndex((write, index) => write !== calm.writes[index])
    const where = `${what}, first other write: ${other + 1} (${end.writes[other]})`
    return [...wrongEnds(end)].map((wrong) => `${where}: ${wrong}`)
  } catch (error) {
    return [`${what}: ${String(error)}`]
  }
}

function* wrongEnds(end: End): Iterable<string> {
  try {
    expect(end.state).toEqual(calm.state)
  } catch (error) {
    yield String(error)
  }
  if (end.taken.join() !== runsOnce.join()) yield `runs were ${end.taken.join()}`
  if (end.cutOff.length > 0) yield `cut off were ${end.cutOff.join()}`
  const extra = countWrites(end) - countWrites(calm)
  if (extra > extraWrites) yield `${extra} writes more`
}

test.each(faultsAtWrites)(
  'the end is the same whichever write %s',
  async (_, faultAt) => {
    expect(calm.writes.length).toBeGreaterThan(50)
    const places = calm.writes.map((_, index) => index + 1)
    expect(await wrongUnder(places, faultAt, differences)).toEqual([])
  },
  400_000,
)
