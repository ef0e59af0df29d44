import { beforeAll, expect, test } from 'vitest'
import { chain, isSettled, runsOnce, snapshot } from './chain.ts'
import { type Faults, noFaults, type Verdict } from './faulty-ports.ts'
import { fourAtATime } from './four-at-a-time.ts'
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
async function differences(place: number, verdict: Verdict): Promise<string[]> {
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

const refusals = [409, 429, 500, 503]

/** A crash is tried at every write; what differs only in the answer at every other, each at others. */
const verdicts: Record<string, (place: number) => Verdict | undefined> = {
  'the operator crashes after': () => 'crash',
  'the answer is lost of': (place) => (place % 2 === 0 ? 'lost answer' : undefined),
  'the server refuses': (place) => (place % 2 === 1 ? refusals[(place >> 1) % refusals.length] : undefined),
}

test.each(Object.entries(verdicts))(
  'the end is the same whichever write %s',
  async (_, verdictAt) => {
    const tried = calm.writes.flatMap((_, index) => {
      const verdict = verdictAt(index + 1)
      return verdict === undefined ? [] : [{ place: index + 1, verdict }]
    })
    expect(calm.writes.length).toBeGreaterThan(50)
    expect(await fourAtATime(tried, ({ place, verdict }) => differences(place, verdict))).toEqual([])
  },
  400_000,
)
