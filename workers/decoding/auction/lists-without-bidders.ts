// Lists of further searches, without the bidders that most lists of the first one have [ours]. Where advertisers bid, a
// search is without all ads of one: what comes in its place is never another ad of its own.

import type { Bidder } from '../../../crds/auction-terms.ts'
import type { Allocator, AuctionRequest } from '../../auction/auction.ts'
import { adsByBidder } from '../../auction/bidder.ts'
import { adsOfList } from '../../auction/chosen-list.ts'
import type { Alternatives } from './alternative-lists.ts'
import type { SearchedLists } from './lists-under-bids.ts'

/** Share of the lists from which on a bidder is one that most have. */
const commonShare = 1 / 4

/** @param way Together: one more search without all of these bidders. Each: one without each of them. */
export const listsWithoutBidders =
  (search: Pick<Allocator, 'allocate'>, way: 'Together' | 'Each', bidder?: Bidder): Alternatives =>
  async (views) => {
    const without = views.map(({ request, lists }) => {
      const common = commonBidders(request, lists, bidder)
      const left = way === 'Each' || common.length === 0 ? common : [common.flat()]
      return left.map((ads) => withoutAds(request, ads))
    })
    const found = await search.allocate(without.flat())
    let from = 0
    return without.map(({ length }) => {
      from += length
      return found.slice(from - length, from).map(({ lists }) => lists)
    })
  }

/** All ads of each such bidder. */
function commonBidders(request: AuctionRequest, lists: SearchedLists, bidder: Bidder | undefined): number[][] {
  const ofBidder = adsByBidder(request, bidder)
  const bidderOf = new Uint32Array(request.ads.length)
  ofBidder.forEach((ads, index) => {
    for (const ad of ads) bidderOf[ad] = index
  })
  const appearances = new Uint32Array(ofBidder.length)
  for (let row = 0; row < lists.count; row++)
    for (const one of new Set(adsOfList(lists, row, request.ads.length).map(({ ad }) => bidderOf[ad])))
      appearances[one]++
  return ofBidder.filter((_, one) => appearances[one] > 0 && appearances[one] >= commonShare * lists.count)
}

/** No bid lets these ads in; all that counts ads stays as it is. */
const withoutAds = (request: AuctionRequest, without: readonly number[]): AuctionRequest => ({
  ...request,
  adReserves: Float64Array.from(request.ads, (_, ad) =>
    without.includes(ad) ? Number.POSITIVE_INFINITY : (request.adReserves?.[ad] ?? 0),
  ),
})
