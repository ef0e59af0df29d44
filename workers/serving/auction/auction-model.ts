// What serving needs of a model with an auction: the ports that the rooms of decoding and auctions fill.

import type { PacingMethod } from '../../../crds/auction-settings.ts'
import type { PaymentRule } from '../../../crds/auction-terms.ts'
import type { Allocation, Allocator, AuctionRequest, ListConstraints } from '../../auction/auction.ts'
import type { Market } from '../../data/market/market.ts'

/** What of the settings bears on the allocation; an argument of each run, so that no graph is built for it. */
export interface AllocationWeights {
  /** Of Eq. 21. */
  readonly alpha: number
  readonly beta: number
  /** Of the reward that lists are compared by (Eq. 24), in units of the mean bid of training. */
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

/** `NoSpan`: all requests are of one moment, which is no span to divide by. */
export type LogSpan = number | 'NoRequests' | 'NoTimes' | 'NoSpan'

/** An allocation rule whose weights come with each call. Equal requests get equal allocations, whatever else is asked. */
export interface AuctionModel {
  readonly market: Pick<Market, 'advertisers' | 'ads' | 'creatives'>
  readonly defaults: AuctionDefaults
  /** Bids are divided by it before Eq. 21: the mean bid of training, or 1 of a model that weighs by money. */
  readonly weighingUnit: number
  /** Whether bids weigh tokens: where not, alpha and beta change nothing. */
  readonly hasTokenBids: boolean
  /** [items], what weighs the tokens of an ad in place of its bid, in money; absent: the bid of the request does. */
  readonly expectedBids?: Float32Array
  readonly hasPaymentNetwork: boolean
  /** Least worth of a click on an organic item that its order tells from less; absent: it tells any. */
  readonly leastOrganic?: number
  /** Seconds from the first logged request to the last, which budgets of the Dataset are for; or why nobody knows. */
  readonly logSpan: LogSpan
  /** Histories since the model was loaded: read anew, and known from before; absent where nothing is kept of users. */
  readonly histories?: Readonly<Record<'encoded' | 'kept', number>>
  /** Organic items of a request that names none, in their order; may be empty. */
  readonly organic: Uint32Array
  /** The most that its graph takes. */
  readonly limits: { readonly slots: number; readonly ads: number; readonly organic: number }
  /** Loads what requests of these sizes need, so that no other waits for it; done at once where it is there. */
  prepare(requests: readonly AuctionRequest[]): Promise<void>
  allocate(requests: readonly AuctionRequest[], weights: AllocationWeights): Promise<AllocatedBatch>
  /** One request under other bids, a vector [ads] each. */
  underBids(
    request: AuctionRequest,
    bids: readonly Float64Array[],
    weights: AllocationWeights,
  ): Promise<readonly Allocation[]>
}

export interface PriceInput {
  readonly request: AuctionRequest
  readonly allocation: Allocation
}

/**
 * Payments per click by slot of each chosen list, within reserve and bid; 0 for organic items and where a list is short.
 * @param options the allocator asks with the weights of these lists, for rules that search again
 */
export type PriceLists = (
  rule: PaymentRule,
  lists: readonly PriceInput[],
  options: PriceOptions,
) => Promise<readonly Float64Array[]>

export interface PriceOptions {
  readonly allocator: Allocator
  /** What `WorthWithout` found for these very lists, where it was asked. */
  readonly worth?: readonly Float64Array[]
}

/**
 * By slot of each chosen list, the reward of what would be shown without the ad there, or, where advertisers bid, of what
 * serves all others best; NaN for organic items.
 */
export type WorthWithout = (
  lists: readonly PriceInput[],
  options: Pick<PriceOptions, 'allocator'>,
) => Promise<readonly Float64Array[]>

export interface BudgetPlan {
  readonly pacing: PacingMethod
  readonly periodSeconds: number
  /** [advertisers], this process's part of what may be spent in a period; Infinity where there is no bound. */
  readonly budgets: Float64Array
}

/** Ads that take part: indices into those that were asked for, and their bids. */
export interface Admission {
  readonly ads: readonly number[]
  /** Of `ads`; pacing may lower them. */
  readonly bids: Float64Array
}

export interface Charge {
  /** Of the Dataset. */
  readonly advertiser: number
  readonly amount: number
}

/** What a request in flight has of the budgets: others are admitted by what it leaves. Once closed it stays so. */
export interface BudgetHold {
  /** The list is made, and expected to cost this much, which is no more than was held. */
  narrow(expected: readonly Charge[]): void
  /** The answer is given: what is held is spent. */
  settle(): void
  /** No answer is given: nothing is spent. */
  release(): void
}

/** Heeds budgets in one process; it knows nothing of what others spend. */
export interface BudgetPacer {
  /** Takes another plan, or none; what was spent in this period stays spent. */
  use(plan: BudgetPlan | undefined): void
  /** @param key of the request: the same key gets the same draws */
  admit(ads: Pick<AuctionRequest, 'advertisers' | 'bids'>, key: string): Admission
  /** @param most what the answer costs at most */
  hold(most: readonly Charge[]): BudgetHold
}

/** All that answers with priced lists. */
export interface ServedAuction {
  readonly model: AuctionModel
  readonly price: PriceLists
  readonly worthWithout: WorthWithout
  readonly pacer: BudgetPacer
}
