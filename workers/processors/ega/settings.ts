// From the spec of a TrainingRun to the sizes and options of EGA-V2's own parts.

import type { AuctionDefaults } from '../../ranker/ega/ega-artifact.ts'
import type { GeneratorShape } from '../../ranker/ega/generator-shape.ts'
import type { Tokenizer } from '../../tokenizer/tokenizer.ts'
import { rankerShape } from '../ranker-shape.ts'
import { auctionTerms, type Spec } from '../staged/settings.ts'

export type EgaSpec = NonNullable<Spec['model']['ega']>

export function generatorShape(run: Spec, ega: EgaSpec, tokenizer: Tokenizer): GeneratorShape {
  const { creatives } = tokenizer
  const { tokenEmbedding } = ega
  return {
    ...rankerShape(run, tokenizer),
    listLength: ega.listLength,
    creatives: creatives && {
      codebookSizes: creatives.codebookSizes,
      featureDimensions: creatives.featureDimensions,
    },
    historyTokens: ega.historyTokens,
    creativePrediction: ega.creativePrediction,
    ...(tokenEmbedding === 'Separate' ? { tokenEmbedding } : {}),
  }
}

export function auctionDefaults(ega: EgaSpec, bidUnit: number, hasPaymentNetwork: boolean): AuctionDefaults {
  const { bidding, candidateLists, allocation, alternatives = 'None', bidder, organicOrder } = ega
  const { weights, alpha, beta, aggregate, scope, bids, unit } = bidding
  return {
    allocation,
    bidding:
      weights === 'None'
        ? 'None'
        : {
            ...{ alpha: Number(alpha), beta: Number(beta), aggregate, scope },
            ...(bids === undefined ? {} : { bids }),
            ...(unit === 'Money' ? { unit } : {}),
          },
    candidateLists,
    ...(alternatives === 'None' ? {} : { alternatives, ...(bidder === undefined ? {} : { bidder }) }),
    ...(organicOrder === 'Free' ? { organicOrder } : {}),
    ...auctionTerms(ega, bidUnit, hasPaymentNetwork),
  }
}
