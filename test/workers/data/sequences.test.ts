import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  evaluationCases,
  historyOf,
  sequenceOf,
  shuffleTies,
  trainingWindows,
} from '../../../workers/data/sequences.ts'
import { arbitrarySequences, datasetOf } from './support.ts'

const arbitraryHistoryLength = fc.integer({ min: 1, max: 12 })

describe('training windows', () => {
  test('make every item of the training part but the first a target exactly once', () => {
    fc.assert(
      fc.property(
        arbitrarySequences,
        arbitraryHistoryLength,
        fc.boolean(),
        (sequences, historyLength, predictsFirst) => {
          const dataset = datasetOf(sequences)
          const windows = trainingWindows(dataset, { historyLength, predictsFirst })
          const targets = sequences.map(() => new Map<number, number>())
          for (let window = 0; window < windows.count; window++) {
            for (let place = windows.firstTarget[window]; place < windows.end[window]; place++) {
              const seen = targets[windows.user[window]]
              seen.set(place, (seen.get(place) ?? 0) + 1)
            }
          }
          dataset.trainEnd.forEach((trainEnd, user) => {
            const first = predictsFirst ? 0 : 1
            const expected = Array.from({ length: Math.max(0, trainEnd - first) }, (_, place) => [place + first, 1])
            expect([...targets[user]].sort(([one], [other]) => one - other)).toEqual(expected)
          })
        },
      ),
    )
  })

  test('are no longer than a history and its target, and late targets see half of it', () => {
    fc.assert(
      fc.property(arbitrarySequences, arbitraryHistoryLength, (sequences, historyLength) => {
        const windows = trainingWindows(datasetOf(sequences), { historyLength })
        for (let window = 0; window < windows.count; window++) {
          expect(windows.end[window] - windows.start[window]).toBeLessThanOrEqual(historyLength + 1)
          const seen = windows.firstTarget[window] - windows.start[window]
          expect(seen).toBeGreaterThanOrEqual(Math.min(windows.firstTarget[window], Math.floor(historyLength / 2)))
        }
      }),
    )
  })

  test('MostRecent keeps the last part alone', () => {
    const dataset = datasetOf([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]])
    const windows = trainingWindows(dataset, { historyLength: 3, coverage: 'MostRecent' })
    // Training part: positions 0 to 7.
    expect([windows.start[0], windows.firstTarget[0], windows.end[0], windows.count]).toEqual([4, 5, 8, 1])
  })

  test('never hold an item of validation or test', () => {
    fc.assert(
      fc.property(arbitrarySequences, arbitraryHistoryLength, (sequences, historyLength) => {
        const dataset = datasetOf(sequences)
        const windows = trainingWindows(dataset, { historyLength })
        for (let window = 0; window < windows.count; window++) {
          expect(windows.end[window]).toBeLessThanOrEqual(dataset.trainEnd[windows.user[window]])
        }
      }),
    )
  })
})

describe('evaluation cases', () => {
  test('with the training part, partition every sequence', () => {
    fc.assert(
      fc.property(arbitrarySequences, (sequences) => {
        const dataset = datasetOf(sequences)
        const parts = sequences.map((_, user) =>
          Array.from(sequenceOf(dataset, user).subarray(0, dataset.trainEnd[user])),
        )
        for (const split of ['validation', 'test'] as const) {
          const cases = evaluationCases(dataset, split)
          for (let index = 0; index < cases.count; index++) {
            expect(Array.from(historyOf(dataset, cases, index))).toEqual(parts[cases.user[index]])
            parts[cases.user[index]].push(cases.target[index])
          }
        }
        expect(parts).toEqual(sequences)
      }),
    )
  })

  test('histories can be cut to their newest items', () => {
    const dataset = datasetOf([[5, 6, 7, 8]])
    const cases = evaluationCases(dataset, 'test')
    expect(Array.from(historyOf(dataset, cases, 0, 2))).toEqual([6, 7])
    expect(cases.target[0]).toBe(8)
  })
})

describe('tie shuffle', () => {
  const orderKey = (item: number): number => item

  test('moves events inside maximal runs only', () => {
    fc.assert(
      fc.property(arbitrarySequences, fc.integer(), (sequences, seed) => {
        const dataset = datasetOf(sequences)
        const shuffled = shuffleTies(dataset, { seed, orderKey })
        sequences.forEach((sequence, user) => {
          const result = Array.from(sequenceOf(shuffled, user))
          for (const [start, end] of runs(sequence, (one, next) => next >= one)) {
            expect(result.slice(start, end).sort((a, b) => a - b)).toEqual(sequence.slice(start, end))
          }
        })
        expect(shuffled.trainEnd).toEqual(dataset.trainEnd)
        expect(Array.from(dataset.events)).toEqual(sequences.flat())
      }),
    )
  })

  test('by time: only equal times are ties', () => {
    const sequences = [Array.from({ length: 40 }, (_, index) => index)]
    const times = [sequences[0].map((index) => Math.floor(index / 10))]
    const shuffled = shuffleTies(datasetOf(sequences, times), { seed: 1 })
    const result = Array.from(shuffled.events)
    expect(result).not.toEqual(sequences[0])
    expect(result.map((item) => Math.floor(item / 10))).toEqual(times[0])
    expect(shuffled.times).toEqual(Float64Array.from(times[0]))
  })

  test('is seeded, and near even over the orders of a run of three', () => {
    const dataset = datasetOf(Array.from({ length: 6000 }, () => [0, 1, 2]))
    const shuffled = shuffleTies(dataset, { seed: 3, orderKey })
    expect(shuffleTies(dataset, { seed: 3, orderKey }).events).toEqual(shuffled.events)
    const counts = new Map<string, number>()
    for (let user = 0; user < 6000; user++) {
      const order = sequenceOf(shuffled, user).join()
      counts.set(order, (counts.get(order) ?? 0) + 1)
    }
    expect(counts.size).toBe(6)
    // 1000 expected of each, standard deviation 29.
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150)
  })

  test('data without times need an order key', () => {
    expect(() => shuffleTies(datasetOf([[1]]), { seed: 1 })).toThrow(RangeError)
  })
})

function runs(values: readonly number[], continues: (one: number, next: number) => boolean): [number, number][] {
  const found: [number, number][] = []
  let start = 0
  for (let index = 1; index <= values.length; index++) {
    if (index < values.length && continues(values[index - 1], values[index])) continue
    found.push([start, index])
    start = index
  }
  return found
}
