// Step 1: HSTU blocks (Zhai et al., arXiv 2402.17152), causal. Attention is SiLU(Q K^T + bias by distance), divided by the
// true length of a sequence, without a softmax.

import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import type { Dimension } from '../../tensor/shapes.ts'
import { normalized } from '../backbone.ts'
import { type Drop, type Named, part } from '../ega/attention.ts'
import { type OneRankerShape, oneRankerNames, streamPositions } from './shape.ts'
import { siluAttention } from './silu-attention.ts'
import type { Stream } from './stream.ts'

/** Step 1 of a batch: what the later steps read. */
export interface Generated {
  /** [B, positions, hiddenSize], normalised; anything where a position is padding. */
  readonly states: Value
  /** 1 where a token is, float32 [B, positions]. */
  readonly present: Value
  /** The state of the request itself, which has seen all [B, hiddenSize]. */
  readonly last: Value
}

interface Context {
  readonly heads: number
  readonly positions: number
  readonly batch: Dimension
  /** What the value of a position counts: 1 / true length, 0 for padding [B, positions, 1]. */
  readonly share: Value
}

/** Mixture of the positions of rows [B * positions, hiddenSize]. */
const mixture = (named: Named, input: Value, { heads, positions, batch, share }: Context): Value => {
  const hiddenSize = Number(input.shape[1])
  const projected = op.linear(normalized(part(named, 'norm'), input), named('input.weight'), named('input.bias'))
  const pieces = op.split(op.silu(projected), 1, Array(4).fill(hiddenSize))
  const [gate, values, query, keys] = pieces.map((piece) => op.reshape(piece, [batch, positions, hiddenSize]))
  // A weight of 0 for a key is the same as a value of 0, and values are the smaller.
  const mixed = siluAttention({ query, keys, values: op.mul(values, share) }, named('distance'), heads)
  const rows = op.mul(op.reshape(gate, input.shape), normalized(part(named, 'mixed'), op.reshape(mixed, input.shape)))
  return op.linear(rows, named('output.weight'), named('output.bias'))
}

/** Runs step 1; calls `drop` with places `generator.LAYER.mixed`. */
export const generate = (
  parameters: Parameters,
  shape: OneRankerShape,
  { states, present }: Stream,
  drop: Drop,
): Generated => {
  const { hiddenSize, heads, layers } = shape
  const positions = streamPositions(shape)
  const [batch] = states.shape
  const length = op.reduceSum(present, [1], true)
  const share = op.reshape(op.div(present, length), [batch, positions, 1])
  const context = { heads, positions, batch, share }
  let state = op.reshape(states, [-1, hiddenSize])
  for (let layer = 0; layer < layers; layer++) {
    const named: Named = (inner) => parameters(oneRankerNames.generator(layer, inner))
    state = op.add(state, drop(`generator.${layer}.mixed`, mixture(named, state, context)))
  }
  const rows = normalized((inner) => parameters(oneRankerNames.generatorNorm(inner)), state)
  const seen = op.reshape(rows, [batch, positions, hiddenSize])
  const last = op.reshape(op.slice(seen, 1, positions - 1, positions), [batch, hiddenSize])
  return { states: seen, present, last }
}
