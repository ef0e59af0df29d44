// How an evaluation opens what it judges as a marketplace. Whoever brings an architecture with an auction fills it in here.

import type { Bidder } from '../../crds/auction-terms.ts'
import type { Artifact, ArtifactStore } from '../artifacts/store.ts'
import type { Mechanism } from '../auction/bid-outcomes.ts'
import type { Dataset } from '../data/dataset-reader.ts'
import type { Market } from '../data/market/market.ts'
import type { JudgeLists, MarketTruth } from '../evaluation/market/judge.ts'
import type { RegretSearch } from '../evaluation/market/regret.ts'
import { JobError } from './job-error.ts'

export interface MarketplaceSettings {
  readonly store: ArtifactStore
  readonly threads: number
  /** Whose items, users and ads requests are counted by. */
  readonly dataset: Dataset
  readonly market: Market
  /** N_S. */
  readonly candidateLists: number
  /** In place of those of the model. */
  readonly alpha: number | undefined
  readonly beta: number | undefined
  /** Absent: that of the model, or GSP. */
  readonly paymentRule: 'PaymentNetwork' | 'GSP' | 'VCG' | 'FirstPrice' | 'CriticalBid' | undefined
  /** Random starts of the search for better bids; 0: no search is asked for. */
  readonly search: { readonly starts: number; readonly seed: number }
}

/** A trained model that allocates and prices. */
export interface Marketplace extends Mechanism {
  /** Who bids by the model; absent: every ad for itself. */
  readonly bidder?: Bidder
  /** Length of the lists that it was trained for. */
  readonly slots: number
  readonly paymentRule: string
  /** Its own reward model on any list; absent: lists of the log are not judged. */
  readonly judgeLists?: JudgeLists
  readonly searchRegret?: RegretSearch
  release(): Promise<void>
}

/** A reward model that only judges. */
export interface Evaluator {
  readonly judgeLists: JudgeLists
  /** Length of the lists that it was trained for. */
  readonly slots: number
  release(): Promise<void>
}

export interface EvaluatorSettings extends Pick<MarketplaceSettings, 'store' | 'threads' | 'dataset'> {
  /** Digests of the models that it is to judge. */
  readonly judged: readonly string[]
}

export interface MarketPorts {
  /** @throws JobError where the model has no auction, or lacks what the payment rule needs */
  openMarketplace(digest: string, settings: MarketplaceSettings): Promise<Marketplace>
  /** @throws JobError where it has no reward model, or one that learned from users whom a judged model learned from too */
  openEvaluator(digest: string, settings: EvaluatorSettings): Promise<Evaluator>
  /** Undefined where the Dataset has no advertising tables. */
  openMarket(source: Artifact, dataset: Dataset): Promise<Market | undefined>
  /** Undefined where the market is not simulated. */
  openTruth(source: Artifact): Promise<MarketTruth | undefined>
}

export const noAuction = (digest: string): JobError =>
  new JobError(
    'NoAuction',
    `The model ${digest} has no auction: leave spec.market out, or name a model of an architecture that allocates and prices.`,
    { retryable: false },
  )
