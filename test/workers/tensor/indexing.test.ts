import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as op from '../../../workers/tensor/operators.ts'
import { Random } from '../../../workers/tensor/random.ts'
import { float32, int32, int64 } from '../../../workers/tensor/session.ts'
import { sizeOf } from '../../../workers/tensor/shapes.ts'
import { checkGradients, holds, seeds, shapes, spread, uniform } from './support/gradient-check.ts'
import { evaluate } from './support/run-graph.ts'

const picks = (seed: number, shape: readonly number[], bound: number) => {
  const random = new Random('picks', seed)
  return int32(
    shape,
    Int32Array.from({ length: sizeOf(shape) }, () => random.below(bound)),
  )
}

describe('gradients', () => {
  test('gather along any axis, indices repeating', () =>
    holds([fc.nat(2), shapes(1, 2), seeds], async (axis, indexShape, seed) => {
      const tensors = { table: uniform(seed, [3, 4, 2]), ids: picks(seed, indexShape, 2) }
      await checkGradients(tensors, ({ table, ids }) => op.square(op.gather(table, ids, axis)))
    }))

  test('gather from a table too tall for one-hot rows', () =>
    holds(
      [seeds],
      async (seed) => {
        const tensors = { table: uniform(seed, [130, 1]), ids: picks(seed, [2, 3], 4) }
        await checkGradients(tensors, ({ table, ids }) => op.square(op.gather(table, ids)))
      },
      2,
    ))

  test('gatherElements', () =>
    holds([fc.nat(1), seeds], async (axis, seed) => {
      const tensors = { x: uniform(seed, [3, 3]), ids: picks(seed, axis === 0 ? [5, 3] : [3, 5], 3) }
      await checkGradients(tensors, ({ x, ids }) => op.gatherElements(x, ids, axis))
    }))

  test('scatterElements, added and replaced', () =>
    holds([fc.nat(1), seeds], async (axis, seed) => {
      const shape = axis === 0 ? [5, 3] : [3, 5]
      const tensors = { x: uniform(seed, [3, 3]), ids: picks(seed, shape, 3), updates: uniform(seed + 1, shape) }
      await checkGradients(tensors, ({ x, ids, updates }) => op.scatterElements(x, ids, updates, axis, 'add'))
      const once = { x: uniform(seed, [3, 3]), ids: int32([1, 3], [0, 2, 1]), updates: uniform(seed + 1, [1, 3]) }
      await checkGradients(once, ({ x, ids, updates }) => op.scatterElements(x, ids, updates, 0))
    }))

  test('topK', () =>
    holds([shapes(1, 2), seeds], async (lead, seed) => {
      await checkGradients({ x: spread(seed, [...lead, 5]) }, ({ x }) => op.topK(x, 3).values)
    }))
})

describe('values', () => {
  test('reads and writes by index', async () => {
    const tensors = {
      x: float32([3, 2], [1, 2, 3, 4, 5, 6]),
      rows: int32([4], [2, 0, 2, 1]),
      columns: int64([3, 1], [1, 0, 1]),
      places: int64([2, 2], [2, 1, 0, 0]),
    }
    const found = await evaluate(tensors, ({ x, rows, columns, places }) => ({
      gather: op.gather(x, rows),
      elements: op.gatherElements(x, columns, 1),
      coordinates: op.gatherND(x, places),
      added: op.scatterElements(x, columns, op.gatherElements(x, columns, 1), 1, 'add'),
      hot: op.oneHot(rows, 3, 5, -1),
      best: op.argMax(x, 0),
    }))
    expect([...found.gather.data]).toEqual([5, 6, 1, 2, 5, 6, 3, 4])
    expect([...found.elements.data]).toEqual([2, 3, 6])
    expect([...found.coordinates.data]).toEqual([6, 1])
    expect([...found.added.data]).toEqual([1, 4, 6, 4, 5, 12])
    expect([...found.hot.data].slice(0, 6)).toEqual([-1, -1, 5, 5, -1, -1])
    expect([...found.best.data]).toEqual([2n, 2n])
  })

  test('gatherND takes whole beams of each request', async () => {
    const tensors = {
      x: float32([2, 3, 2], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
      parents: int64([2, 2, 1], [2, 0, 1, 1]),
    }
    const { y } = await evaluate(tensors, ({ x, parents }) => ({ y: op.gatherND(x, parents, 1) }))
    expect(y.shape).toEqual([2, 2, 2])
    expect([...y.data]).toEqual([4, 5, 0, 1, 8, 9, 8, 9])
  })

  test('among equals topK puts the lower index first', async () => {
    const { values, indices } = await evaluate({ x: float32([6], [1, 3, 2, 3, 3, 0]) }, ({ x }) => ({
      ...op.topK(x, 4),
    }))
    expect([...values.data]).toEqual([3, 3, 3, 2])
    expect([...indices.data]).toEqual([1n, 3n, 4n, 2n])
  })
})
