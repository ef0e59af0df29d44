// Who bids: every ad for itself, as the papers have it, or an advertiser with all of its ads in a request.

import type { Bidder } from '../../crds/auction-terms.ts'
import type { AuctionRequest } from './auction.ts'

type Owned = Pick<AuctionRequest, 'ads' | 'advertisers'>

/** Tells of a candidate of the request whether it is an ad of the bidder of `ad`. */
export const bidsAsOne = ({ ads, advertisers }: Owned, ad: number, bidder: Bidder = 'Ad') =>
  bidder === 'Ad'
    ? (candidate: number): boolean => candidate === ad
    : (candidate: number): boolean =>
        candidate >= 0 && candidate < ads.length && advertisers[candidate] === advertisers[ad]

/** Ads of each bidder of the request, in the order of their first ads. */
export function adsByBidder({ ads, advertisers }: Owned, bidder: Bidder = 'Ad'): number[][] {
  const byBidder = new Map<number, number[]>()
  for (const ad of ads.keys()) {
    const key = bidder === 'Ad' ? ad : advertisers[ad]
    const own = byBidder.get(key)
    if (own === undefined) byBidder.set(key, [ad])
    else own.push(ad)
  }
  return [...byBidder.values()]
}

/** Bids with those of some ads multiplied. */
export const withMultiplied = (bids: Float64Array, ads: readonly number[], multiplier: number): Float64Array => {
  const changed = bids.slice()
  for (const ad of ads) changed[ad] *= multiplier
  return changed
}
