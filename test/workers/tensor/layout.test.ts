import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as op from '../../../workers/tensor/operators.ts'
import { float32 } from '../../../workers/tensor/session.ts'
import { sizeOf } from '../../../workers/tensor/shapes.ts'
import { checkGradients, holds, seeds, shapes, uniform } from './support/gradient-check.ts'
import { evaluate } from './support/run-graph.ts'

const counted = (shape: number[]) =>
  float32(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, (_, index) => index),
  )

describe('gradients', () => {
  test('transpose', () =>
    holds([fc.shuffledSubarray([0, 1, 2], { minLength: 3 }), shapes(3), seeds], async (permutation, shape, seed) => {
      await checkGradients({ x: uniform(seed, shape) }, ({ x }) => op.transpose(x, permutation))
    }))

  test('concat', () =>
    holds([shapes(2), fc.nat(1), seeds], async (shape, axis, seed) => {
      const other = shape.with(axis, 2)
      const tensors = { a: uniform(seed, shape), b: uniform(seed + 1, other), c: uniform(seed + 2, shape) }
      await checkGradients(tensors, ({ a, b, c }) => op.concat([a, b, op.square(c), a], axis))
    }))

  test('split, of which one piece is left unused', () =>
    holds([shapes(1, 2), seeds], async (shape, seed) => {
      await checkGradients({ x: uniform(seed, [...shape, 6]) }, ({ x }) => {
        const [first, , third] = op.split(x, -1, [2, 1, 3])
        return op.concat([op.square(third), op.exp(first)], -1)
      })
    }))

  test('slice and pad', () =>
    holds([shapes(1, 2), fc.nat(3), fc.integer({ min: 1, max: 3 }), seeds], async (shape, start, length, seed) => {
      await checkGradients({ x: uniform(seed, [6, ...shape]) }, ({ x }) => op.slice(x, 0, start, start + length))
      await checkGradients({ x: uniform(seed, [...shape, 2]) }, ({ x }) => op.pad(x, -1, start, length))
    }))

  test('tile', () =>
    holds(
      [shapes(2, 2), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }), seeds],
      async (shape, down, across, seed) => {
        await checkGradients({ x: uniform(seed, shape) }, ({ x }) => op.tile(x, [down, across]))
      },
    ))
})

describe('values', () => {
  test('transpose, slice, pad, tile, concat, split', async () => {
    const found = await evaluate({ x: counted([2, 3]) }, ({ x }) => {
      const [left, right] = op.split(x, 1, [1, 2])
      return {
        transpose: op.transpose(x, [1, 0]),
        slice: op.slice(x, 1, 1, 3),
        pad: op.pad(x, 0, 1, 0),
        tile: op.tile(x, [1, 2]),
        rejoined: op.concat([right, left], -1),
      }
    })
    expect([...found.transpose.data]).toEqual([0, 3, 1, 4, 2, 5])
    expect([...found.slice.data]).toEqual([1, 2, 4, 5])
    expect([...found.pad.data]).toEqual([0, 0, 0, 0, 1, 2, 3, 4, 5])
    expect([...found.tile.data]).toEqual([0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5])
    expect([...found.rejoined.data]).toEqual([1, 2, 0, 4, 5, 3])
  })

  test.each([
    [
      'concat',
      'Cannot concatenate',
      (x: Parameters<typeof op.transpose>[0]) => op.concat([x, op.transpose(x, [1, 0])], 0),
    ],
    ['split', 'do not make axis', (x: Parameters<typeof op.transpose>[0]) => op.split(x, 0, [1, 2])[0]],
    ['slice', 'Cannot slice', (x: Parameters<typeof op.transpose>[0]) => op.slice(x, 0, 1, 5)],
    ['transpose', 'no permutation', (x: Parameters<typeof op.transpose>[0]) => op.transpose(x, [0, 0])],
    ['reshape', 'Cannot reshape', (x: Parameters<typeof op.transpose>[0]) => op.reshape(x, [12])],
  ])('%s refuses what does not fit', async (_, message, build) => {
    await expect(async () => evaluate({ x: counted([2, 3]) }, ({ x }) => ({ y: build(x) }))).rejects.toThrow(message)
  })
})
