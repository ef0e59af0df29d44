import type { Allocation, AuctionRequest, CandidateLists } from './auction.ts'
import { bidsAsOne } from './bidder.ts'

type Bids = Pick<AuctionRequest, 'ads' | 'bids' | 'advertisers'>

/**
 * What the others lose by the ad's bidder, per click of the ad: their worth in the best of the candidate lists for them,
 * were the bidder's ads worth nothing, less their worth in the chosen list; ads of one bidder share it in proportion to
 * their bids. On a fixed set of lists truth is the bidder's best bid under this price (Groves), it is no more than the bid,
 * and while the list stays, bidding more or less for all of its ads does not change it.
 */
export const pivotPrice = (
  request: Bids,
  { lists, chosen }: Pick<Allocation, 'lists' | 'chosen'>,
  ad: number,
): number => {
  const shown = worthOfOwn(request, lists, ad)(chosen)
  if (!(shown > 0)) return 0
  const others = lists.reward[chosen] - shown
  return (request.bids[ad] * (bestForOthers(request, lists, ad) - others)) / shown
}

/** Reward of the best list for the others: were the ads of the ad's bidder worth nothing. */
export function bestForOthers(request: Bids, lists: CandidateLists, ad: number): number {
  const ownWorth = worthOfOwn(request, lists, ad)
  let best = Number.NEGATIVE_INFINITY
  for (let row = 0; row < lists.count; row++) best = Math.max(best, lists.reward[row] - ownWorth(row))
  return best
}

/** What the ads of the ad's bidder are worth in a list. */
function worthOfOwn(request: Bids, { slots, candidate, pCtr, bidder }: CandidateLists, ad: number) {
  const isOwn = bidsAsOne(request, ad, bidder)
  return (row: number): number => {
    let worth = 0
    for (let at = row * slots; at < (row + 1) * slots; at++)
      if (isOwn(candidate[at])) worth += request.bids[candidate[at]] * pCtr[at]
    return worth
  }
}
