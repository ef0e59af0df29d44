// Pre-norm attention blocks over groups of lists: all lists of a group share the memory of one encoded history.

import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import { type Dimension, product } from '../../tensor/shapes.ts'
import { excluded, feedForwardResidual, normalized } from '../backbone.ts'

export type Named = (part: string) => Value

export const part =
  (named: Named, prefix: string): Named =>
  (inner) =>
    named(`${prefix}.${inner}`)

/** Drops activations at a place; the identity outside of training. */
export type Drop = (place: string, value: Value) => Value

/** Rows of a value [groups * lists * positions, hiddenSize]. */
export interface Rows {
  readonly groups: Dimension
  readonly lists: number
  readonly positions: number
}

/** An encoded history, as the cross-attention of one block reads it: keys and values [groups, heads, length, width]. */
export interface BlockMemory {
  readonly keys: Value
  readonly values: Value
}

/** Added to scores [groups, 1, 1, length]: excludes what lies before the history begins. */
export type MemoryMask = Value

const attend = (query: Value, keys: Value, values: Value, mask: Value | undefined): Value => {
  const width = Number(query.shape[query.shape.length - 1])
  const scores = op.matmul(query, keys, { transposeB: true, alpha: 1 / Math.sqrt(width) })
  return op.matmul(op.softmax(mask === undefined ? scores : op.add(scores, mask)), values)
}

/** Query, key and value of rows, [sequences, heads, positions, width] each. */
export const queryKeyValue = (
  named: Named,
  input: Value,
  heads: number,
  sequences: Dimension,
  positions: number,
): Value[] => {
  const hiddenSize = Number(input.shape[1])
  const projected = op.linear(normalized(part(named, 'norm'), input), named('input.weight'), named('input.bias'))
  const parted = op.transpose(
    op.reshape(projected, [sequences, positions, 3, heads, hiddenSize / heads]),
    [2, 0, 3, 1, 4],
  )
  return op
    .split(parted, 0, [1, 1, 1])
    .map((piece) => op.reshape(piece, [sequences, heads, positions, hiddenSize / heads]))
}

/** Joins heads [sequences, heads, positions, width] and maps them to rows [rows, hiddenSize]. */
export const merged = (named: Named, mixed: Value, rows: Dimension): Value => {
  const hiddenSize = Number(mixed.shape[1]) * Number(mixed.shape[3])
  return op.linear(
    op.reshape(op.transpose(mixed, [0, 2, 1, 3]), [rows, hiddenSize]),
    named('output.weight'),
    named('output.bias'),
  )
}

/** Attention of every list to itself, `mask` [.., positions, positions] or [sequences, 1, 1, positions]. */
export const selfAttention = (
  named: Named,
  input: Value,
  heads: number,
  { groups, lists, positions }: Rows,
  mask: Value,
): Value => {
  const [query, keys, values] = queryKeyValue(named, input, heads, product([groups, lists]), positions)
  return merged(named, attend(query, keys, values, mask), input.shape[0])
}

/** Keys and values of earlier positions by beam, [groups, beams, heads, positions, width]. */
export interface Cache {
  readonly keys: Value
  readonly values: Value
}

/** Attention of the newest position of every beam to itself and those before it. */
export const cachedAttention = (
  named: Named,
  input: Value,
  heads: number,
  { groups, lists }: Rows,
  before: Cache | undefined,
): { output: Value; cache: Cache } => {
  const [query, key, value] = queryKeyValue(named, input, heads, product([groups, lists]), 1)
  const width = Number(query.shape[3])
  const beams = (piece: Value) => op.reshape(piece, [groups, lists, heads, 1, width])
  const joined = (past: Value | undefined, piece: Value) =>
    past === undefined ? beams(piece) : op.concat([past, beams(piece)], 3)
  const cache = { keys: joined(before?.keys, key), values: joined(before?.values, value) }
  const length = Number(cache.keys.shape[3])
  const flat = (piece: Value) => op.reshape(piece, [product([groups, lists]), heads, length, width])
  const mixed = attend(query, flat(cache.keys), flat(cache.values), undefined)
  return { output: merged(named, mixed, input.shape[0]), cache }
}

/** Keys and values of an encoded history [groups * length, hiddenSize] for one block. */
export const memoryOf = (
  named: Named,
  encoded: Value,
  heads: number,
  groups: Dimension,
  length: number,
): BlockMemory => {
  const width = Number(encoded.shape[1]) / heads
  const projected = op.linear(encoded, named('memory.weight'), named('memory.bias'))
  const parted = op.transpose(op.reshape(projected, [groups, length, 2, heads, width]), [2, 0, 3, 1, 4])
  const [keys, values] = op.split(parted, 0, [1, 1]).map((piece) => op.reshape(piece, [groups, heads, length, width]))
  return { keys, values }
}

/** Attention of all rows of a group to its memory. */
export const crossAttention = (
  named: Named,
  input: Value,
  { groups, lists, positions }: Rows,
  memory: BlockMemory,
  mask: MemoryMask,
): Value => {
  const heads = Number(memory.keys.shape[1])
  const width = Number(memory.keys.shape[3])
  const asked = op.linear(normalized(part(named, 'norm'), input), named('query.weight'), named('query.bias'))
  const query = op.transpose(op.reshape(asked, [groups, lists * positions, heads, width]), [0, 2, 1, 3])
  return merged(named, attend(query, memory.keys, memory.values, mask), input.shape[0])
}

/** Excludes later positions, [positions, positions]. */
export const causalMask = (like: Value, positions: number): Value => {
  const mask = new Float32Array(positions * positions)
  for (let query = 0; query < positions; query++)
    for (let key = query + 1; key < positions; key++) mask[query * positions + key] = excluded
  return like.graph.constant('float32', [positions, positions], mask)
}

/** A decoder block on whole lists. */
export const decoderBlock = (
  named: Named,
  input: Value,
  heads: number,
  rows: Rows,
  context: { readonly memory: BlockMemory; readonly mask: MemoryMask; readonly causal: Value; readonly drop: Drop },
): Value => {
  const { memory, mask, causal, drop } = context
  const own = op.add(input, drop('self', selfAttention(part(named, 'self'), input, heads, rows, causal)))
  const read = op.add(own, drop('cross', crossAttention(part(named, 'cross'), own, rows, memory, mask)))
  return feedForwardResidual(part(named, 'feedForward'), read, (value) => drop('fed', value))
}

/** The same block on the newest position of every beam. */
export const decoderBlockStep = (
  named: Named,
  input: Value,
  heads: number,
  rows: Rows,
  context: { readonly memory: BlockMemory; readonly mask: MemoryMask; readonly before: Cache | undefined },
): { state: Value; cache: Cache } => {
  const { output, cache } = cachedAttention(part(named, 'self'), input, heads, rows, context.before)
  const own = op.add(input, output)
  const read = op.add(own, crossAttention(part(named, 'cross'), own, rows, context.memory, context.mask))
  return { state: feedForwardResidual(part(named, 'feedForward'), read, (value) => value), cache }
}
