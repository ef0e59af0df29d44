import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as op from '../../../workers/tensor/operators.ts'
import { float32 } from '../../../workers/tensor/session.ts'
import { checkGradients, holds, seeds, shapes, spread, uniform } from './support/gradient-check.ts'
import { evaluate } from './support/run-graph.ts'

const axisPick = fc.nat(2)

describe('gradients', () => {
  test('reduceMean', () =>
    holds([shapes(2), axisPick, fc.boolean(), seeds], async (shape, pick, keep, seed) => {
      const axes = pick === 2 ? undefined : [pick]
      await checkGradients({ x: uniform(seed, shape) }, ({ x }) => op.square(op.reduceMean(x, axes, keep)))
    }))

  test('reduceMax', () =>
    holds([shapes(2), axisPick, fc.boolean(), seeds], async (shape, pick, keep, seed) => {
      const axes = pick === 2 ? undefined : [pick]
      await checkGradients({ x: spread(seed, shape) }, ({ x }) => op.reduceMax(x, axes, keep))
    }))

  test('softmax and logSoftmax along any axis', () =>
    holds([shapes(2), fc.nat(1), seeds], async (shape, axis, seed) => {
      await checkGradients({ x: uniform(seed, shape) }, ({ x }) => op.softmax(x, axis))
      await checkGradients({ x: uniform(seed, shape) }, ({ x }) => op.logSoftmax(x, axis))
    }))

  test('cumulativeSum in both directions', () =>
    holds([shapes(2), fc.nat(1), fc.boolean(), fc.boolean(), seeds], async (shape, axis, exclusive, reverse, seed) => {
      await checkGradients({ x: uniform(seed, shape) }, ({ x }) => op.cumulativeSum(x, axis, { exclusive, reverse }))
    }))

  test('l2Norm', () =>
    holds([shapes(2), axisPick, seeds], async (shape, pick, seed) => {
      const axes = pick === 2 ? undefined : [pick]
      await checkGradients({ x: uniform(seed, shape, 0.5, 2) }, ({ x }) => op.l2Norm(x, axes))
    }))
})

test('values', async () => {
  const found = await evaluate({ x: float32([2, 3], [1, 2, 3, 3, 0, 0]) }, ({ x }) => ({
    mean: op.reduceMean(x, [1]),
    max: op.reduceMax(x, [0], true),
    softmax: op.softmax(x),
    logSoftmax: op.logSoftmax(x, 0),
    running: op.cumulativeSum(x, 1),
    before: op.cumulativeSum(x, 1, { exclusive: true }),
    norm: op.l2Norm(x, [1]),
  }))
  expect([...found.mean.data]).toEqual([2, 1])
  expect([...found.max.data]).toEqual([3, 2, 3])
  expect(found.max.shape).toEqual([1, 3])
  const whole = Math.exp(1) + Math.exp(2) + Math.exp(3)
  expect(found.softmax.data[0]).toBeCloseTo(Math.exp(1) / whole, 6)
  expect(found.logSoftmax.data[0]).toBeCloseTo(-Math.log(1 + Math.exp(2)), 6)
  expect([...found.running.data]).toEqual([1, 3, 6, 3, 3, 3])
  expect([...found.before.data]).toEqual([0, 1, 3, 0, 3, 3])
  expect(found.norm.data[0]).toBeCloseTo(Math.sqrt(14), 6)
})
