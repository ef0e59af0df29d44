import { describe, expect, test } from 'vitest'
import { coOccurrence, trainingCounts } from '../../../workers/data/co-occurrence.ts'
import type { SparseMatrix } from '../../../workers/tensor/linear-algebra/sparse-matrix.ts'
import { testDataset } from '../tokenizer/support.ts'

const at = ({ offsets, indices, values }: SparseMatrix, row: number, column: number): number => {
  const entry = indices.subarray(offsets[row], offsets[row + 1]).indexOf(column)
  return entry < 0 ? 0 : values[offsets[row] + entry]
}

describe('co-occurrence', () => {
  const options = { window: 10, decay: 0.8, backward: 0.7 }

  test('decays with distance and says which came first', () => {
    const counts = coOccurrence(testDataset(4, [[0, 1, 2, 3, 3]]), options)
    const unit = 1 / Math.log(2 + 3)
    expect(at(counts, 0, 1)).toBeCloseTo(unit, 6)
    expect(at(counts, 0, 2)).toBeCloseTo(0.8 * unit, 6)
    expect(at(counts, 1, 0)).toBeCloseTo(0.7 * unit, 6)
    expect(at(counts, 2, 0)).toBeCloseTo(0.7 * 0.8 * unit, 6)
  })

  test('sees the training part only', () => {
    const counts = coOccurrence(testDataset(4, [[0, 1, 2, 3]], { trainEnd: [2] }), options)
    expect(counts.indices).toHaveLength(2)
    expect([...trainingCounts(testDataset(4, [[0, 1, 2, 3]], { trainEnd: [2] }))]).toEqual([1, 1, 0, 0])
  })

  test('keeps to the window and to the most recent interactions', () => {
    const dataset = testDataset(5, [[0, 1, 2, 3, 4]], { trainEnd: [5] })
    const near = coOccurrence(dataset, { ...options, window: 1 })
    expect(at(near, 0, 2)).toBe(0)
    expect(at(near, 2, 3)).toBeCloseTo(1 / Math.log(7), 6)
    const recent = coOccurrence(dataset, { ...options, historyLength: 2 })
    expect(recent.indices).toHaveLength(2)
    expect(at(recent, 3, 4)).toBeCloseTo(1 / Math.log(4), 6)
  })

  test('adds up over users and occurrences, but counts no item with itself', () => {
    const dataset = testDataset(
      2,
      [
        [0, 1, 0],
        [0, 1],
      ],
      { trainEnd: [3, 2] },
    )
    const counts = coOccurrence(dataset, options)
    expect(at(counts, 0, 0)).toBe(0)
    expect(at(counts, 0, 1)).toBeCloseTo((1 + 0.7) / Math.log(5) + 1 / Math.log(4), 6)
  })
})
