import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as op from '../../../workers/tensor/operators.ts'
import { float32 } from '../../../workers/tensor/session.ts'
import { sizeOf } from '../../../workers/tensor/shapes.ts'
import { checkGradients, holds, seeds, shapes, uniform } from './support/gradient-check.ts'
import { evaluate } from './support/run-graph.ts'

describe('gradients', () => {
  test('reshape', () =>
    holds([shapes(), seeds], async (shape, seed) => {
      await checkGradients({ x: uniform(seed, shape) }, ({ x }) => op.square(op.reshape(x, [-1, 1])))
    }))

  test('expand', () =>
    holds([shapes(), seeds, fc.integer({ min: 1, max: 3 })], async (shape, seed, copies) => {
      await checkGradients({ x: uniform(seed, [1, ...shape]) }, ({ x }) => op.expand(x, [copies, ...shape]))
    }))

  test('expandLike', () =>
    holds([shapes(), seeds], async (shape, seed) => {
      const tensors = { x: uniform(seed, [1]), like: uniform(seed, shape) }
      await checkGradients(tensors, ({ x, like }) => op.mul(like, op.expandLike(x, like)))
    }))

  test('reduceSum over any set of axes', () =>
    holds([shapes(2), seeds, fc.nat(6), fc.boolean()], async (shape, seed, bits, keep) => {
      const axes = shape.flatMap((_, axis) => (((bits + 1) >> axis) & 1 ? [axis] : []))
      await checkGradients({ x: uniform(seed, shape) }, ({ x }) => op.square(op.reduceSum(x, axes, keep)))
    }))

  test('sumTo is the adjoint of expand', () =>
    holds([shapes(2), seeds], async (shape, seed) => {
      const target = shape.slice(1)
      await checkGradients({ x: uniform(seed, shape) }, ({ x }) => op.square(op.sumTo(x, target)))
    }))
})

test('sumTo adds up what broadcasting had repeated, whichever kernel it takes', () =>
  holds([shapes(2), fc.nat(7)], async (shape, bits) => {
    const target = shape.map((dimension, axis) => ((bits >> axis) & 1 ? 1 : dimension))
    const { y } = await evaluate({ x: float32(shape, new Float32Array(sizeOf(shape)).fill(1)) }, ({ x }) => ({
      y: op.sumTo(x, target),
    }))
    expect(y.shape).toEqual(target)
    for (const number of y.data) expect(number).toBe(sizeOf(shape) / sizeOf(target))
  }))

describe('symbolic dimensions', () => {
  test('a flattened batch keeps its symbol and comes apart again', async () => {
    const { Graph } = await import('../../../workers/tensor/graph.ts')
    const x = new Graph().input('x', 'float32', ['B', 4, 6])
    const flat = op.reshape(x, [-1, 6])
    expect(flat.shape).toEqual(['4*B', 6])
    expect(op.reshape(flat, ['B', 4, 6]).shape).toEqual(['B', 4, 6])
    expect(op.reshape(flat, ['B', -1]).shape).toEqual(['B', 24])
    expect(() => op.reshape(flat, [7, -1])).toThrow('divide')
    expect(() => op.expand(op.reshape(x, ['B', 24]), [3, 'B', 24])).not.toThrow()
    expect(() => op.expand(x.graph.scalar(0), ['B'])).toThrow('expandLike')
  })
})
