import { describe, expect, test } from 'vitest'
import * as op from '../../../workers/tensor/operators.ts'
import { float32, int32 } from '../../../workers/tensor/session.ts'
import { checkGradients, holds, seeds, uniform } from './support/gradient-check.ts'
import { evaluate } from './support/run-graph.ts'

const labels = int32([4], [2, 0, 1, 1])

describe('gradients', () => {
  test('cross-entropy of rows', () =>
    holds([seeds], async (seed) => {
      await checkGradients({ logits: uniform(seed, [4, 3]), labels }, (values) =>
        op.crossEntropyRows(values.logits, values.labels),
      )
    }))

  test('weighted mean, also in the weights', () =>
    holds([seeds], async (seed) => {
      const tensors = { logits: uniform(seed, [4, 3]), labels, weights: uniform(seed, [4], 0.5, 1.5) }
      await checkGradients(tensors, (values) => op.softmaxCrossEntropy(values.logits, values.labels, values.weights))
    }))
})

test('an ignored row counts for nothing, and no row at all gives zero', async () => {
  const tensors = {
    logits: float32([4, 3], [0, 0, 0, 9, 0, 0, 0, 0, 0, 5, 5, 5]),
    labels,
    weights: float32([4], [1, 0, 1, 1]),
    none: float32([4], [0, 0, 0, 0]),
  }
  const found = await evaluate(tensors, (values) => ({
    some: op.softmaxCrossEntropy(values.logits, values.labels, values.weights),
    nothing: op.softmaxCrossEntropy(values.logits, values.labels, values.none),
    all: op.softmaxCrossEntropy(values.logits, values.labels),
  }))
  expect(found.some.data[0]).toBeCloseTo(Math.log(3), 6)
  expect(found.nothing.data[0]).toBe(0)
  expect(found.all.data[0]).toBeCloseTo((3 * Math.log(3) + Math.log(1 + 2 * Math.exp(-9))) / 4, 5)
})
