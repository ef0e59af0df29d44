import { contextBuckets } from '../../../../workers/ranker/one-ranker/context-bucket.ts'
import { type OneRankerShape, oneRankerLayout } from '../../../../workers/ranker/one-ranker/shape.ts'
import { initialParameters } from '../../../../workers/tensor/parameters.ts'
import { Random } from '../../../../workers/tensor/random.ts'
import { codebookSize, levels } from '../ega/small-generator.ts'

/** Of the catalogue that `smallCatalogue` makes. */
export const smallOneRanker = (itemCount: number, changes: Partial<OneRankerShape> = {}): OneRankerShape => ({
  layers: 2,
  hiddenSize: 16,
  heads: 2,
  feedForwardSize: 24,
  historyLength: 4,
  codebookSizes: Array.from({ length: levels }, () => codebookSize),
  featureDimensions: 8,
  itemEmbeddings: itemCount,
  contentDimensions: 4,
  historyTokens: 'Summed',
  contextBuckets,
  interestTokens: 3,
  valueTokens: 2,
  fakeItems: 4,
  refinementLayers: 2,
  rankerLayers: 1,
  refinement: true,
  ranking: true,
  attentionOrder: 'CrossFirst',
  selfMask: 'Heterogeneous',
  taskDecoupling: true,
  fakeItemsSee: 'Tasks',
  centres: 'Learned',
  rankerMemory: 'Both',
  ...changes,
})

/** Parameters that are nowhere near zero, so that every part tells. */
export function roughOneRanker(shape: OneRankerShape, seed = 1): Float32Array {
  const random = new Random(seed, 'rough')
  return initialParameters(oneRankerLayout(shape), seed).map((value) => value + 0.2 * random.normal())
}
