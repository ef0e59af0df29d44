import { expect, test } from 'vitest'
import { Random } from '../../../workers/tensor/random.ts'
import { deadCodes, moveDeadCodes } from '../../../workers/tokenizer/dead-codes.ts'
import { createNearestCentroids } from '../../../workers/tokenizer/nearest.ts'
import { encodeNearest, utilization } from '../../../workers/tokenizer/residual-quantizer.ts'
import { normals } from './support.ts'

test('entries that no point uses are dead, by level', () => {
  expect(deadCodes(Uint16Array.of(0, 1, 2, 1, 0, 1), [3, 2])).toEqual([[1], [0]])
})

test('a dead entry comes to lie on what is left of a point before its level, the others stay', () => {
  const points = Float32Array.of(10, 0, 0, 10)
  const codebooks = { dimensions: 2, sizes: [3, 2], data: Float32Array.of(9, 0, 0, 9, 50, 50, 1, 1, 60, 60) }
  const codes = Uint16Array.of(0, 0, 1, 0)
  expect(moveDeadCodes(codebooks, points, codes, new Random(1))).toEqual([[2], [1]])
  expect([...codebooks.data.subarray(0, 4)]).toEqual([9, 0, 0, 9])
  expect([
    [10, 0],
    [0, 10],
  ]).toContainEqual([...codebooks.data.subarray(4, 6)])
  expect([...codebooks.data.subarray(6, 8)]).toEqual([1, 1])
  expect([
    [1, 0],
    [0, 1],
  ]).toContainEqual([...codebooks.data.subarray(8, 10)])
})

test('moving them brings entries far from all points into use', async () => {
  const points = normals(2 * 300, 'points')
  const far = Float32Array.from({ length: 2 * 2 * 16 }, (_, index) => 100 + index)
  const codebooks = { dimensions: 2, sizes: [16, 16], data: far }
  const nearest = await createNearestCentroids(2)
  try {
    const before = await encodeNearest(points, codebooks, nearest)
    expect(utilization(before, codebooks.sizes)).toEqual([1 / 16, 1 / 16])
    const moved = moveDeadCodes(codebooks, points, before, new Random(2))
    expect(moved.map(({ length }) => length)).toEqual([15, 15])
    const [first] = utilization(await encodeNearest(points, codebooks, nearest), codebooks.sizes)
    expect(first).toBeGreaterThanOrEqual(15 / 16)
  } finally {
    await nearest.release()
  }
})
