// Ids of what took part in an auction.

import type { ResolvedAuction } from './resolve.ts'

/** An item that is sold and no ad of the Dataset goes by its own id. */
export function adIdOf(
  { ads, market, request }: ResolvedAuction,
  candidate: number,
  itemIds: readonly string[],
): string {
  const ad = ads[candidate]
  return ad < 0 ? itemIds[request.ads[candidate]] : market.ads.ids[ad]
}

/** Undefined for the advertiser of an ad that names none and is not in the Dataset. */
export function advertiserIdOf({ market, guests, request }: ResolvedAuction, candidate: number): string | undefined {
  const advertiser = request.advertisers[candidate]
  const { count, ids } = market.advertisers
  return advertiser < count ? ids[advertiser] : guests[advertiser - count]
}

/** All that was eligible, for the log of requests. */
export function candidateIds(resolved: ResolvedAuction, itemIds: readonly string[]) {
  const { request } = resolved
  const each = [...request.ads.keys()]
  return {
    adIds: each.map((candidate) => adIdOf(resolved, candidate, itemIds)),
    adBids: [...request.bids],
    adAdvertisers: each.map((candidate) => advertiserIdOf(resolved, candidate) ?? ''),
    organic: Array.from(request.organic, (item) => itemIds[item]),
  }
}
