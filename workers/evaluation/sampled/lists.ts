// Targets hidden among candidates, the same lists for every system that is measured.

import type { Market } from '../../data/market/market.ts'
import { usualBids } from '../../data/market/usual-bids.ts'
import { Random } from '../../tensor/random.ts'
import type { CandidateList } from './candidate-scorer.ts'
import type { SampledCase } from './cases.ts'
import type { DrawNegatives } from './negatives.ts'

export interface SampledList extends CandidateList {
  readonly user: number
  readonly cluster: number
  /** Place of the target among the candidates. */
  readonly target: number
}

export interface SampledLists {
  readonly lists: readonly SampledList[]
  /** Cases whose target has nothing to stand against. */
  readonly skipped: number
}

export interface SampleOptions {
  /** Candidates of a list at most, the target among them. */
  readonly listSize: number
  /** Lists at most, drawn by seed; absent: of all cases. */
  readonly lists?: number | undefined
  readonly seed: number
  readonly negativesOf: (sampled: SampledCase) => DrawNegatives
  /** Whether nothing that a user took before stands against a target, as in full ranking. */
  readonly skipsHistory: boolean
  /** Of all lists. */
  readonly addBids?: boolean | undefined
  /** Absent: no candidate has a bid. */
  readonly market?: Market | undefined
}

/** Lists in the order of the cases. What a list holds depends on its case and the seed alone. */
export function sampleLists(cases: readonly SampledCase[], options: SampleOptions): SampledLists {
  const { listSize, seed, negativesOf, skipsHistory, market, addBids = false } = options
  const chosen = choose(cases.length, options)
  const bidsOf = market === undefined ? undefined : bidsFrom(market)
  const sampled = Array.from(chosen, (index): SampledList => {
    const { target, taken, request, ...known } = cases[index]
    const random = new Random(seed, 'sampled-list', index)
    const excluded = new Set([...taken, ...(skipsHistory ? known.history : [])])
    const negatives = negativesOf(cases[index])(random, excluded, listSize - 1)
    // Where the target stands must not tell it apart.
    const candidates = random.shuffle(Uint32Array.of(target, ...negatives))
    return {
      ...known,
      candidates,
      target: candidates.indexOf(target),
      ...(bidsOf && { bids: bidsOf(candidates, request) }),
      ...(addBids && { addBids }),
    }
  })
  const lists = sampled.filter(({ candidates }) => candidates.length > 1)
  return { lists, skipped: sampled.length - lists.length }
}

/** Candidates of the longest list. */
export const longestOf = (lists: readonly Pick<SampledList, 'candidates'>[]): number =>
  lists.reduce((most, { candidates }) => Math.max(most, candidates.length), 0)

function choose(count: number, { lists = count, seed }: SampleOptions): Uint32Array {
  const drawn = new Random(seed, 'sampled-cases').permutation(count).subarray(0, lists)
  return drawn.sort()
}

/** Bids of the request where it names the ad, else what the ad usually bids, 0 where nobody knows; NaN of an organic item. */
function bidsFrom(market: Market): (items: Uint32Array, request: number | undefined) => Float64Array {
  const usual = usualBids(market).map((bid) => (Number.isNaN(bid) ? 0 : bid))
  const adOf = new Map(Array.from(market.ads.item, (item, ad) => [item, ad]))
  const eligible = market.requests?.ads
  return (items, request) => {
    const asked = new Map<number, number>()
    if (request !== undefined && eligible !== undefined)
      for (let entry = eligible.offsets[request]; entry < eligible.offsets[request + 1]; entry++)
        asked.set(eligible.ad[entry], eligible.bid[entry])
    return Float64Array.from(items, (item) => {
      const ad = adOf.get(item)
      return ad === undefined ? Number.NaN : (asked.get(ad) ?? usual[ad])
    })
  }
}
