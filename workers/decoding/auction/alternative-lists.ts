// Lists beside those of a search [ours]. A search ends with lists that are much alike: an ad that stands in all of them
// cannot be done without, so that others lose nothing by it, and it pays nothing. The lists that would be there without
// such ads, as the marginal contribution of the paper has them (Eq. 31), are what they are compared with. They join the
// lists of the search and may be chosen: no ad moves any of them by its own bid, as long as it moves none of the search.

import type { Bidder } from '../../../crds/auction-terms.ts'
import type { Allocation, Allocator, AuctionRequest } from '../../auction/auction.ts'
import type { Worth } from './judged-lists.ts'
import { chosenUnder, listsOfView, type Rates, type SearchedLists, withRates } from './lists-under-bids.ts'

/** A page view with the lists of a search. */
export interface SearchedView {
  readonly request: AuctionRequest
  readonly lists: SearchedLists
}

/** Further lists for each page view. */
export type Alternatives = (views: readonly SearchedView[]) => Promise<readonly (readonly SearchedLists[])[]>

export interface AlternativeListsParts extends Worth {
  readonly search: Allocator
  readonly alternatives: Alternatives
  /** Whom the alternatives leave out as one; absent: every ad for itself. */
  readonly bidder?: Bidder | undefined
  readonly rates?: Rates | undefined
}

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

  async #withAlternatives(views: readonly SearchedView[]): Promise<SearchedLists[]> {
    const { alternatives, bidder } = this.#parts
    const others = await alternatives(views)
    return views.map(({ lists }, index) => {
      const joined = joinLists([lists, ...others[index]])
      return bidder === undefined ? joined : { ...joined, bidder }
    })
  }

  async #choose(views: readonly SearchedView[]): Promise<Allocation[]> {
    const known = new Map<SearchedLists, ReturnType<typeof listsOfView>>()
    const chosen = views.map(({ request, lists }) => {
      const view = known.get(lists) ?? listsOfView(request, lists, this.#parts)
      known.set(lists, view)
      return { request, allocation: chosenUnder(view, request.bids) }
    })
    return (await withRates(chosen, this.#parts.rates)).map(({ allocation }) => allocation)
  }
}

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
