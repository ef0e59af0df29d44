// What is known of page views whatever is bid: it is asked of the model once, and then for as many bids as anyone likes.

import type { AuctionRequest } from '../../auction/auction.ts'
import type { ListRewards } from '../../auction/reward-model/scorer.ts'
import { sameView } from '../../auction/same-view.ts'

/** Lists of one view whose judgements are kept at most. */
const mostLists = 4096
/** Views of one array of ads that are kept: callers may share such an array among requests. */
const mostViews = 8

export class PageView {
  readonly request: AuctionRequest
  /** f by candidate, -Infinity for an ad that the model does not rank. */
  readonly logQuality: Float32Array
  /** The creative that each candidate is shown in, as far as anyone asked. */
  readonly creatives = new Map<number, number>()
  readonly #judged = new Map<string, ListRewards>()

  constructor(request: AuctionRequest, logQuality: Float32Array) {
    this.request = request
    this.logQuality = logQuality
  }

  /** What the reward model said of a list of candidates. */
  judged(list: readonly number[]): ListRewards | undefined {
    return this.#judged.get(list.join())
  }

  keep(list: readonly number[], rewards: ListRewards): void {
    if (this.#judged.size >= mostLists) this.#judged.clear()
    this.#judged.set(list.join(), rewards)
  }
}

/** Views that go with the requests: whoever holds none of their arrays keeps nothing here. */
export class PageViews {
  readonly #byAds = new WeakMap<Uint32Array, PageView[]>()

  /** Of a request that differs in bids, slots, constraints or reserves alone. */
  find(request: AuctionRequest): PageView | undefined {
    return this.#byAds.get(request.ads)?.find((view) => sameView(view.request, request))
  }

  add(view: PageView): void {
    const others = this.#byAds.get(view.request.ads) ?? []
    this.#byAds.set(view.request.ads, [view, ...others].slice(0, mostViews))
  }
}
