// From the spec of a TrainingRun to the sizes and terms of OneRanker's own parts.

import type { OneRankerAuction } from '../../ranker/one-ranker/artifact.ts'
import { contextBuckets } from '../../ranker/one-ranker/context-bucket.ts'
import type { ValueTerms } from '../../ranker/one-ranker/item-values.ts'
import type { OneRankerShape } from '../../ranker/one-ranker/shape.ts'
import type { Tokenizer } from '../../tokenizer/tokenizer.ts'
import { rankerShape } from '../ranker-shape.ts'
import { auctionTerms, type Spec, type Stages } from '../staged/settings.ts'

export type OneRankerSpec = NonNullable<Spec['model']['oneRanker']>

export function oneRankerShape(run: Spec, spec: OneRankerSpec, tokenizer: Tokenizer): OneRankerShape {
  const { historyTokens, interestTokens, valueTokens, fakeItems, refinementLayers, rankerLayers } = spec
  const { refinement, ranking, attentionOrder, selfMask, taskDecoupling, fakeItemsSee, centres, rankerMemory } = spec
  return {
    ...rankerShape(run, tokenizer),
    historyTokens,
    contextBuckets,
    interestTokens,
    valueTokens,
    fakeItems,
    refinementLayers,
    rankerLayers,
    refinement,
    ranking,
    attentionOrder,
    selfMask,
    taskDecoupling,
    fakeItemsSee,
    centres,
    rankerMemory,
  }
}

export const oneRankerAuction = (
  spec: OneRankerSpec,
  bidUnit: number,
  hasPaymentNetwork: boolean,
): OneRankerAuction => ({
  candidates: spec.candidates,
  candidateRoute: spec.candidateRoute,
  ...auctionTerms(spec, bidUnit, hasPaymentNetwork),
})

/** Of L_MTP in every stage: the ranking stage goes on as the one before it began, or says so itself where there was none. */
export const clickedWeightOf = ({ pretrain, ranking }: Stages): number =>
  Number((pretrain ?? ranking)?.clickedWeight ?? 1)

export const valueTerms = ({ objective, bidUnit }: OneRankerAuction): ValueTerms => ({
  bidUnit,
  organic: objective.organic,
  conversion: objective.conversion,
})
