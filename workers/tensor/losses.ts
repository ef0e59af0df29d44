// Cross-entropy over a softmax, the gradient in closed form.

import { reduceSum, reshape } from './broadcasting.ts'
import { div, exp, maximum, mul, neg } from './elementwise.ts'
import { graphOf, type Value } from './graph.ts'
import { gatherElements, scatterElements } from './indexing.ts'
import { logSoftmax } from './reductions.ts'

/**
 * Negative log-likelihood of each row: logits [n, classes], labels [n] within 0..classes-1, result [n]. A row to be
 * ignored carries any valid label and gets weight zero later.
 */
export const crossEntropyRows = (logits: Value, labels: Value): Value => {
  const graph = graphOf(logits, labels)
  const logProbabilities = logSoftmax(logits, -1)
  const places = reshape(labels, [-1, 1])
  const output = neg(reshape(gatherElements(logProbabilities, places, 1), [-1]))
  graph.record('CrossEntropyRows', [logits], [output], ([gradient]) => {
    if (gradient === undefined) return []
    const minusOne = graph.filled([Number(places.shape[0]), 1], -1)
    const difference = scatterElements(exp(logProbabilities), places, minusOne, 1, 'add')
    return [mul(difference, reshape(gradient, [-1, 1]))]
  })
  return output
}

/** Mean of the rows' cross-entropy under non-negative `weights` [n] (1 to count a row, 0 to ignore it). */
export const softmaxCrossEntropy = (logits: Value, labels: Value, weights?: Value): Value => {
  const rows = crossEntropyRows(logits, labels)
  if (weights === undefined) return div(reduceSum(rows), Number(rows.shape[0]))
  return div(reduceSum(mul(rows, weights)), maximum(reduceSum(weights), 1e-6))
}
