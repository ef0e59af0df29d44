import type { Bidder } from '../../crds/auction-terms.ts'

/** What an auction over one page view takes and gives. Items, ads and creatives are indices of a model's catalogue. */

export interface AuctionRequest {
  /** Items that the user took, oldest first. */
  readonly history: Uint32Array
  /** Milliseconds since 1970 of each item of the history; absent where they are not known. */
  readonly historyTimes?: Float64Array
  /** Creative through which each item of the history was taken, -1 where it is not known; absent: of none. */
  readonly historyCreatives?: Int32Array
  /** Milliseconds since 1970 of the page view; absent where it is not known. */
  readonly time?: number
  /** Item of each eligible ad; no item twice. */
  readonly ads: Uint32Array
  /** Per click, of each ad, in the unit of money. */
  readonly bids: Float64Array
  /** Of each ad. */
  readonly advertisers: Uint32Array
  /** Creatives that may be shown with each ad; undefined, for an ad or as a whole: all of its item. */
  readonly creatives?: readonly (Uint32Array | undefined)[]
  /** Organic items in their upstream order; none of them is among the ads. */
  readonly organic: Uint32Array
  /** Length of the list (K). */
  readonly slots: number
  readonly constraints: ListConstraints
  /** Least bid per click by slot, in the unit of money; absent: 0 everywhere. */
  readonly slotReserves?: Float64Array
  /** Least bid per click by ad, where advertisers have their own; absent: 0. */
  readonly adReserves?: Float64Array
}

/** Infinity where there is no bound. */
export interface ListConstraints {
  readonly maxAds: number
  /** Organic entries between two ads at least. */
  readonly minGap: number
  readonly maxPerAdvertiser: number
}

export const unconstrained: ListConstraints = {
  maxAds: Number.POSITIVE_INFINITY,
  minGap: 0,
  maxPerAdvertiser: Number.POSITIVE_INFINITY,
}

/**
 * Candidate lists (N_S of them), row-major [count, slots]. A candidate is counted through ads and organic items: c below
 * ads.length is the ad c, else organic[c - ads.length].
 */
export interface CandidateLists {
  readonly count: number
  readonly slots: number
  /** -1 beyond the end of a list that candidates or constraints left short. */
  readonly candidate: Int32Array
  /** -1 where the item has none. */
  readonly creative: Int32Array
  /** log z of the candidate at its place (Eq. 22, summed over the codes of its path). */
  readonly logZ: Float32Array
  /** Probability of a click on the item at its place in this list. */
  readonly pCtr: Float32Array
  /** Of a click on the creative. */
  readonly pCtrCreative: Float32Array
  /** Of a conversion, given the click. */
  readonly pCvr: Float32Array
  /** [count], the scalar that lists are compared by (Eq. 24). */
  readonly reward: Float32Array
  /** Who is to be priced as one, by lists that were searched without all of its ads; absent: every ad for itself. */
  readonly bidder?: Bidder
}

export interface Allocation {
  readonly lists: CandidateLists
  /** Row of the list that is shown. */
  readonly chosen: number
  /** Rate p/b of the payment network by slot of the chosen list (Eq. 25); absent where the model has no such network. */
  readonly paymentRate?: Float32Array
  /** Where ads are ranked one by one; prices that ask for them else search. */
  readonly leastBids?: LeastBids
  /**
   * The best lists without each ad of the chosen one, where `lists` lack them: prices by what the others lose compare with
   * these too. They are made, and scored, when somebody asks.
   */
  readonly withoutEach?: () => Promise<CandidateLists>
}

/**
 * Per click, by slot of the chosen list, 0 for organic items: the least that the ad there could bid, all others as they
 * are. Not below its reserve.
 */
export interface LeastBids {
  /** And keep its slot. */
  readonly ofSlot: Float64Array
  /** And be in the list, at whatever slot. */
  readonly ofListing: Float64Array
}

/** The allocation rule of a mechanism. Equal requests get equal allocations, whatever else is in the batch. */
export interface Allocator {
  /** In the order of the requests. */
  allocate(requests: readonly AuctionRequest[]): Promise<Allocation[]>
  /** One request under other bids, a vector [ads] each: the history is encoded once, everything else computed anew. */
  underBids(request: AuctionRequest, bids: readonly Float64Array[]): Promise<Allocation[]>
}
