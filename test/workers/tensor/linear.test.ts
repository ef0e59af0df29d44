import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as op from '../../../workers/tensor/operators.ts'
import { float32 } from '../../../workers/tensor/session.ts'
import { checkGradients, holds, seeds, uniform } from './support/gradient-check.ts'
import { evaluate } from './support/run-graph.ts'

const size = fc.integer({ min: 1, max: 4 })
const flips = (shape: number[], flip: boolean) => (flip ? [...shape.slice(0, -2), ...shape.slice(-2).reverse()] : shape)

describe('gradients', () => {
  test('matmul with every pair of transposes, a factor and broadcast batches', () =>
    holds(
      [
        size,
        size,
        size,
        fc.constantFrom(
          [[], []],
          [[2], [2]],
          [[2], []],
          [[], [3]],
          [[2, 1], [3]],
          [
            [1, 3],
            [2, 3],
          ],
        ),
        fc.boolean(),
        fc.boolean(),
        seeds,
      ],
      async (rows, inner, columns, [left, right], transposeA, transposeB, seed) => {
        const a = uniform(seed, flips([...left, rows, inner], transposeA))
        const b = uniform(seed + 1, flips([...right, inner, columns], transposeB))
        await checkGradients({ a, b }, (values) =>
          op.matmul(values.a, values.b, { transposeA, transposeB, alpha: 0.7 }),
        )
      },
      25,
    ))

  test('gemm with every pair of transposes and a bias', () =>
    holds(
      [size, size, size, fc.boolean(), fc.boolean(), seeds],
      async (rows, inner, columns, transposeA, transposeB, seed) => {
        const a = uniform(seed, flips([rows, inner], transposeA))
        const b = uniform(seed + 1, flips([inner, columns], transposeB))
        const c = uniform(seed + 2, [columns])
        await checkGradients({ a, b, c }, (values) =>
          op.gemm(values.a, values.b, values.c, { transposeA, transposeB, alpha: 1.5 }),
        )
      },
    ))

  test('linear over leading axes, also with a transposed weight', () =>
    holds([size, size, size, fc.boolean(), seeds], async (rows, inner, columns, transposeB, seed) => {
      const x = uniform(seed, [2, rows, inner])
      const w = uniform(seed + 1, flips([inner, columns], transposeB))
      const b = uniform(seed + 2, [columns])
      await checkGradients({ x, w, b }, (values) => op.linear(values.x, values.w, values.b, { transposeB }))
    }))
})

test('products agree with the definition', async () => {
  const tensors = { a: float32([2, 3], [1, 2, 3, 4, 5, 6]), b: float32([2, 3], [1, 0, 1, 2, 1, 0]) }
  const found = await evaluate(tensors, ({ a, b }) => ({
    plain: op.matmul(a, op.transpose(b, [1, 0])),
    fused: op.matmul(a, b, { transposeB: true, alpha: 2 }),
    gemm: op.gemm(a, b, undefined, { transposeA: true }),
    dot: op.dotLast(a, a.graph.constant('float32', [3], [1, 1, -1])),
  }))
  expect([...found.plain.data]).toEqual([4, 4, 10, 13])
  expect([...found.fused.data]).toEqual([8, 8, 20, 26])
  expect([...found.gemm.data]).toEqual([9, 4, 1, 12, 5, 2, 15, 6, 3])
  expect([...found.dot.data]).toEqual([0, 3])
})

test('inner dimensions that differ are named', async () => {
  const tensors = { a: float32([2, 3], new Float32Array(6)), b: float32([2, 3], new Float32Array(6)) }
  await expect(async () => evaluate(tensors, ({ a, b }) => ({ y: op.matmul(a, b) }))).rejects.toThrow(
    'inner dimensions 3 and 2',
  )
})
