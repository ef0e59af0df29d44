// What a model has to do to be judged on sampled lists: order given candidates, however it finds its own.

import type { HistoryFacts } from '../history-facts.ts'

export interface CandidateList extends HistoryFacts {
  /** Item indices, oldest first. */
  readonly history: Uint32Array
  /** Item indices in any order, no item twice; some may be in the history. */
  readonly candidates: Uint32Array
  /**
   * Per click, by candidate, in the unit of money: NaN for an organic item, 0 for an ad whose bid nobody knows. Absent
   * where the Dataset has no market. Whoever ranks without bids leaves them aside.
   */
  readonly bids?: Float64Array
  /** Whether who generates and does not rank adds the logarithm of the bids. Default: false. */
  readonly addBids?: boolean
}

/** By candidate, the greatest first; a score is a number or an infinity, and means nothing beyond its list. */
export interface CandidateScores {
  /** What the model orders by in the end. */
  readonly final: Float32Array
  /** Of a model that generates and then ranks: what it orders by before it ranks. */
  readonly generator?: Float32Array
}

export interface CandidateScorer {
  /** In the order of the lists; no score depends on another list, nor on the order of the candidates. */
  score(lists: readonly CandidateList[]): Promise<CandidateScores[]>
}
