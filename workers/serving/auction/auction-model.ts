// What serving needs of a model with an auction: the ports that the rooms of decoding and auctions fill.

import type { PaymentRule } from '../../../crds/auction-settings.ts'
import type { Allocation, AuctionRequest, ListConstraints } from '../../auction/auction.ts'
import type { Market } from '../../data/market/market.ts'

/** What of the settings bears on the allocation; an argument of each run, so that no graph is built for it. */
export interface AllocationWeights {
  /** Of Eq. 21. */
  readonly alpha: number
  readonly beta: number
  /** Of the reward that lists are compared by (Eq. 24). */
  readonly lambdaConversion: number
  readonly lambdaOrganic: number
}

/** What a model was trained with. */
export interface AuctionDefaults extends AllocationWeights {
  readonly paymentRule: PaymentRule
  readonly constraints: ListConstraints
}

export interface AllocatedBatch {
  /** In the order of the requests. */
  readonly allocations: readonly Allocation[]
  /** Milliseconds of parts of the run by name (encode, tokenBids, search, ...), as far as they are known. */
  readonly steps?: Readonly<Record<string, number>>
}

/** An allocation rule whose weights come with each call. Equal requests get equal allocations, whatever else is asked. */
export interface AuctionModel {
  readonly market: Pick<Market, 'advertisers' | 'ads' | 'creatives'>
  readonly defaults: AuctionDefaults
  /** Bids are divided by it before Eq. 21: the mean bid of training. */
  readonly bidUnit: number
  readonly hasPaymentNetwork: boolean
  /** Organic items of a request that names none, in their order; may be empty. */
  readonly organic: Uint32Array
  /** The most that its graph takes. */
  readonly limits: { readonly slots: number; readonly ads: number; readonly organic: number }
  allocate(requests: readonly AuctionRequest[], weights: AllocationWeights): Promise<AllocatedBatch>
  /** One request under other bids, a vector [ads] each. */
  underBids(
    request: AuctionRequest,
    bids: readonly Float64Array[],
    weights: AllocationWeights,
  ): Promise<readonly Allocation[]>
}

export interface PricedList {
  readonly request: AuctionRequest
  readonly allocation: Allocation
  /** Of the list's weights, for rules that search again. */
  underBids(bids: readonly Float64Array[]): Promise<readonly Allocation[]>
}

/** Payment per click by slot of the chosen list; 0 for organic items and where a list is short. */
export type PriceList = (rule: PaymentRule, list: PricedList) => Promise<Float64Array>

export interface BudgetPlan {
  /** Whether to spread the spending over the period; else an advertiser bids until its budget is spent. */
  readonly pacing: boolean
  readonly periodSeconds: number
  /** [advertisers], this process's part of what may be spent in a period; Infinity where there is no bound. */
  readonly budgets: Float64Array
}

/** Heeds budgets in one process; it knows nothing of what others spend. */
export interface BudgetPacer {
  /** Takes another plan, or none; what was spent in this period stays spent. */
  use(plan: BudgetPlan | undefined): void
  /** Probability with which the advertiser is to take part in an auction now. */
  participation(advertiser: number): number
  /** Notes what an answer is expected to cost. */
  spend(advertiser: number, amount: number): void
}

/** All that answers with priced lists. */
export interface ServedAuction {
  readonly model: AuctionModel
  readonly price: PriceList
  readonly pacer: BudgetPacer
}
