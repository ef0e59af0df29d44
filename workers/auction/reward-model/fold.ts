// Which users a model learns from.

import { noUser, type Requests } from '../../data/market/market.ts'
import { Random } from '../../tensor/random.ts'

/**
 * Whose lists are learned from: everyone's, or those of one half of the users. A model of the second half can judge what
 * was made with one of the first.
 */
export type Fold = 'All' | 'First' | 'Second'

export interface FoldChoice {
  readonly fold: Fold
  /** Of the division; two models divide users alike only under one seed, so it is apart from that of training. */
  readonly foldSeed: number
}

export const isOfFold = ({ fold, foldSeed }: FoldChoice, requests: Requests, request: number): boolean => {
  if (fold === 'All') return true
  const user = requests.user[request]
  const label = user === noUser ? `request ${request}` : user
  return new Random(foldSeed, 'reward fold', label).uniform() < 0.5 === (fold === 'First')
}

/** Whether two reward models have learned from no user in common. */
export const areApart = (one: Fold, other: Fold): boolean => one !== 'All' && other !== 'All' && one !== other
