// What evaluation and serving ask of a trained model that allocates, whatever its architecture.

import type { Allocator, AuctionRequest } from '../../auction/auction.ts'
import type { RewardScorer } from '../../auction/reward-model/scorer.ts'
import type { AuctionDefaults } from '../../ranker/ega/ega-artifact.ts'
import type { GeneratorCatalogue } from '../../ranker/ega/pretraining.ts'
import type { AllocationSettings, StepTimes } from './auction-decoder.ts'

/** What of an artifact says whose items a model speaks of. */
export interface ModelIdentity {
  readonly digest: string
  readonly datasetDigest: string
  readonly itemIds: readonly string[]
  readonly catalogue: GeneratorCatalogue
}

export interface OpenedAuctionModel extends ModelIdentity {
  /** Longest list (K). */
  readonly slots: number
  /** What the allocator goes by. */
  readonly auction: AuctionDefaults
  /** Whether bids weigh tokens: where not, alpha and beta change nothing. */
  readonly hasTokenBids: boolean
  readonly hasPaymentNetwork: boolean
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
