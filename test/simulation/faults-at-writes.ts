import type { Verdict } from './faulty-ports.ts'

const refusals = [409, 429, 500, 503]

/** A crash is tried at every write; what differs only in the answer at every third, each at others. */
export const faultsAtWrites: readonly [what: string, at: (index: number) => Verdict | undefined][] = [
  ['the operator crashes after', () => 'crash'],
  ['the answer is lost of', (index) => (index % 3 === 0 ? 'lost answer' : undefined)],
  ['the server refuses', (index) => (index % 3 === 1 ? refusals[((index - 1) / 3) % refusals.length] : undefined)],
]

export interface FaultAtWrite {
  /** Of the write, from 1. */
  place: number
  verdict: Verdict
}

const atATime = 4

/** What each fault has gone wrong in: a simulation waits for its own store, and four of them keep a core busy. */
export async function wrongUnder(
  places: readonly number[],
  at: (index: number) => Verdict | undefined,
  wrongIn: (fault: FaultAtWrite) => Promise<string[]>,
): Promise<string[]> {
  const faults = places.flatMap((place, index) => {
    const verdict = at(index)
    return verdict === undefined ? [] : [{ place, verdict }]
  })
  const wrong: string[] = []
  for (let from = 0; from < faults.length; from += atATime)
    wrong.push(...(await Promise.all(faults.slice(from, from + atATime).map(wrongIn))).flat())
  return wrong
}
