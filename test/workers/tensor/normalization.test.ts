import { describe, expect, test } from 'vitest'
import { gradients } from '../../../workers/tensor/autodiff.ts'
import * as op from '../../../workers/tensor/operators.ts'
import { float32 } from '../../../workers/tensor/session.ts'
import { checkGradients, holds, seeds, shapes, uniform } from './support/gradient-check.ts'
import { evaluate } from './support/run-graph.ts'

describe('gradients', () => {
  test('layerNorm', () =>
    holds([shapes(0, 2), seeds], async (lead, seed) => {
      const tensors = { x: uniform(seed, [...lead, 5]), scale: uniform(seed + 1, [5]), bias: uniform(seed + 2, [5]) }
      await checkGradients(tensors, ({ x, scale, bias }) => op.layerNorm(x, scale, bias, 0.05))
    }))

  test('rmsNorm', () =>
    holds([shapes(0, 2), seeds], async (lead, seed) => {
      const tensors = { x: uniform(seed, [...lead, 5]), scale: uniform(seed + 1, [5]) }
      await checkGradients(tensors, ({ x, scale }) => op.rmsNorm(x, scale, 0.05))
    }))
})

test('values', async () => {
  const tensors = {
    x: float32([1, 4], [1, 2, 3, 6]),
    scale: float32([4], [1, 1, 2, 1]),
    bias: float32([4], [0, 1, 0, 0]),
  }
  const found = await evaluate(tensors, ({ x, scale, bias }) => ({
    layer: op.layerNorm(x, scale, bias, 0),
    rms: op.rmsNorm(x, scale, 0),
  }))
  // mean 3, variance 3.5; mean square 12.5
  const expected = [-2, -1, 0, 3].map((number) => number / Math.sqrt(3.5))
  expect(found.layer.data[0]).toBeCloseTo(expected[0], 6)
  expect(found.layer.data[1]).toBeCloseTo(expected[1] + 1, 6)
  expect(found.layer.data[3]).toBeCloseTo(expected[3], 6)
  expect(found.rms.data[2]).toBeCloseTo((2 * 3) / Math.sqrt(12.5), 6)
})

test('a second derivative is refused, as the statistics have no rule', async () => {
  const tensors = { x: float32([1, 4], [1, 2, 3, 6]), scale: float32([4], [1, 1, 2, 1]) }
  const build = () =>
    evaluate(tensors, ({ x, scale }) => {
      const [first] = gradients(op.reduceSum(op.square(op.rmsNorm(x, scale))), [x])
      return { second: gradients(op.reduceSum(op.square(first)), [x])[0] }
    })
  await expect(async () => build()).rejects.toThrow('second derivative of SimplifiedLayerNormalization has no gradient')
})
