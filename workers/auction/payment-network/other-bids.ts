import type { Allocation, AuctionRequest } from '../auction.ts'
import { bidsAsOne } from '../bidder.ts'

/**
 * What the network reads at a slot of the shown list of the bids at the others (B^-), in their order, in money: 0 for
 * organic items, beyond the end of the list, and for ads of the slot's own bidder.
 * @param length slots that the network has; the answer is one shorter
 */
export function otherBids(
  request: Pick<AuctionRequest, 'ads' | 'advertisers' | 'bids'>,
  { lists, chosen }: Pick<Allocation, 'lists' | 'chosen'>,
  slot: number,
  length: number,
): Float64Array {
  const candidateAt = (at: number): number => (at < lists.slots ? lists.candidate[chosen * lists.slots + at] : -1)
  const isOwn = bidsAsOne(request, candidateAt(slot), lists.bidder)
  return Float64Array.from({ length: length - 1 }, (_, index) => {
    const candidate = candidateAt(index + Number(index >= slot))
    return candidate >= 0 && candidate < request.ads.length && !isOwn(candidate) ? request.bids[candidate] : 0
  })
}
