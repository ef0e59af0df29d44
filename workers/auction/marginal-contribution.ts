// What each entry adds to the list that is shown: r_i = R(S*) - R(S*_-i), S*_-i the best list without i (Eq. 31).

import type { Allocation, Allocator, AuctionRequest } from './auction.ts'

/** Whether the list at `row` has the candidate. */
const has = ({ lists }: Allocation, row: number, candidate: number): boolean =>
  lists.candidate.subarray(row * lists.slots, (row + 1) * lists.slots).includes(candidate)

/** Best reward among the candidate lists without a candidate; undefined where all have it. */
export function bestWithout(allocation: Allocation, candidate: number): number | undefined {
  const { count, reward } = allocation.lists
  let best: number | undefined
  for (let row = 0; row < count; row++) {
    if ((best !== undefined && reward[row] <= best) || has(allocation, row, candidate)) continue
    best = reward[row]
  }
  return best
}

/** The request without one of its candidates. */
export function withoutCandidate(request: AuctionRequest, candidate: number): AuctionRequest {
  const { ads, bids, advertisers, organic, adReserves, creatives } = request
  if (candidate >= ads.length)
    return { ...request, organic: organic.filter((_, index) => index !== candidate - ads.length) }
  const kept = (_: unknown, ad: number) => ad !== candidate
  return {
    ...request,
    ads: ads.filter(kept),
    bids: bids.filter(kept),
    advertisers: advertisers.filter(kept),
    ...(adReserves === undefined ? {} : { adReserves: adReserves.filter(kept) }),
    ...(creatives === undefined ? {} : { creatives: creatives.filter(kept) }),
  }
}

export interface MarginalOptions {
  /** Lists: the best candidate list without it, searched anew only where all have it. Search: always searched anew. */
  readonly withoutAd: 'Lists' | 'Search'
}

/** By slot of each chosen list, in the unit of the rewards; 0 at empty slots. */
export async function marginalContributions(
  requests: readonly AuctionRequest[],
  allocations: readonly Allocation[],
  allocator: Pick<Allocator, 'allocate'>,
  { withoutAd }: MarginalOptions,
): Promise<Float64Array[]> {
  const contributions = allocations.map(({ lists }) => new Float64Array(lists.slots))
  const searches: { readonly index: number; readonly slot: number; readonly request: AuctionRequest }[] = []
  for (const [index, allocation] of allocations.entries()) {
    const { lists, chosen } = allocation
    for (let slot = 0; slot < lists.slots; slot++) {
      const candidate = lists.candidate[chosen * lists.slots + slot]
      if (candidate < 0) continue
      const without = withoutAd === 'Lists' ? bestWithout(allocation, candidate) : undefined
      if (without === undefined) searches.push({ index, slot, request: withoutCandidate(requests[index], candidate) })
      else contributions[index][slot] = lists.reward[chosen] - without
    }
  }
  const found = await allocator.allocate(searches.map(({ request }) => request))
  for (const [place, { index, slot }] of searches.entries()) {
    const { lists, chosen } = found[place]
    const { lists: own, chosen: ownChosen } = allocations[index]
    contributions[index][slot] = own.reward[ownChosen] - (lists.count === 0 ? 0 : lists.reward[chosen])
  }
  return contributions
}
