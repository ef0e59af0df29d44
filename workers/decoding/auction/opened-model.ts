// What evaluation and serving ask of a trained model that allocates, whatever its architecture.

import type { Bidder } from '../../../crds/auction-terms.ts'
import type { Allocator, AuctionRequest } from '../../auction/auction.ts'
import type { RewardScorer } from '../../auction/reward-model/scorer.ts'
import type { TokenBidding } from '../../auction/token-bids.ts'
import type { AuctionTerms } from '../../ranker/auction-model.ts'
import type { KnownThings } from '../../ranker/known-things.ts'
import type { AllocationSettings, StepTimes } from './auction-decoder.ts'
import type { Rates } from './lists-under-bids.ts'

/** Since the model was opened; they grow. */
export interface HistoryCounts {
  readonly encoded: number
  readonly kept: number
}

export interface OpenedAuctionModel {
  readonly digest: string
  readonly datasetDigest: string
  readonly things: KnownThings
  /** Longest list (K). */
  readonly slots: number
  /** What the allocator goes by. */
  readonly terms: AuctionTerms
  /** How bids weigh tokens; None where they do not, and alpha and beta change nothing. */
  readonly bidding: TokenBidding | 'None'
  /** [items], what weighs the tokens of an ad in place of its bid, in money; absent: the bid of the request does. */
  readonly expectedBids?: Float32Array
  /** Least worth of a click on an organic item that its order tells from less; absent: it tells any. */
  readonly leastOrganic?: number
  /** N_S; undefined of a model that ranks candidates one by one, and searches no lists. */
  readonly candidateLists: number | undefined
  readonly hasPaymentNetwork: boolean
  /** Who is priced as one; absent: every ad for itself. */
  readonly bidder?: Bidder
  /** Of the payment network, for lists that come without them. */
  readonly rates?: Rates
  /** Of a model that keeps what it made of users: how many histories it has read, and how many it knew. */
  readonly histories?: HistoryCounts
  readonly allocator: Allocator
  /**
   * The same under other settings; it costs no new graph. A model without token bids heeds the objective alone.
   * @param times what runs take is added to them
   */
  allocatorFor(settings: AllocationSettings, times?: StepTimes): Allocator
  /** The model's own reward model, as a judge of any lists; to be released by whoever asks. */
  openScorer(threads: number): Promise<RewardScorer>
  /** Once there are sessions for requests of these sizes. */
  prepare(requests: readonly AuctionRequest[]): Promise<void>
  release(): Promise<void>
}
