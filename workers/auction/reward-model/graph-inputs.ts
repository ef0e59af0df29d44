// The lists of a batch as inputs of a graph: indices of items and creatives, whose vectors are looked up inside.

import type { TensorData, Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import { float32, int32 } from '../../tensor/session.ts'
import { product } from '../../tensor/shapes.ts'
import type { InputSpec } from '../../tensor/training-step.ts'
import type { CodedTable } from './data.ts'
import type { ListValues } from './scores.ts'
import type { RewardShape } from './shape.ts'
import { type CodedValues, rewardCreativeVectors, rewardItemVectors } from './vectors.ts'

type Kind = 'item' | 'creative'

const tableInputs = {
  codes: (kind: Kind, level: number) => `${kind}.codes.${level}`,
  features: (kind: Kind) => `${kind}.features`,
}

/** Codes and features of all items or creatives; the same tensors in every run, which are not copied. */
export const tableTensors = (kind: Kind, table: CodedTable): Record<string, TensorData> => {
  const { count, levels, codes, features, featureDimensions } = table
  const columns = Array.from({ length: levels }, (_, level): [string, TensorData] => [
    tableInputs.codes(kind, level),
    int32(
      [count],
      Int32Array.from({ length: count }, (_, index) => codes[index * levels + level]),
    ),
  ])
  const described: [string, TensorData][] =
    featureDimensions === 0 ? [] : [[tableInputs.features(kind), float32([count, featureDimensions], features)]]
  return Object.fromEntries([...columns, ...described])
}

export const specsOf = (tensors: Readonly<Record<string, TensorData>>): Record<string, InputSpec> =>
  Object.fromEntries(Object.entries(tensors).map(([name, { type, shape }]) => [name, { type, shape }]))

/** Vectors of the entries of a table at `index` [n], or of all of them. */
export const tableVectors = (
  kind: Kind,
  parameters: Parameters,
  shape: RewardShape,
  inputs: Readonly<Record<string, Value>>,
  index?: Value,
): Value => {
  const levels = (kind === 'item' ? shape.itemCodebooks : shape.creativeCodebooks).length
  const at = (value: Value): Value => (index === undefined ? value : op.gather(value, index))
  const codes = Array.from({ length: levels }, (_, level) => at(inputs[tableInputs.codes(kind, level)]))
  const features = inputs[tableInputs.features(kind)]
  const coded: CodedValues = features === undefined ? { codes } : { codes, features: at(features) }
  return kind === 'item' ? rewardItemVectors(parameters, shape, coded) : rewardCreativeVectors(parameters, shape, coded)
}

/** What the graph reads of lists [N, K]: items and creatives by index, -1 where there is none. */
export interface ListIndices {
  /** int32, -1 beyond the end of a list. */
  readonly items: Value
  /** int32; absent where the model scores no creatives. */
  readonly creatives?: Value
  /** float32. */
  readonly isAd: Value
}

const found = (index: Value): Value => op.cast(op.greaterOrEqual(index, 0), 'float32')

/** Indices to look up, in one row; what there is none of becomes 0, and is masked later. */
export const lookUp = (index: Value): Value => op.reshape(op.maximum(index, 0), [product(index.shape)])

/** @param vectors of items and creatives by `lookUp` of their indices */
export const listValues = (
  shape: RewardShape,
  { items, creatives, isAd }: ListIndices,
  vectors: { readonly items: Value; readonly creatives?: Value },
): ListValues => {
  const [lists, slots] = items.shape
  const placed = (value: Value): Value => op.reshape(value, [lists, slots, shape.hiddenSize])
  const list = { items: placed(vectors.items), isAd, present: found(items) }
  if (vectors.creatives === undefined || creatives === undefined) return list
  const mask = op.reshape(found(creatives), [lists, slots, 1])
  return { ...list, creatives: op.mul(placed(vectors.creatives), mask) }
}
