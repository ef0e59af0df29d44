// Bids that answer a mechanism. Truthful bids favour mechanisms that are not truthful: GSP earns from them what no
// advertiser would go on paying. So each advertiser gets a multiplier of its values, chosen from a grid by its utility over
// the requests while the others keep theirs, one advertiser after the other, round after round.

import { type Mechanism, outcomesUnder } from '../../auction/bid-outcomes.ts'
import type { Judge } from './judge.ts'
import type { MarketRequest } from './requests.ts'
import { slotClicks } from './shown-list.ts'

export interface BestResponseOptions {
  /** Multipliers of the values to choose from. */
  readonly grid: readonly number[]
  readonly rounds: number
  /** Share of its utility that an advertiser has to gain by another multiplier; absent: any gain beyond rounding. */
  readonly leastGain?: number
}

/** After some rounds. */
export interface BestResponses {
  /** By advertiser; one that is not here bids its values times `startOf(grid)`. */
  readonly multipliers: ReadonlyMap<number, number>
  readonly rounds: number
  /** Advertisers that changed their multiplier in the last round; 0: nobody can gain any more on this grid. */
  readonly moved: number
}

/** Advertisers begin at the multiplier that is closest to the truth. */
const startOf = (grid: readonly number[]): number =>
  grid.reduce((best, one) => (Math.abs(one - 1) < Math.abs(best - 1) ? one : best))

export const noResponses: BestResponses = { multipliers: new Map(), rounds: 0, moved: Number.POSITIVE_INFINITY }

/** What is gained at least: equal multipliers shall not be changed back and forth. */
const inertia = 1e-9

/** Requests with bids of value times the advertiser's multiplier. */
export function withMultipliers(
  requests: readonly MarketRequest[],
  multipliers: ReadonlyMap<number, number>,
  grid: readonly number[],
): MarketRequest[] {
  const start = startOf(grid)
  return requests.map((request) => {
    const { advertisers } = request.auction
    const bids = request.values.map((value, ad) => value * (multipliers.get(advertisers[ad]) ?? start))
    return { ...request, auction: { ...request.auction, bids } }
  })
}

/**
 * One round. An advertiser that wins nothing at the highest multiplier of the grid has nothing to choose: where a higher
 * bid wins no fewer clicks, a lower one wins nothing either. Such ones are passed over.
 * @param judge by whose clicks advertisers count their utility
 * @param afterEach awaited after every advertiser; what it throws ends the round
 */
export async function respond(
  mechanism: Mechanism,
  judge: Judge,
  requests: readonly MarketRequest[],
  before: BestResponses,
  { grid, leastGain = 0 }: BestResponseOptions,
  afterEach?: (done: number, total: number) => Promise<void>,
): Promise<BestResponses> {
  const multipliers = new Map(before.multipliers)
  const highest = Math.max(...grid)
  const current = withMultipliers(requests, multipliers, grid)
  const winners = await winningAdvertisers(mechanism, current)
  const advertisers = requestsByAdvertiser(requests)
  const choosing = [...advertisers.keys()].filter(
    (advertiser) => winners.has(advertiser) || (multipliers.get(advertiser) ?? startOf(grid)) < highest,
  )
  let moved = 0
  for (const [done, advertiser] of choosing.entries()) {
    const own = (advertisers.get(advertiser) ?? []).map((index) => current[index])
    const utilities = await utilitiesByMultiplier(mechanism, judge, own, advertiser, grid)
    const held = multipliers.get(advertiser) ?? startOf(grid)
    const chosen = bestMultiplier(grid, utilities, held, Math.max(leastGain, inertia))
    if (chosen !== held) {
      moved++
      multipliers.set(advertiser, chosen)
      for (const index of advertisers.get(advertiser) ?? [])
        current[index] = withMultipliers([requests[index]], multipliers, grid)[0]
    }
    await afterEach?.(done + 1, choosing.length)
  }
  return { multipliers, rounds: before.rounds + 1, moved }
}

function bestMultiplier(grid: readonly number[], utilities: Float64Array, held: number, leastGain: number): number {
  const heldUtility = utilities[grid.indexOf(held)]
  let best = held
  let most = heldUtility + leastGain * Math.abs(heldUtility)
  grid.forEach((multiplier, index) => {
    if (utilities[index] > most) {
      best = multiplier
      most = utilities[index]
    }
  })
  return best
}

function requestsByAdvertiser(requests: readonly MarketRequest[]): Map<number, number[]> {
  const byAdvertiser = new Map<number, number[]>()
  requests.forEach(({ auction }, index) => {
    for (const advertiser of new Set(auction.advertisers)) {
      const known = byAdvertiser.get(advertiser) ?? []
      known.push(index)
      byAdvertiser.set(advertiser, known)
    }
  })
  return new Map([...byAdvertiser].sort(([a], [b]) => a - b))
}

/** Requests that are allocated at once. */
const batchSize = 32

async function winningAdvertisers({ allocator }: Mechanism, requests: readonly MarketRequest[]): Promise<Set<number>> {
  const winners = new Set<number>()
  for (let start = 0; start < requests.length; start += batchSize) {
    const batch = requests.slice(start, start + batchSize).map(({ auction }) => auction)
    const allocations = await allocator.allocate(batch)
    allocations.forEach(({ lists, chosen }, index) => {
      const { ads, advertisers } = batch[index]
      for (const candidate of lists.candidate.subarray(chosen * lists.slots, (chosen + 1) * lists.slots))
        if (candidate >= 0 && candidate < ads.length) winners.add(advertisers[candidate])
    })
  }
  return winners
}

/** Utility of all ads of the advertiser over these requests, were it to bid each multiplier in all of them. */
async function utilitiesByMultiplier(
  mechanism: Mechanism,
  judge: Judge,
  requests: readonly MarketRequest[],
  advertiser: number,
  grid: readonly number[],
): Promise<Float64Array> {
  const utilities = new Float64Array(grid.length)
  for (const request of requests) {
    const { advertisers, bids } = request.auction
    const own = Array.from(advertisers.keys()).filter((ad) => advertisers[ad] === advertiser)
    const questions = grid.map((multiplier) => {
      const changed = bids.slice()
      for (const ad of own) changed[ad] = request.values[ad] * multiplier
      return { bids: changed, ads: own }
    })
    const outcomes = await outcomesUnder(mechanism, [slotClicks(judge, request.user)], request.auction, questions)
    outcomes.forEach((found, index) => {
      for (const [ad, { price, clicks }] of found) utilities[index] += (request.values[ad] - price) * clicks[0]
    })
  }
  return utilities
}
