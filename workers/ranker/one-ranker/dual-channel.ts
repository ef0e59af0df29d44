// The score of step 2 (Sec. 3.4) as one inner product: users have a semantic channel and a target-aware one, items have
// their vector and their cosines with the centres. Item vectors move with the parameters: both sides must come of the same.

import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import { centresOf, type Refined } from './refinement.ts'
import { type OneRankerShape, oneRankerNames, taskCount } from './shape.ts'
import { byNetwork } from './stacked.ts'

/** Keeps the length of a vector, and its gradient, away from 0. */
const smallest = 1e-12

/** Width of the vectors on both sides. */
export const channelWidth = ({ hiddenSize, fakeItems }: OneRankerShape): number => hiddenSize + fakeItems

/** s_target: the sum over fake items of a network of its own on [task ; fake item], [B, tasks, fakeItems]. */
const targetChannel = (parameters: Parameters, shape: OneRankerShape, tokens: Value, fakes: Value): Value => {
  const { hiddenSize, fakeItems } = shape
  const tasks = taskCount(shape)
  const [groups] = fakes.shape
  const named = (inner: string) => parameters(oneRankerNames.target(inner))
  // The first layer on a pair is the sum of one on the task and one on the fake item.
  const [ofTask, ofFake] = op.split(named('inner.weight'), 1, [hiddenSize, hiddenSize])
  const taskRows = op.reshape(op.slice(tokens, 1, 0, tasks), [1, -1, hiddenSize])
  const byTask = op.reshape(op.matmul(taskRows, ofTask), [fakeItems, groups, tasks, hiddenSize])
  const byFake = op.add(op.matmul(byNetwork(fakes), ofFake), named('inner.bias'))
  const inner = op.quickGelu(op.add(byTask, op.reshape(byFake, [fakeItems, groups, 1, hiddenSize])))
  const rows = op.reshape(inner, [fakeItems, -1, hiddenSize])
  const summed = op.reduceSum(op.matmul(rows, named('outer.weight')), [0])
  return op.reshape(op.add(summed, named('outer.bias')), [groups, tasks, fakeItems])
}

/** e_user of every task, [B, tasks, hiddenSize + fakeItems]. */
export const userVectors = (parameters: Parameters, shape: OneRankerShape, refined: Refined): Value =>
  refined.fakes === undefined
    ? refined.tasks
    : op.concat([refined.tasks, targetChannel(parameters, shape, refined.tokens, refined.fakes)], 2)

const unit = (vectors: Value): Value => op.div(vectors, op.l2Norm(vectors, [1], true, smallest))

/** e_item of items [..., hiddenSize]: [..., hiddenSize + fakeItems]. */
export const itemVectors = (parameters: Parameters, shape: OneRankerShape, items: Value): Value => {
  const { hiddenSize, fakeItems } = shape
  if (fakeItems === 0) return items
  const rows = op.reshape(items, [-1, hiddenSize])
  const cosines = op.matmul(unit(rows), unit(centresOf(parameters, shape)), { transposeB: true })
  const enhanced = op.concat([rows, cosines], 1)
  return op.reshape(enhanced, [...items.shape.slice(0, -1), hiddenSize + fakeItems])
}

/**
 * Scores of items by every task, [B, tasks, N].
 * @param users [B, tasks, width]
 * @param items of all requests [N, width], or of each [B, N, width]
 */
export const taskScores = (users: Value, items: Value): Value =>
  items.shape.length === 2
    ? op.linear(users, items, undefined, { transposeB: true })
    : op.matmul(users, items, { transposeB: true })

/** The vector that averages the scores of the value tokens, [B, hiddenSize + fakeItems]. */
export const valueVector = ({ interestTokens, valueTokens }: OneRankerShape, users: Value): Value =>
  op.reduceMean(op.slice(users, 1, interestTokens, interestTokens + valueTokens), [1])

/** The same of scores [B, tasks, N]: a mean of inner products is the inner product of a mean. */
export const valueScoresAmong = ({ interestTokens, valueTokens }: OneRankerShape, scores: Value): Value =>
  op.reduceMean(op.slice(scores, 1, interestTokens, interestTokens + valueTokens), [1])

/** Scores of items by the value tokens, [B, N]; arguments as of `taskScores`. */
export const valueScores = (shape: OneRankerShape, users: Value, items: Value): Value => {
  const value = valueVector(shape, users)
  const [groups, width] = value.shape
  if (items.shape.length === 2) return taskScores(value, items)
  return op.reshape(taskScores(op.reshape(value, [groups, 1, width]), items), [groups, items.shape[1]])
}
