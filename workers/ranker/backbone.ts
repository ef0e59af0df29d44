// The causal transformer over items: pre-norm blocks with learned biases by distance. A position's input is the sum of
// its item's code vectors and a linear map of its features; position 0 is a learned start, so that a user without any
// history can be answered as well.

import type { Graph, Value } from '../tensor/graph.ts'
import * as op from '../tensor/operators.ts'
import type { Parameters } from '../tensor/parameters.ts'
import type { Dimension } from '../tensor/shapes.ts'
import { names, type RankerShape } from './architecture.ts'
import { type Dropout, type DropoutPlace, noDropout } from './dropout.ts'

/** Added to a score to exclude it; finite, so that no gradient becomes NaN. */
export const excluded = -1e9

/** What `itemVectors` reads of n items. */
export interface ItemInputs {
  /** Index of each item [n], read only where items have embeddings; undefined: all items in their order. */
  readonly index: Value | undefined
  /** By level, [n] integers. */
  readonly codes: readonly Value[]
  /** [n, featureDimensions]. */
  readonly features: Value
}

/** Input vectors of items, [n, hiddenSize]. */
export const itemVectors = (
  parameters: Parameters,
  shape: RankerShape,
  { index, codes, features }: ItemInputs,
): Value => {
  // Features have unit variance; scaled so, their sum does not grow with their number.
  const alpha = 1 / Math.sqrt(shape.featureDimensions)
  const mapped = op.gemm(features, parameters(names.featureWeight), undefined, { alpha })
  const embeddings = () =>
    index === undefined ? parameters(names.embedding) : op.gather(parameters(names.embedding), index)
  const own = shape.itemEmbeddings === 0 ? mapped : op.add(mapped, embeddings())
  return codes.reduce((sum, code, level) => op.add(sum, op.gather(parameters(names.code(level)), code)), own)
}

type Named = (part: string) => Value

export const normalized = (named: Named, input: Value): Value => op.layerNorm(input, named('scale'), named('bias'))

const part =
  (named: Named, prefix: string): Named =>
  (name) =>
    named(`${prefix}.${name}`)

/** `input + outer(gelu(inner(norm(input))))` on rows. */
export const feedForwardResidual = (named: Named, input: Value, drop: (value: Value) => Value): Value => {
  const normal = normalized(part(named, 'norm'), input)
  const inner = op.quickGelu(op.linear(normal, named('inner.weight'), named('inner.bias')))
  return op.add(input, drop(op.linear(inner, named('outer.weight'), named('outer.bias'))))
}

/** Bias of each pair of positions [heads, positions, positions]: by distance, future ones excluded. */
const distanceBias = (graph: Graph, byDistance: Value, positions: number): Value => {
  const heads = byDistance.shape[0]
  const distances = new Int32Array(positions * positions)
  const future = new Float32Array(positions * positions)
  for (let query = 0; query < positions; query++) {
    for (let key = 0; key < positions; key++) {
      distances[query * positions + key] = Math.max(0, query - key)
      future[query * positions + key] = key > query ? excluded : 0
    }
  }
  const learned = op.gather(byDistance, graph.constant('int32', [distances.length], distances), 1)
  const square = op.reshape(learned, [heads, positions, positions])
  return op.add(square, graph.constant('float32', [positions, positions], future))
}

interface Sequences {
  readonly batch: Dimension
  readonly positions: number
}

const attention = (
  named: Named,
  shape: RankerShape,
  input: Value,
  { batch, positions }: Sequences,
  drop: Dropout,
  layer: number,
): Value => {
  const { heads, hiddenSize } = shape
  const width = hiddenSize / heads
  const projected = op.linear(normalized(part(named, 'norm'), input), named('input.weight'), named('input.bias'))
  const parted = op.transpose(op.reshape(projected, [batch, positions, 3, heads, width]), [2, 0, 3, 1, 4])
  const [query, key, value] = op
    .split(parted, 0, [1, 1, 1])
    .map((piece) => op.reshape(piece, [batch, heads, positions, width]))
  const scores = op.matmul(query, key, { transposeB: true, alpha: 1 / Math.sqrt(width) })
  const biased = op.add(scores, distanceBias(input.graph, named('distance'), positions))
  const weights = drop(`block.${layer}.weights`, op.softmax(biased))
  const mixed = op.transpose(op.matmul(weights, value), [0, 2, 1, 3])
  const rows = op.reshape(mixed, [input.shape[0], hiddenSize])
  return op.linear(rows, named('output.weight'), named('output.bias'))
}

/** Positions of `items` and the start before them, [batch, positions, hiddenSize]. */
const withStart = (
  parameters: Parameters,
  shape: RankerShape,
  items: Value | undefined,
  { batch }: Sequences,
): Value => {
  const start = op.reshape(parameters(names.start), [1, 1, shape.hiddenSize])
  if (items === undefined) return op.expand(start, [batch, 1, shape.hiddenSize])
  return op.concat([op.expandLike(start, op.slice(items, 1, 0, 1)), items], 1)
}

/**
 * States of all positions: the one at position t has seen the start and the first t items.
 * @param items [batch, positions - 1, hiddenSize], the oldest first, anything past the end; undefined for one position
 * @returns [batch * positions, hiddenSize], normalised
 */
export const encode = (
  parameters: Parameters,
  shape: RankerShape,
  items: Value | undefined,
  sequences: Sequences,
  drop: Dropout = noDropout,
): Value => {
  const inputs = op.reshape(withStart(parameters, shape, items, sequences), [-1, shape.hiddenSize])
  let state = drop('input', op.scale(inputs, Math.sqrt(shape.hiddenSize)))
  for (let layer = 0; layer < shape.layers; layer++) {
    const named: Named = (name) => parameters(names.block(layer, name))
    const mixed = attention(part(named, 'attention'), shape, state, sequences, drop, layer)
    state = op.add(state, drop(`block.${layer}.mixed`, mixed))
    state = feedForwardResidual(part(named, 'feedForward'), state, (value) => drop(`block.${layer}.fed`, value))
  }
  return normalized((name) => parameters(names.finalNorm(name as 'scale' | 'bias')), state)
}

/** Where `encode` drops, with the shapes of a batch. */
export const encoderPlaces = (shape: RankerShape, batch: number, positions: number): DropoutPlace[] => {
  const rows = [batch * positions, shape.hiddenSize]
  const layers = Array.from({ length: shape.layers }, (_, layer) => [
    { name: `block.${layer}.weights`, shape: [batch, shape.heads, positions, positions] },
    { name: `block.${layer}.mixed`, shape: rows },
    { name: `block.${layer}.fed`, shape: rows },
  ])
  return [{ name: 'input', shape: rows }, ...layers.flat()]
}
