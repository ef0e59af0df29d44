import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { leastShare, populationStabilityIndex } from '../../crds/drift.ts'

describe('the population stability index in closed form', () => {
  test.each<[string, number[], number[], number]>([
    ['of equal shares', [0.25, 0.75], [0.25, 0.75], 0],
    ['of a half that becomes a quarter', [0.5, 0.5], [0.25, 0.75], 0.25 * Math.log(2) + 0.25 * Math.log(1.5)],
    ['of counts', [50, 50], [1, 3], 0.25 * Math.log(2) + 0.25 * Math.log(1.5)],
    ['of a bin that became empty', [0.5, 0.5], [1, 0], 0.5 * Math.log(2) + (0.5 - leastShare) * Math.log(5000)],
    ['of nothing and nothing', [0, 0], [0, 0], 0],
    ['of no bins', [], [], 0],
  ])('%s', (_, expected, actual, index) => {
    expect(populationStabilityIndex(expected, actual)).toBeCloseTo(index, 12)
  })

  test('needs the same bins', () => {
    expect(() => populationStabilityIndex([1], [0.5, 0.5])).toThrow(RangeError)
  })
})

const bins = (length: number) => fc.array(fc.nat(1000), { minLength: length, maxLength: length })
const pairs = fc.integer({ min: 1, max: 64 }).chain((length) => fc.tuple(bins(length), bins(length)))

describe('whatever the counts, the index', () => {
  const holds = (property: (expected: number[], actual: number[]) => void) =>
    fc.assert(fc.property(pairs, ([expected, actual]) => void property(expected, actual)))

  test('is finite and not negative', () =>
    holds((expected, actual) => {
      const index = populationStabilityIndex(expected, actual)
      expect(Number.isFinite(index)).toBe(true)
      expect(index).toBeGreaterThanOrEqual(0)
    }))

  test('is the same both ways', () =>
    holds((expected, actual) =>
      expect(populationStabilityIndex(actual, expected)).toBeCloseTo(populationStabilityIndex(expected, actual), 10),
    ))

  test('is 0 against a multiple of itself', () =>
    holds((counts) => {
      const sevenfold = counts.map((count) => 7 * count)
      expect(populationStabilityIndex(counts, sevenfold)).toBeCloseTo(0, 12)
    }))

  test('does not depend on the order of the bins', () =>
    holds((expected, actual) =>
      expect(populationStabilityIndex(expected.toReversed(), actual.toReversed())).toBeCloseTo(
        populationStabilityIndex(expected, actual),
        10,
      ),
    ))

  test('grows as more moves from one full bin to another', () => {
    const moved = (share: number) => populationStabilityIndex([0.5, 0.5], [0.5 - share, 0.5 + share])
    const shares = fc.double({ min: 0.001, max: 0.4, noNaN: true })
    fc.assert(fc.property(shares, (share) => moved(share) < moved(share + 0.05)))
  })
})
