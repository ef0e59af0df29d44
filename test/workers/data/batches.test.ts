import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Bucket, countBatches, fillBatch, planEpoch } from '../../../workers/data/batches.ts'
import { trainingWindows } from '../../../workers/data/sequences.ts'
import { arbitrarySequences, datasetOf } from './support.ts'

const BUCKETS: Bucket[] = [
  { length: 4, batchSize: 3 },
  { length: 8, batchSize: 2 },
  { length: 13, batchSize: 2 },
]
const HISTORY_LENGTH = 12

describe('batches', () => {
  test('hold every window once, each in the smallest bucket that takes it', () => {
    fc.assert(
      fc.property(arbitrarySequences, fc.nat(1000), (sequences, seed) => {
        const windows = trainingWindows(datasetOf(sequences), { historyLength: HISTORY_LENGTH })
        const plans = planEpoch(windows, { buckets: BUCKETS, seed, epoch: 0 })
        expect(plans).toHaveLength(countBatches(windows, BUCKETS))
        const all = plans.flatMap((plan) => Array.from(plan.windows))
        expect(all.sort((a, b) => a - b)).toEqual(Array.from({ length: windows.count }, (_, window) => window))
        for (const { bucket, windows: members } of plans) {
          for (const window of members) {
            const length = windows.end[window] - windows.start[window]
            expect(BUCKETS.find((candidate) => length <= candidate.length)).toBe(bucket)
          }
        }
      }),
    )
  })

  test('show training items and their targets, padding elsewhere, and never an item of validation or test', () => {
    fc.assert(
      fc.property(arbitrarySequences, fc.nat(1000), (given, seed) => {
        // An item stands at one place of one user only, so that a leak cannot hide behind an equal item.
        let next = 0
        const sequences = given.map((sequence) => sequence.map(() => next++))
        const dataset = datasetOf(sequences)
        const training = new Set(sequences.flatMap((sequence, user) => sequence.slice(0, dataset.trainEnd[user])))
        const windows = trainingWindows(dataset, { historyLength: HISTORY_LENGTH })
        const targets: number[] = []
        for (const plan of planEpoch(windows, { buckets: BUCKETS, seed, epoch: 1 })) {
          const batch = fillBatch(dataset, windows, plan)
          expect(batch.items).toHaveLength(batch.batchSize * batch.length)
          batch.items.forEach((item, cell) => {
            const isPadding = cell % batch.length >= batch.lengths[Math.floor(cell / batch.length)]
            expect(isPadding ? item === dataset.itemCount : training.has(item)).toBe(true)
            if (batch.targetMask[cell] === 1) targets.push(isPadding ? -1 : item)
          })
          expect(batch.lengths.subarray(batch.rows).every((length) => length === 0)).toBe(true)
        }
        const expected = sequences.flatMap((sequence, user) => sequence.slice(1, Math.max(1, dataset.trainEnd[user])))
        expect(targets.sort((a, b) => a - b)).toEqual(expected)
      }),
    )
  })

  test('come in another order each epoch, and in the same order for the same seed and epoch', () => {
    const sequences = Array.from({ length: 40 }, (_, user) =>
      Array.from({ length: 3 + (user % 12) }, (_, place) => user + place),
    )
    const windows = trainingWindows(datasetOf(sequences), { historyLength: HISTORY_LENGTH })
    const order = (seed: number, epoch: number) =>
      planEpoch(windows, { buckets: BUCKETS, seed, epoch }).map((plan) => Array.from(plan.windows))
    expect(order(1, 0)).toEqual(order(1, 0))
    expect(order(1, 1)).not.toEqual(order(1, 0))
    expect(order(2, 0)).not.toEqual(order(1, 0))
  })

  test('a window that no bucket takes is an error', () => {
    const windows = trainingWindows(datasetOf([[1, 2, 3, 4, 5, 6, 7, 8]]), { historyLength: HISTORY_LENGTH })
    const narrow = { buckets: [{ length: 4, batchSize: 3 }], seed: 1, epoch: 0 }
    expect(() => planEpoch(windows, narrow)).toThrow('No bucket takes a window of 6 items; the longest is 4')
  })
})
