import type { Allocation, AuctionRequest } from './auction.ts'
import { bidsAsOne } from './bidder.ts'

/**
 * What the others lose by the ad's bidder, per click of the ad: their worth in the best of the candidate lists for them,
 * were the bidder's ads worth nothing, less their worth in the chosen list; ads of one bidder share it in proportion to
 * their bids. On a fixed set of lists truth is the bidder's best bid under this price (Groves), it is no more than the bid,
 * and while the list stays, bidding more or less for all of its ads does not change it.
 */
export const pivotPrice = (
  request: Pick<AuctionRequest, 'ads' | 'bids' | 'advertisers'>,
  { lists, chosen }: Pick<Allocation, 'lists' | 'chosen'>,
  ad: number,
): number => {
  const { bids } = request
  const { slots, candidate, pCtr, reward } = lists
  const isOwn = bidsAsOne(request, ad, lists.bidder)
  const ownWorth = (row: number): number => {
    let worth = 0
    for (let at = row * slots; at < (row + 1) * slots; at++)
      if (isOwn(candidate[at])) worth += bids[candidate[at]] * pCtr[at]
    return worth
  }
  const shown = ownWorth(chosen)
  if (!(shown > 0)) return 0
  const others = reward[chosen] - shown
  let best = others
  for (let row = 0; row < lists.count; row++) best = Math.max(best, reward[row] - ownWorth(row))
  return (bids[ad] * (best - others)) / shown
}
