// Vectors of items and creatives: those of their codes joined with their raw features (Eq. 18), because codes are shared
// by many. Normalised once here, so that lists need not do it again at every place where an item stands.

import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import { names, type RewardShape } from './shape.ts'

/** What vectors are made of, for n items or creatives. */
export interface CodedValues {
  /** By level, [n] integers. */
  readonly codes: readonly Value[]
  /** [n, featureDimensions]; absent where there are no features. */
  readonly features?: Value
}

const vectors = (
  parameters: Parameters,
  entry: 'item' | 'creative',
  dimensions: number,
  { codes, features }: CodedValues,
): Value => {
  const parts = codes.map((code, level) => op.gather(parameters(names.code(entry, level)), code))
  // Features have unit variance; scaled so, their sum does not grow with their number.
  if (features !== undefined && dimensions > 0)
    parts.push(op.gemm(features, parameters(names.feature(entry)), undefined, { alpha: 1 / Math.sqrt(dimensions) }))
  const sum = parts.reduce((whole, part) => op.add(whole, part))
  return op.layerNorm(sum, parameters(names.norm(entry, 'scale')), parameters(names.norm(entry, 'bias')))
}

/** [n, hiddenSize]. */
export const rewardItemVectors = (parameters: Parameters, shape: RewardShape, items: CodedValues): Value =>
  vectors(parameters, 'item', shape.featureDimensions, items)

/** [n, hiddenSize]. */
export const rewardCreativeVectors = (parameters: Parameters, shape: RewardShape, creatives: CodedValues): Value =>
  vectors(parameters, 'creative', shape.creativeFeatureDimensions, creatives)
