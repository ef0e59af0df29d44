// Step 1: HSTU blocks (Zhai et al., arXiv 2402.17152), causal. Attention is SiLU(Q K^T + bias by distance), divided by the
// true length of a sequence, without a softmax. Scores are computed by pieces of the queries, each with the keys up to its
// own end: half the work, and pieces that fit in the cache.

import type { Graph, Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import type { Dimension } from '../../tensor/shapes.ts'
import { normalized } from '../backbone.ts'
import { type Drop, type Named, part } from '../ega/attention.ts'
import { distanceBucket, userBucket } from './distance-bucket.ts'
import { type OneRankerShape, oneRankerNames, streamPositions } from './shape.ts'
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

/** Queries of a piece. */
const pieceLength = 256

/** What is the same for all blocks: pieces of the queries, with what their scores need by position. */
interface Piece {
  readonly from: number
  readonly to: number
  /** Bucket of each pair, int32 [queries * keys]. */
  readonly buckets: Value
  /** 1 where a query may see a key [queries, keys]. */
  readonly visible: Value
}

const piecesOf = (graph: Graph, positions: number): Piece[] => {
  const count = Math.ceil(positions / pieceLength)
  return Array.from({ length: count }, (_, index) => {
    const from = Math.floor((index * positions) / count)
    const to = Math.floor(((index + 1) * positions) / count)
    const buckets = new Int32Array((to - from) * to)
    const visible = new Float32Array((to - from) * to)
    for (let query = from; query < to; query++) {
      for (let key = 0; key < to; key++) {
        const place = (query - from) * to + key
        buckets[place] = key === 0 ? userBucket : distanceBucket(Math.max(0, query - key))
        visible[place] = key <= query ? 1 : 0
      }
    }
    return {
      from,
      to,
      buckets: graph.constant('int32', [buckets.length], buckets),
      visible: graph.constant('float32', [to - from, to], visible),
    }
  })
}

/** [B, heads, positions, width]. */
const attend = (query: Value, keys: Value, values: Value, distance: Value, pieces: readonly Piece[]): Value => {
  const heads = Number(query.shape[1])
  const mixed = pieces.map(({ from, to, buckets, visible }) => {
    const bias = op.reshape(op.gather(distance, buckets, 1), [heads, to - from, to])
    const scores = op.matmul(op.slice(query, 2, from, to), op.slice(keys, 2, 0, to), { transposeB: true })
    const weights = op.mul(op.silu(op.add(scores, bias)), visible)
    return op.matmul(weights, op.slice(values, 2, 0, to))
  })
  return op.concat(mixed, 2)
}

interface Context {
  readonly heads: number
  readonly positions: number
  readonly batch: Dimension
  readonly pieces: readonly Piece[]
  /** What the value of a position counts: 1 / true length, 0 for padding [B, 1, positions, 1]. */
  readonly share: Value
}

/** Mixture of the positions of rows [B * positions, hiddenSize]. */
const mixture = (named: Named, input: Value, { heads, positions, batch, pieces, share }: Context): Value => {
  const hiddenSize = Number(input.shape[1])
  const projected = op.linear(normalized(part(named, 'norm'), input), named('input.weight'), named('input.bias'))
  const [gate, rest] = op.split(op.silu(projected), 1, [hiddenSize, 3 * hiddenSize])
  const parted = op.transpose(op.reshape(rest, [batch, positions, 3, heads, hiddenSize / heads]), [2, 0, 3, 1, 4])
  const [values, query, keys] = op
    .split(parted, 0, [1, 1, 1])
    .map((piece) => op.reshape(piece, [batch, heads, positions, hiddenSize / heads]))
  // A weight of 0 for a key is the same as a value of 0, and values are the smaller.
  const mixed = attend(query, keys, op.mul(values, share), named('distance'), pieces)
  const rows = op.reshape(op.transpose(mixed, [0, 2, 1, 3]), [input.shape[0], hiddenSize])
  const gated = op.mul(gate, normalized(part(named, 'mixed'), rows))
  return op.linear(gated, named('output.weight'), named('output.bias'))
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
  const share = op.reshape(op.div(present, length), [batch, 1, positions, 1])
  const context = { heads, positions, batch, pieces: piecesOf(states.graph.root, positions), share }
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
