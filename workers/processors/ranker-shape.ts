import type { TrainingRun } from '../../crds/kinds/training-run.ts'
import type { RankerShape } from '../ranker/architecture.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'

/** Sizes that every architecture has, from the spec and the codes that it is to speak. */
export function rankerShape({ model }: TrainingRun['spec'], tokenizer: Tokenizer): RankerShape {
  const { layers, hiddenSize, heads, feedForwardSize, historyLength } = model
  const { codebookSizes, featureDimensions, itemCount } = tokenizer
  return {
    layers,
    hiddenSize,
    heads,
    feedForwardSize,
    historyLength,
    codebookSizes,
    featureDimensions,
    itemEmbeddings: model.itemEmbeddings ? itemCount : 0,
    contentDimensions: Math.min(model.contentDimensions, featureDimensions),
  }
}
