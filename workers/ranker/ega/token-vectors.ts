// Vectors of items and creatives, shared by encoder and decoders unless a shape says otherwise (Figure 2: one token
// embedding): the sum of the vectors of their codes and a linear map of their features. The tables of the catalogue are inputs, so that a batch names items
// by their index alone.

import type { Graph, TensorData, Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import { float32, int32 } from '../../tensor/session.ts'
import type { InputSpec } from '../../tensor/training-step.ts'
import type { RankerShape } from '../architecture.ts'
import { itemVectors } from '../backbone.ts'
import { type GeneratorShape, generatorNames } from './generator-shape.ts'

/** Codes and features of n things, as a tokenizer has them. */
export interface CodedThings {
  readonly count: number
  /** [count, levels]. */
  readonly codes: Uint16Array
  readonly codebookSizes: readonly number[]
  /** [count, featureDimensions]. */
  readonly features: Float32Array
  readonly featureDimensions: number
}

/** A table of things inside a graph. */
export interface TokenTable {
  /** By level, int32 [count]. */
  readonly codes: readonly Value[]
  /** [count, featureDimensions]. */
  readonly features: Value
}

const column = (role: string, level: number): string => `${role}.code.${level}`

/** Inputs of a table whose names begin with `role`. */
export const tableSpecs = (
  role: string,
  { count, codebookSizes, featureDimensions }: Pick<CodedThings, 'count' | 'codebookSizes' | 'featureDimensions'>,
): Record<string, InputSpec> => ({
  ...Object.fromEntries(
    codebookSizes.map((_, level) => [column(role, level), { type: 'int32' as const, shape: [count] }]),
  ),
  [`${role}.features`]: { type: 'float32', shape: [count, featureDimensions] },
})

export const tableTensors = (role: string, things: CodedThings): Record<string, TensorData> => {
  const { count, codes, codebookSizes, features, featureDimensions } = things
  const levels = codebookSizes.length
  const columns = codebookSizes.map((_, level): [string, TensorData] => [
    column(role, level),
    int32(
      [count],
      Int32Array.from({ length: count }, (_each, index) => codes[index * levels + level]),
    ),
  ])
  return { ...Object.fromEntries(columns), [`${role}.features`]: float32([count, featureDimensions], features) }
}

export const tableOf = (
  role: string,
  inputs: Readonly<Record<string, Value>>,
  codebookSizes: readonly number[],
): TokenTable => ({
  codes: codebookSizes.map((_, level) => inputs[column(role, level)]),
  features: inputs[`${role}.features`],
})

/** The table as constants of a graph. */
export const constantTable = (graph: Graph, role: string, things: CodedThings): TokenTable => {
  const tensors = Object.entries(tableTensors(role, things))
  const constants = tensors.map(([name, { type, shape, data }]) => [name, graph.constant(type, shape, data)] as const)
  return tableOf(role, Object.fromEntries(constants), things.codebookSizes)
}

/** Vectors [..., hiddenSize] of the items at `index` int32 [...]. */
export const itemsAt = (parameters: Parameters, shape: RankerShape, table: TokenTable, index: Value): Value => {
  const flat = op.reshape(index, [-1])
  const codes = table.codes.map((code) => op.gather(code, flat))
  const vectors = itemVectors(parameters, shape, { index: flat, codes, features: op.gather(table.features, flat) })
  return op.reshape(vectors, [...index.shape, shape.hiddenSize])
}

/** Vectors of all items in their order, [count, hiddenSize]: cheaper than by their index. */
export const allItems = (parameters: Parameters, shape: RankerShape, { codes, features }: TokenTable): Value =>
  itemVectors(parameters, shape, { index: undefined, codes, features })

/** Vectors [..., hiddenSize] of the creatives at `index` int32 [...]; the unknown creative's where it is negative. */
export const creativesAt = (parameters: Parameters, shape: GeneratorShape, table: TokenTable, index: Value): Value => {
  const flat = op.reshape(index, [-1])
  const known = op.greaterOrEqual(flat, 0)
  const place = op.maximum(flat, 0)
  const { creatives, hiddenSize } = shape
  const alpha = 1 / Math.sqrt(creatives?.featureDimensions ?? 1)
  const weight = parameters(generatorNames.creativeFeatureWeight)
  const mapped = op.gemm(op.gather(table.features, place), weight, undefined, { alpha })
  const vectors = table.codes.reduce(
    (sum, code, level) =>
      op.add(sum, op.gather(parameters(generatorNames.creativeCode(level)), op.gather(code, place))),
    mapped,
  )
  const unknown = op.reshape(parameters(generatorNames.unknownCreative), [1, hiddenSize])
  const share = op.reshape(op.cast(known, 'float32'), [-1, 1])
  const chosen = op.add(op.mul(vectors, share), op.mul(unknown, op.sub(1, share)))
  return op.reshape(chosen, [...index.shape, hiddenSize])
}
