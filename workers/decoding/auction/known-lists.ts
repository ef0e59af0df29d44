// Questions about one page view under other bids, where no bid moves the lists that the search finds: they are searched
// once, and other bids choose among them without a run of the generator. For evaluations, which ask about the same page
// views over and over, and price few of the answers: they come without rates of payment.

import type { Allocation, Allocator, AuctionRequest } from '../../auction/auction.ts'
import { ByAuction } from '../../auction/by-auction.ts'
import type { TokenBidding } from '../../auction/token-bids.ts'
import { searchesByExpectedBids } from '../../ranker/ega/ega-artifact.ts'
import type { Worth } from './judged-lists.ts'
import { chosenUnder, type ListsOfView, listsOfView } from './lists-under-bids.ts'

export interface KnownListsParts extends Worth {
  readonly search: Allocator
  /** What the search is weighed by. */
  readonly bidding: TokenBidding | 'None'
  /** Whether only the page view that was asked about last is kept: for who asks about one after the other. */
  readonly keepsLast?: boolean
}

/**
 * Whether bids of a request only choose among its lists, as long as it has no reserves: any bids where the search goes by
 * expected ones, else those above 0.
 */
export const findsListsWithoutBids = (bidding: TokenBidding | 'None'): boolean =>
  bidding === 'None' || searchesByExpectedBids({ bidding }) || bidding.alpha === 0

export class KnownLists implements Allocator {
  readonly #parts: KnownListsParts
  #views = new ByAuction<ListsOfView>()

  constructor(parts: KnownListsParts) {
    this.#parts = parts
  }

  /** What nobody has asked about under other bids is not kept: most page views are seen once. */
  async allocate(requests: readonly AuctionRequest[]): Promise<Allocation[]> {
    const views = requests.map((request) =>
      this.#keepsLists(request, [request.bids]) ? this.#views.get(request) : undefined,
    )
    const found = await this.#parts.search.allocate(requests.filter((_, index) => views[index] === undefined))
    let next = 0
    return requests.map((request, index) => {
      const view = views[index]
      return view === undefined ? found[next++] : chosenUnder(view, request.bids)
    })
  }

  async underBids(request: AuctionRequest, bids: readonly Float64Array[]): Promise<Allocation[]> {
    if (!this.#keepsLists(request, bids)) return this.#parts.search.underBids(request, bids)
    const view = this.#views.get(request) ?? (await this.#search({ ...request, bids: bids[0] }))
    return bids.map((each) => chosenUnder(view, each))
  }

  async #search(request: AuctionRequest): Promise<ListsOfView> {
    const [{ lists }] = await this.#parts.search.allocate([request])
    const view = listsOfView(request, lists, this.#parts)
    if (this.#parts.keepsLast) this.#views = new ByAuction()
    this.#views.set(request, view)
    return view
  }

  /** An ad that bids less than a reserve is not searched for; one that bids nothing only where bids are expected ones. */
  #keepsLists({ slotReserves, adReserves }: AuctionRequest, bids: readonly Float64Array[]): boolean {
    const expected = searchesByExpectedBids(this.#parts)
    return (
      slotReserves === undefined &&
      adReserves === undefined &&
      bids.every((each) => each.every((bid) => bid > 0 || (expected && bid === 0)))
    )
  }
}
