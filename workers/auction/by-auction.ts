import type { AuctionRequest } from './auction.ts'
import { differInBids } from './payments/ask-under-bids.ts'

/** What is known of auctions whatever is bid in them. It goes with the ads of the request, once nobody has them. */
export class ByAuction<Known> {
  readonly #known = new WeakMap<Uint32Array, { readonly request: AuctionRequest; readonly known: Known }[]>()

  get(request: AuctionRequest): Known | undefined {
    return this.#known.get(request.ads)?.find((each) => differInBids(each.request, request))?.known
  }

  set(request: AuctionRequest, known: Known): void {
    this.#known.set(request.ads, [...(this.#known.get(request.ads) ?? []), { request, known }])
  }
}
