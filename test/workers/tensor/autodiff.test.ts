import { describe, expect, test } from 'vitest'
import { gradients } from '../../../workers/tensor/autodiff.ts'
import * as op from '../../../workers/tensor/operators.ts'
import { float32, int32, int64 } from '../../../workers/tensor/session.ts'
import { checkGradients, holds, seeds, uniform } from './support/gradient-check.ts'
import { evaluate } from './support/run-graph.ts'

test('a value used many times gets the sum of its gradients', async () => {
  const { g } = await evaluate({ x: float32([2], [2, 3]) }, ({ x }) => {
    // 3x + x^2 + x^3, whose derivative is 3 + 2x + 3x^2
    const total = op.add(op.add(op.add(op.add(x, x), x), op.mul(x, x)), op.mul(op.mul(x, x), x))
    return { g: gradients(op.reduceSum(total), [x])[0] }
  })
  expect([...g.data]).toEqual([19, 36])
})

test('what the loss does not depend on gets zeros, and stopGradient cuts', async () => {
  const { a, b } = await evaluate({ x: float32([2], [2, 3]), y: float32([3], [1, 1, 1]) }, ({ x, y }) => {
    const loss = op.reduceSum(op.mul(x, op.stopGradient(op.square(x))))
    const [toX, toY] = gradients(loss, [x, y])
    return { a: toX, b: toY }
  })
  expect([...a.data]).toEqual([4, 9])
  expect([...b.data]).toEqual([0, 0, 0])
})

test('the gradient at an intermediate value, and of the loss itself', async () => {
  const { middle, own } = await evaluate({ x: float32([1], [3]) }, ({ x }) => {
    const square = op.square(x)
    const loss = op.reduceSum(op.square(square))
    const [toSquare, toLoss] = gradients(loss, [square, loss])
    return { middle: toSquare, own: toLoss }
  })
  expect([...middle.data]).toEqual([18])
  expect([...own.data]).toEqual([1])
})

test('second derivatives: the gradient of a squared gradient', () =>
  holds(
    [seeds],
    async (seed) => {
      const tensors = {
        x: uniform(seed, [2, 3]),
        w: uniform(seed + 1, [3, 3]),
        scale: uniform(seed + 2, [3]),
        bias: uniform(seed + 3, [3]),
      }
      await checkGradients(
        tensors,
        ({ x, w, scale, bias }) => {
          const hidden = op.softmax(op.gelu(op.linear(op.tanh(x), w, bias)))
          const loss = op.reduceSum(op.mul(op.sigmoid(hidden), scale))
          return op.concat(
            gradients(loss, [w, x]).map((gradient) => op.reshape(op.square(gradient), [-1])),
            0,
          )
        },
        5e-3,
      )
    },
    4,
  ))

describe('refusals', () => {
  test('a loss must be one number', async () => {
    await expect(async () =>
      evaluate({ x: float32([2], [1, 2]) }, ({ x }) => ({ g: gradients(x, [x])[0] })),
    ).rejects.toThrow('one number')
  })

  test('an operator without a gradient is named', async () => {
    const tensors = { x: float32([2, 2], [1, 2, 3, 4]), at: int64([1, 2], [0, 1]) }
    const build = ({ x, at }: Parameters<Parameters<typeof evaluate>[1]>[0]) => ({
      g: gradients(op.reduceSum(op.gatherND(x, at)), [x])[0],
    })
    await expect(async () => evaluate(tensors, build)).rejects.toThrow('GatherND has no gradient')
  })
})

test('integers in between take no gradient', async () => {
  const { g } = await evaluate({ x: float32([3], [5, 7, 6]), ids: int32([2], [0, 0]) }, ({ x, ids }) => {
    const best = op.argMax(x)
    return { g: gradients(op.reduceSum(op.add(op.gather(x, ids), op.gather(x, best))), [x])[0] }
  })
  expect([...g.data]).toEqual([2, 2, 0])
})
