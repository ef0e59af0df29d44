// Questions about one page view under other bids, where no bid moves the lists that the search finds: they are searched
// once, and other bids choose and price among them without a run of the generator. For evaluations, which ask about the
// same page views over and over.

import type { Allocation, Allocator, AuctionRequest, CandidateLists } from '../../auction/auction.ts'
import type { AllocatedRequest } from '../../auction/payment-network/pricer.ts'
import { differInBids } from '../../auction/payments/ask-under-bids.ts'
import type { TokenBidding } from '../../auction/token-bids.ts'
import { unpaidValue, type Worth } from './judged-lists.ts'

export interface KnownListsParts extends Worth {
  readonly search: Allocator
  /** Of the payment network; absent where there is none. */
  readonly rates?: (allocated: readonly AllocatedRequest[]) => Promise<Float32Array[]>
}

/** Whether bids of a request, as long as all are above 0, only choose among its lists. */
export const findsListsWithoutBids = (bidding: TokenBidding | 'None'): boolean =>
  bidding === 'None' || bidding.bids === 'Expected' || bidding.alpha === 0

/** The lists of a page view, and what they are worth but for bids. */
interface KnownView {
  readonly request: AuctionRequest
  readonly lists: CandidateLists
  /** By list, what is not bid. */
  readonly unpaid: Float64Array
  /** Ads of all lists: which, in which list, and their pCTR there. */
  readonly ad: Int32Array
  readonly row: Int32Array
  readonly pCtr: Float64Array
}

export class KnownLists implements Allocator {
  readonly #parts: KnownListsParts
  /** By the ads of the request; what is asked of no more goes. */
  readonly #views = new WeakMap<Uint32Array, KnownView[]>()

  constructor(parts: KnownListsParts) {
    this.#parts = parts
  }

  allocate(requests: readonly AuctionRequest[]): Promise<Allocation[]> {
    return this.#parts.search.allocate(requests)
  }

  async underBids(request: AuctionRequest, bids: readonly Float64Array[]): Promise<Allocation[]> {
    if (!keepsLists(request, bids)) return this.#parts.search.underBids(request, bids)
    const view = await this.#viewOf(request, bids[0])
    const allocations = bids.map((each) => chosenUnder(view, each))
    const rates = await this.#parts.rates?.(
      allocations.map((allocation, index) => ({ request: { ...request, bids: bids[index] }, allocation })),
    )
    if (rates === undefined) return allocations
    return allocations.map((allocation, index) => ({ ...allocation, paymentRate: rates[index] }))
  }

  async #viewOf(request: AuctionRequest, bids: Float64Array): Promise<KnownView> {
    const views = this.#views.get(request.ads) ?? []
    const known = views.find((view) => differInBids(view.request, request))
    if (known !== undefined) return known
    const [{ lists }] = await this.#parts.search.allocate([{ ...request, bids }])
    const view = viewOf(request, lists, this.#parts)
    this.#views.set(request.ads, [...views, view])
    return view
  }
}

/** An ad that bids less than a reserve, or nothing, is not searched for. */
const keepsLists = ({ slotReserves, adReserves }: AuctionRequest, bids: readonly Float64Array[]): boolean =>
  slotReserves === undefined && adReserves === undefined && bids.every((each) => each.every((bid) => bid > 0))

function viewOf(request: AuctionRequest, lists: CandidateLists, worth: Worth): KnownView {
  const { count, slots, candidate, pCtr, pCvr } = lists
  const unpaid = new Float64Array(count)
  const listed: number[] = []
  for (let at = 0; at < count * slots; at++) {
    if (candidate[at] < 0) continue
    unpaid[Math.floor(at / slots)] += pCtr[at] * unpaidValue(request, candidate[at], pCvr[at], worth)
    if (candidate[at] < request.ads.length) listed.push(at)
  }
  return {
    ...{ request, lists, unpaid },
    ad: Int32Array.from(listed, (at) => candidate[at]),
    row: Int32Array.from(listed, (at) => Math.floor(at / slots)),
    pCtr: Float64Array.from(listed, (at) => pCtr[at]),
  }
}

function chosenUnder({ lists, unpaid, ad, row, pCtr }: KnownView, bids: Float64Array): Allocation {
  const reward = Float32Array.from(unpaid)
  for (let entry = 0; entry < ad.length; entry++) reward[row[entry]] += pCtr[entry] * bids[ad[entry]]
  let chosen = 0
  for (let list = 1; list < lists.count; list++) if (reward[list] > reward[chosen]) chosen = list
  return { lists: { ...lists, reward }, chosen }
}
