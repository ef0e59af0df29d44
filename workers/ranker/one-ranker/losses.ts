// The losses of OneRanker (Sec. 5 of the reference): multi-token prediction, pairwise ranking by business value, and the
// consistency of the generator's distribution with the ranker's scores.

import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import { excluded } from '../backbone.ts'

/**
 * -log of the softmax over all items at each target, [B, tasks].
 * @param scores [B, tasks, items]
 * @param targets int32 [B, tasks], anything within range where the weight is 0
 */
export const catalogueLosses = (scores: Value, targets: Value): Value => {
  const rows = op.reshape(scores, [-1, scores.shape[2]])
  return op.reshape(op.crossEntropyRows(rows, op.reshape(targets, [-1])), targets.shape)
}

/**
 * L_MTP: the sum over tasks of mean losses; a task with few targets counts for as few.
 * @param losses [B, tasks]
 * @param weights of the targets, 0 for none; of the value tasks with the value in them [B, tasks]
 */
export const multiTokenLoss = (losses: Value, weights: Value): Value => {
  const total = op.maximum(op.reduceSum(weights), 1e-6)
  return op.scale(op.div(op.reduceSum(op.mul(losses, weights)), total), Number(losses.shape[1]))
}

/**
 * L_rank (BPR): the mean of -log sigmoid(s_i - s_k) over all pairs of one request with label i > label k; 0 where there is
 * no such pair.
 * @param scores [B, n]
 * @param labels [B, n]
 * @param mask 1 for a candidate, 0 for padding, float32 [B, n]
 */
export const pairwiseLoss = (scores: Value, labels: Value, mask: Value): Value => {
  const [batch, count] = scores.shape
  const rows = (value: Value) => op.reshape(value, [batch, count, 1])
  const columns = (value: Value) => op.reshape(value, [batch, 1, count])
  const better = op.cast(op.greater(rows(labels), columns(labels)), 'float32')
  const pairs = op.mul(better, op.mul(rows(mask), columns(mask)))
  const losses = op.softplus(op.sub(columns(scores), rows(scores)))
  return op.div(op.reduceSum(op.mul(losses, pairs)), op.maximum(op.reduceSum(pairs), 1))
}

/**
 * Logarithm of the sum of exponentials over the last axis, [B, M] to [B].
 * @param logWeight added to each score, [M]: how many of what they were drawn from the columns stand for
 */
export const logPartition = (scores: Value, logWeight?: Value): Value => {
  const weighed = logWeight === undefined ? scores : op.add(scores, logWeight)
  const most = op.reduceMax(weighed, [1], true)
  return op.reshape(op.add(op.log(op.reduceSum(op.exp(op.sub(weighed, most)), [1], true)), most), [scores.shape[0]])
}

/** The mean over requests of -sum p_i log pi_i, p the softmax of the ranker's scores over the temperature. */
const distilled = (logPi: Value, rankerScores: Value, mask: Value, temperature: number): Value => {
  const isCandidate = op.greater(mask, 0)
  const target = op.softmax(op.where(isCandidate, op.scale(op.stopGradient(rankerScores), 1 / temperature), excluded))
  const requests = op.reduceSum(op.reduceMax(mask, [1]))
  const products = op.mul(op.mul(target, mask), logPi)
  return op.neg(op.div(op.reduceSum(products), op.maximum(requests, 1)))
}

/**
 * L_DC: the mean over requests of -sum p_i log pi_i, p the softmax of the ranker's scores over the temperature, pi that of
 * the generator's, both over the candidates. No gradient flows through p. It is KL(p || pi) up to the entropy of p.
 * @param generatorScores [B, n]
 * @param rankerScores [B, n]
 * @param mask 1 for a candidate, 0 for padding, float32 [B, n]; a request without any counts for nothing
 */
export const consistencyLoss = (
  generatorScores: Value,
  rankerScores: Value,
  mask: Value,
  temperature: number,
): Value => {
  const logPi = op.logSoftmax(op.where(op.greater(mask, 0), generatorScores, excluded))
  return distilled(logPi, rankerScores, mask, temperature)
}

/**
 * The same with pi over the whole catalogue, of which the candidates are a part: a generator that orders them as the ranker
 * does, and would rather propose others, is told here.
 * @param logTotal `logPartition` of the generator's scores of all items, [B]
 */
export const catalogueConsistencyLoss = (
  generatorScores: Value,
  rankerScores: Value,
  mask: Value,
  { temperature, logTotal }: { readonly temperature: number; readonly logTotal: Value },
): Value => {
  const logPi = op.sub(generatorScores, op.reshape(logTotal, [generatorScores.shape[0], 1]))
  return distilled(logPi, rankerScores, mask, temperature)
}
