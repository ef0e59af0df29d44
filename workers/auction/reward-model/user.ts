// What lists read of a user: keys and values of the history, and one vector of all of it. Made once a user, whatever
// the number of lists.

import { excluded } from '../../ranker/backbone.ts'
import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import { names, type RewardShape } from './shape.ts'

/** R users. Place 0 of the history stands for nothing in particular: a user without any history has it alone. */
export interface RewardUser {
  /** [R, heads, historyLength + 1, hiddenSize / heads]. */
  readonly keys: Value
  readonly values: Value
  /** Added to the score of each place [R, heads, 1, historyLength + 1]: by age, places past the end excluded. */
  readonly bias: Value
  /** [R, hiddenSize]. */
  readonly summary: Value
}

export interface HistoryValues {
  /** Vectors of the items [R, historyLength, hiddenSize], the oldest first, anything past the end. */
  readonly history: Value
  /** [R] int32. */
  readonly length: Value
}

/** softmax(alpha · queries keysᵀ + bias) values: queries [R, heads, n, width], or of one row for all users. */
export const readUser = ({ keys, values, bias }: Omit<RewardUser, 'summary'>, queries: Value): Value => {
  const width = Number(keys.shape[3])
  const scores = op.matmul(queries, keys, { transposeB: true, alpha: 1 / Math.sqrt(width) })
  return op.matmul(op.softmax(op.add(scores, bias)), values)
}

/** [R, heads, 1, historyLength + 1]. */
const placeBias = (parameters: Parameters, { heads, historyLength }: RewardShape, length: Value): Value => {
  const [users] = length.shape
  const places = length.graph.constant(
    'int32',
    [1, historyLength],
    Int32Array.from({ length: historyLength }, (_, t) => t),
  )
  const age = op.sub(op.reshape(length, [users, 1]), op.add(places, 1))
  const known = op.greaterOrEqual(age, 0)
  const learned = op.transpose(op.gather(parameters(names.user('age')), op.maximum(age, 0)), [0, 2, 1])
  const masked = op.where(op.reshape(known, [users, 1, historyLength]), learned, excluded)
  return op.reshape(op.pad(masked, 2, 1, 0), [users, heads, 1, historyLength + 1])
}

export const rewardUser = (
  parameters: Parameters,
  shape: RewardShape,
  { history, length }: HistoryValues,
): RewardUser => {
  const { heads, hiddenSize, historyLength } = shape
  const [users] = history.shape
  const width = hiddenSize / heads
  const named = (part: string) => parameters(names.user(part))
  const placed = (kind: 'key' | 'value'): Value => {
    const projected = op.linear(history, named(`${kind}.weight`), named(`${kind}.bias`))
    const nothing = op.reshape(named(`${kind}.nothing`), [1, 1, hiddenSize])
    const places = op.concat([op.expandLike(nothing, op.slice(projected, 1, 0, 1)), projected], 1)
    return op.transpose(op.reshape(places, [users, historyLength + 1, heads, width]), [0, 2, 1, 3])
  }
  const keys = placed('key')
  const values = placed('value')
  const bias = placeBias(parameters, shape, length)
  const read = readUser({ keys, values, bias }, op.reshape(named('query'), [1, heads, 1, width]))
  return { keys, values, bias, summary: op.reshape(read, [users, hiddenSize]) }
}

/** The users in rows of their own, in the order of `of` [N] int32. */
export const userRows = ({ keys, values, bias, summary }: RewardUser, of: Value): RewardUser => ({
  keys: op.gather(keys, of),
  values: op.gather(values, of),
  bias: op.gather(bias, of),
  summary: op.gather(summary, of),
})
