import type { HistoryFacts } from './history-facts.ts'
import type { CandidateScorer } from './sampled/candidate-scorer.ts'

/** Whatever ranks the catalogue for a history: a model or a baseline. */
export interface Recommender {
  /** As it stands before the names of its metrics; empty for the model under test. */
  readonly name: string
  /**
   * For each history (item indices, oldest first) the best `count` items, best first: no item of the history, no item
   * twice; fewer than `count` where the catalogue has no more.
   * @param facts of each history; most do not heed them
   */
  recommend(histories: readonly Uint32Array[], count: number, facts?: readonly HistoryFacts[]): Promise<Uint32Array[]>
}

/** One target to be found, given everything that its user did before. */
export interface EvaluationCase extends HistoryFacts {
  readonly user: number
  readonly history: Uint32Array
  readonly target: number
}

/**
 * A trained model. Its item indices are those of the Dataset that it was trained on. One that cannot score given
 * candidates has no `score`.
 */
export interface TrainedRecommender extends Recommender, Partial<CandidateScorer> {
  readonly datasetDigest: string
  /** Id by item index. */
  readonly itemIds: readonly string[]
  /** Whether it heeds lists that ask for bids to be added. */
  readonly addsBids?: boolean
  release(): Promise<void>
}
