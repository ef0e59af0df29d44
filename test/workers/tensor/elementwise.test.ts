import { describe, expect, test } from 'vitest'
import type { Value } from '../../../workers/tensor/graph.ts'
import * as op from '../../../workers/tensor/operators.ts'
import { bool, float32, int32 } from '../../../workers/tensor/session.ts'
import { sizeOf } from '../../../workers/tensor/shapes.ts'
import { broadcastable, checkGradients, holds, seeds, shapes, spread, uniform } from './support/gradient-check.ts'
import { evaluate } from './support/run-graph.ts'

describe('gradients of binary operators, broadcasting included', () => {
  const smooth: Record<string, (a: Value, b: Value) => Value> = { add: op.add, sub: op.sub, mul: op.mul }
  test.each(Object.entries(smooth))('%s', (_, operator) =>
    holds([broadcastable, seeds], async ([left, right], seed) => {
      await checkGradients({ a: uniform(seed, left), b: uniform(seed + 1, right) }, ({ a, b }) => operator(a, b))
    }),
  )

  test('div', () =>
    holds([broadcastable, seeds], async ([left, right], seed) => {
      await checkGradients({ a: uniform(seed, left), b: uniform(seed + 1, right, 1, 2) }, ({ a, b }) => op.div(a, b))
    }))

  test.each([
    ['maximum', op.maximum],
    ['minimum', op.minimum],
  ])('%s', (_, operator) =>
    holds([broadcastable, seeds], async ([left, right], seed) => {
      const shift = spread(seed + 1, right).data as Float32Array
      const b = float32(
        right,
        shift.map((number) => number + 0.1),
      )
      await checkGradients({ a: spread(seed, left), b }, (values) => operator(values.a, values.b))
    }),
  )

  test('where', () =>
    holds([broadcastable, seeds], async ([left, right], seed) => {
      const keep = Uint8Array.from({ length: sizeOf(left) }, (_, index) => (index + seed) % 2)
      const tensors = { keep: bool(left, keep), a: uniform(seed, left), b: uniform(seed + 1, right) }
      await checkGradients(tensors, (values) => op.where(values.keep, values.a, values.b))
    }))
})

describe('gradients of unary operators', () => {
  const smooth: Record<string, (x: Value) => Value> = {
    neg: op.neg,
    exp: op.exp,
    square: op.square,
    sigmoid: op.sigmoid,
    tanh: op.tanh,
    erf: op.erf,
    softplus: op.softplus,
    silu: op.silu,
    quickGelu: op.quickGelu,
    gelu: op.gelu,
    scale: (x) => op.scale(x, -2.5),
    'number minus value': (x) => op.sub(3, x),
    cube: (x) => op.pow(x, 3),
  }
  test.each(Object.entries(smooth))('%s', (_, operator) =>
    holds([shapes(), seeds], async (shape, seed) => {
      await checkGradients({ x: uniform(seed, shape) }, ({ x }) => operator(x))
    }),
  )

  const positive: Record<string, (x: Value) => Value> = {
    sqrt: op.sqrt,
    log: op.log,
    'pow 1.5': (x) => op.pow(x, 1.5),
    'number over value': (x) => op.div(2, x),
  }
  test.each(Object.entries(positive))('%s', (_, operator) =>
    holds([shapes(), seeds], async (shape, seed) => {
      await checkGradients({ x: uniform(seed, shape, 0.8, 2) }, ({ x }) => operator(x))
    }),
  )

  test.each([
    ['relu', op.relu],
    ['abs', op.abs],
  ])('%s', (_, operator) =>
    holds([shapes(), seeds], async (shape, seed) => {
      await checkGradients({ x: spread(seed, shape) }, ({ x }) => operator(x))
    }),
  )

  test('dropout', () =>
    holds([shapes(), seeds], async (shape, seed) => {
      const keep = bool(
        shape,
        Uint8Array.from({ length: sizeOf(shape) }, (_, index) => (index + seed) % 2),
      )
      await checkGradients({ x: uniform(seed, shape), keep }, (values) => op.dropout(values.x, values.keep, 0.4))
    }))
})

describe('values', () => {
  test('activations agree with their definitions', async () => {
    const x = float32([5], [-2, -0.5, 0, 0.5, 2])
    const found = await evaluate({ x }, (values) => ({
      gelu: op.gelu(values.x),
      quick: op.quickGelu(values.x),
      silu: op.silu(values.x),
      relu: op.relu(values.x),
    }))
    // x * Phi(x), with Phi from tables of the normal distribution.
    const phi = [0.02275013, 0.30853754, 0.5, 0.69146246, 0.97724987]
    const logistic = (z: number) => 1 / (1 + Math.exp(-z))
    for (const [index, number] of [...x.data].map(Number).entries()) {
      expect(found.gelu.data[index]).toBeCloseTo(number * phi[index], 5)
      expect(found.quick.data[index]).toBeCloseTo(number * logistic(1.702 * number), 5)
      expect(found.silu.data[index]).toBeCloseTo(number * logistic(number), 5)
      expect(found.relu.data[index]).toBe(Math.max(0, number))
    }
  })

  test('dropout keeps what the mask keeps and scales it by the inverse of what is kept', async () => {
    const tensors = { x: float32([4], [1, 2, 3, 4]), keep: bool([4], Uint8Array.of(1, 0, 1, 0)) }
    const { y } = await evaluate(tensors, ({ x, keep }) => ({ y: op.dropout(x, keep, 0.5) }))
    expect([...y.data]).toEqual([2, 0, 6, 0])
  })

  test('integers, comparisons and logic', async () => {
    const tensors = { a: int32([4], [1, 2, 3, 4]), b: int32([4], [4, 2, 1, 4]) }
    const found = await evaluate(tensors, ({ a, b }) => ({
      sum: op.add(a, b),
      quotient: op.div(a, 2),
      remainder: op.mod(a, 3),
      between: op.and(op.greaterOrEqual(a, 2), op.less(a, 4)),
      outside: op.or(op.lessOrEqual(a, 1), op.greater(a, 3)),
      differs: op.not(op.equal(a, b)),
      cast: op.cast(a, 'int64'),
    }))
    expect([...found.sum.data]).toEqual([5, 4, 4, 8])
    expect([...found.quotient.data]).toEqual([0, 1, 1, 2])
    expect([...found.remainder.data]).toEqual([1, 2, 0, 1])
    expect([...found.between.data]).toEqual([0, 1, 1, 0])
    expect([...found.outside.data]).toEqual([1, 0, 0, 1])
    expect([...found.differs.data]).toEqual([1, 0, 1, 0])
    expect([...found.cast.data]).toEqual([1n, 2n, 3n, 4n])
  })

  test('two element types in one operator are refused', async () => {
    const tensors = { a: int32([1], [1]), b: float32([1], [1]) }
    await expect(async () => evaluate(tensors, ({ a, b }) => ({ y: op.add(a, b) }))).rejects.toThrow('use cast')
  })
})
