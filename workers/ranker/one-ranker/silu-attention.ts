// Causal attention by SiLU, block by block. Positions come in blocks; the scores of all pairs of blocks that are equally
// far apart are one product, as they share their biases, and pairs in the future are never computed. So a bias is looked
// up for each distance of a pair of positions in a block, not for each pair in the sequence, and scores of a long history
// lie in memory for one such distance at a time.

import type { Graph, Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import { distanceBucket, userBucket } from './distance-bucket.ts'

/** Positions of a block at most. */
const longestBlock = 128

/** [B, positions, hiddenSize] each. A value of 0 is what a position counts that must not be seen. */
export interface AttentionInputs {
  readonly query: Value
  readonly keys: Value
  readonly values: Value
}

interface Blocks {
  readonly count: number
  readonly length: number
}

const blocksFor = (positions: number): Blocks => {
  const count = Math.ceil(positions / longestBlock)
  return { count, length: Math.ceil(positions / count) }
}

/** Buckets of the distances from the positions of a block to those of one `apart` blocks before it, int32 [length^2]. */
const bucketsOf = (graph: Graph, length: number, apart: number): Value => {
  const buckets = Int32Array.from({ length: length * length }, (_, pair) => {
    const distance = apart * length + Math.floor(pair / length) - (pair % length)
    return distanceBucket(Math.max(0, distance))
  })
  return graph.constant('int32', [buckets.length], buckets)
}

/** 1 where a query may see a key of its own block [length, length]. */
const causal = (graph: Graph, length: number): Value =>
  graph.constant(
    'float32',
    [length, length],
    Float32Array.from({ length: length * length }, (_, pair) => Number(pair % length <= Math.floor(pair / length))),
  )

/** What all positions take from the user token, which comes first [B, positions, hiddenSize]. */
const fromUser = ({ query, keys, values }: AttentionInputs, byBucket: Value, heads: number): Value => {
  const [batch, positions, hiddenSize] = query.shape
  const width = Number(hiddenSize) / heads
  const byHead = (value: Value, length: number | string) => op.reshape(value, [batch, length, heads, width])
  const key = byHead(op.slice(keys, 1, 0, 1), 1)
  const bias = op.reshape(op.slice(byBucket, 1, userBucket, userBucket + 1), [heads, 1])
  const scores = op.add(op.reduceSum(op.mul(byHead(query, positions), key), [3], true), bias)
  const taken = op.mul(op.silu(scores), byHead(op.slice(values, 1, 0, 1), 1))
  return op.reshape(taken, query.shape)
}

/** In blocks by head, zeros before the first position [B, count, heads, length, width]. */
const inBlocks = (value: Value, { count, length }: Blocks, heads: number): Value => {
  const [batch, positions, hiddenSize] = value.shape
  const padded = op.pad(value, 1, count * length - Number(positions), 0)
  const parted = op.reshape(padded, [batch, count * length, heads, Number(hiddenSize) / heads])
  const blocks = op.reshape(parted, [batch, count, length, heads, Number(hiddenSize) / heads])
  return op.transpose(blocks, [0, 1, 3, 2, 4])
}

/** What behaviours take from one another, [B, positions, hiddenSize] as the inputs. */
const amongBehaviours = (inputs: AttentionInputs, byBucket: Value, heads: number): Value => {
  const [batch, positions, hiddenSize] = inputs.query.shape
  const blocks = blocksFor(Number(positions))
  const { count, length } = blocks
  const [query, keys, values] = [inputs.query, inputs.keys, inputs.values].map((each) => inBlocks(each, blocks, heads))
  const graph = query.graph.root
  const takenFrom = (apart: number): Value => {
    const bias = op.reshape(op.gather(byBucket, bucketsOf(graph, length, apart), 1), [heads, length, length])
    const later = op.slice(query, 1, apart, count)
    const scores = op.add(op.matmul(later, op.slice(keys, 1, 0, count - apart), { transposeB: true }), bias)
    const weights = apart === 0 ? op.mul(op.silu(scores), causal(graph, length)) : op.silu(scores)
    return op.matmul(weights, op.slice(values, 1, 0, count - apart))
  }
  // From the farthest on: the first block takes from itself alone, the last from all.
  let taken = takenFrom(count - 1)
  for (let apart = count - 2; apart >= 0; apart--) taken = op.add(takenFrom(apart), op.pad(taken, 1, 1, 0))
  const joined = op.reshape(op.transpose(taken, [0, 1, 3, 2, 4]), [batch, count * length, hiddenSize])
  return op.slice(joined, 1, count * length - Number(positions), count * length)
}

/**
 * SiLU(Q K^T + bias) V over the positions up to each one's own, [B, positions, hiddenSize].
 * @param byBucket biases [heads, distanceBuckets]; the first position is the user token
 */
export const siluAttention = (inputs: AttentionInputs, byBucket: Value, heads: number): Value => {
  const positions = Number(inputs.query.shape[1])
  const rest = (value: Value) => op.slice(value, 1, 1, positions)
  const behaviours = { query: rest(inputs.query), keys: rest(inputs.keys), values: rest(inputs.values) }
  return op.add(fromUser(inputs, byBucket, heads), op.pad(amongBehaviours(behaviours, byBucket, heads), 1, 1, 0))
}
