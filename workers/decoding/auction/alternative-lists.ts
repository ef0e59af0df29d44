// Lists without the bidders that most lists have [ours]. A search ends with lists that are much alike: an ad that stands in
// all of them cannot be done without, so that others lose nothing by it, and it pays nothing. The lists that would be there
// without such ads, as the marginal contribution of the paper has them (Eq. 31), are what they are compared with. They join
// the lists of the search and may be chosen: no ad moves any of them by its own bid, as long as it moves none of the search.
// Where advertisers bid, lists are without all ads of one: what comes in its place is never another ad of its own.

import type { Bidder } from '../../../crds/auction-terms.ts'
import type { Allocation, Allocator, AuctionRequest } from '../../auction/auction.ts'
import { adsByBidder } from '../../auction/bidder.ts'
import { adsOfList } from '../../auction/chosen-list.ts'
import type { Worth } from './judged-lists.ts'
import { chosenUnder, listsOfView, type Rates, type SearchedLists, withRates } from './lists-under-bids.ts'

export interface AlternativeListsParts extends Worth {
  readonly search: Allocator
  /** Together: one more search without all of these bidders. Each: one without each of them. */
  readonly alternatives: 'Together' | 'Each'
  /** Absent: every ad for itself. */
  readonly bidder?: Bidder
  readonly rates?: Rates | undefined
}

/** Share of the lists from which on a bidder is one that most have. */
const commonShare = 1 / 4

export class AlternativeLists implements Allocator {
  readonly #parts: AlternativeListsParts

  constructor(parts: AlternativeListsParts) {
    this.#parts = parts
  }

  async allocate(requests: readonly AuctionRequest[]): Promise<Allocation[]> {
    const found = await this.#parts.search.allocate(requests)
    const lists = await this.#withAlternatives(
      requests.map((request, index) => ({ request, lists: found[index].lists })),
    )
    return this.#choose(requests.map((request, index) => ({ request, lists: lists[index] })))
  }

  async underBids(request: AuctionRequest, bids: readonly Float64Array[]): Promise<Allocation[]> {
    const found = await this.#parts.search.underBids(request, bids)
    // Bids that are searched alike share their lists.
    const searches = new Map(found.map(({ lists }, index) => [lists.candidate, { bids: bids[index], lists }]))
    const distinct = [...searches.values()]
    const joined = await this.#withAlternatives(
      distinct.map((each) => ({ request: { ...request, bids: each.bids }, lists: each.lists })),
    )
    const listsOf = new Map(distinct.map(({ lists }, index) => [lists.candidate, joined[index]]))
    return this.#choose(
      found.map(({ lists }, index) => ({
        request: { ...request, bids: bids[index] },
        lists: listsOf.get(lists.candidate) ?? lists,
      })),
    )
  }

  async #withAlternatives(
    views: readonly { request: AuctionRequest; lists: SearchedLists }[],
  ): Promise<SearchedLists[]> {
    const { search, alternatives, bidder } = this.#parts
    const without = views.map(({ request, lists }) => {
      const common = commonBidders(request, lists, bidder)
      const left = alternatives === 'Each' || common.length === 0 ? common : [common.flat()]
      return left.map((ads) => withoutAds(request, ads))
    })
    const found = await search.allocate(without.flat())
    let from = 0
    return views.map(({ lists }, index) => {
      const end = from + without[index].length
      const others = found.slice(from, end).map((allocation) => allocation.lists)
      from = end
      const joined = joinLists([lists, ...others])
      return bidder === undefined ? joined : { ...joined, bidder }
    })
  }

  async #choose(views: readonly { request: AuctionRequest; lists: SearchedLists }[]): Promise<Allocation[]> {
    const known = new Map<SearchedLists, ReturnType<typeof listsOfView>>()
    const chosen = views.map(({ request, lists }) => {
      const view = known.get(lists) ?? listsOfView(request, lists, this.#parts)
      known.set(lists, view)
      return { request, allocation: chosenUnder(view, request.bids) }
    })
    return (await withRates(chosen, this.#parts.rates)).map(({ allocation }) => allocation)
  }
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

/** All lists, none of them twice, in the order of their first appearance. */
function joinLists(parts: readonly SearchedLists[]): SearchedLists {
  const { slots } = parts[0]
  const seen = new Set<string>()
  const rows = parts.flatMap((lists) =>
    Array.from({ length: lists.count }, (_, row) => ({ lists, from: row * slots, to: (row + 1) * slots })).filter(
      ({ from, to }) => {
        const key = `${lists.candidate.subarray(from, to)};${lists.creative.subarray(from, to)}`
        return seen.size < seen.add(key).size
      },
    ),
  )
  const joined = <Values extends Int32Array | Float32Array>(
    empty: Values,
    of: (lists: SearchedLists) => Values,
  ): Values => {
    for (const [row, { lists, from, to }] of rows.entries()) empty.set(of(lists).subarray(from, to), row * slots)
    return empty
  }
  const size = rows.length * slots
  return {
    ...{ count: rows.length, slots },
    candidate: joined(new Int32Array(size), ({ candidate }) => candidate),
    creative: joined(new Int32Array(size), ({ creative }) => creative),
    logZ: joined(new Float32Array(size), ({ logZ }) => logZ),
    pCtr: joined(new Float32Array(size), ({ pCtr }) => pCtr),
    pCtrCreative: joined(new Float32Array(size), ({ pCtrCreative }) => pCtrCreative),
    pCvr: joined(new Float32Array(size), ({ pCvr }) => pCvr),
  }
}
