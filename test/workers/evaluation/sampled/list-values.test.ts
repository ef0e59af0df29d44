import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  gradedList,
  gradedNdcg,
  gradedNdcgByChance,
  hit,
  hitByChance,
  isGraded,
  ndcg,
  ndcgByChance,
  overlap,
  overlapByChance,
  rankDifferences,
  rankDifferencesByChance,
} from '../../../../workers/evaluation/sampled/list-values.ts'

/** Every order of `size` candidates as ranks. */
const orders = (size: number): Uint32Array[] =>
  size === 0
    ? [new Uint32Array()]
    : orders(size - 1).flatMap((rest) =>
        Array.from({ length: size }, (_, at) => {
          const bumped = rest.map((rank) => (rank > at ? rank + 1 : rank))
          return Uint32Array.of(at + 1, ...bumped)
        }),
      )

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
const gains = gradedList(Float64Array.of(0, 7, 1, 3))
const all = orders(4)

describe('the value of a list', () => {
  test('is what the formula says', () => {
    expect([hit(5, 5), hit(6, 5)]).toEqual([1, 0])
    expect([ndcg(1, 5), ndcg(3, 5), ndcg(6, 5)]).toEqual([1, 0.5, 0])
    // Places 2, 1, 4, 3 of gains 0, 7, 1, 3 against the best 7, 3.
    const found = gradedNdcg(Uint32Array.of(2, 1, 4, 3), gains, 3)
    const log3 = 1 / Math.log2(3)
    expect(found).toBeCloseTo((7 + 0 * log3 + 3 / 2) / (7 + 3 * log3 + 1 / 2), 12)
    expect(gradedNdcg(Uint32Array.of(4, 1, 3, 2), gains, 4)).toBeCloseTo(1, 12)
    expect(overlap(Uint32Array.of(1, 2, 3, 4), Uint32Array.of(4, 1, 2, 3), 2)).toBe(0.5)
    expect([...rankDifferences(Uint32Array.of(1, 2, 3, 4), Uint32Array.of(4, 1, 2, 3))]).toEqual([0, 0.75, 0, 0.25])
  })

  test('is by chance its mean over all orders', () => {
    expect(all).toHaveLength(24)
    for (const cutoff of [1, 2, 3, 4, 9]) {
      expect(hitByChance(4, cutoff)).toBeCloseTo(mean(all.map((ranks) => hit(ranks[1], cutoff))), 12)
      expect(ndcgByChance(4, cutoff)).toBeCloseTo(mean(all.map((ranks) => ndcg(ranks[1], cutoff))), 12)
      const graded = mean(all.map((ranks) => gradedNdcg(ranks, gains, cutoff)))
      expect(gradedNdcgByChance(gains, cutoff)).toBeCloseTo(graded, 12)
      const shared = mean(all.map((ranks) => overlap(ranks, all[7], cutoff)))
      expect(overlapByChance(4, cutoff)).toBeCloseTo(shared, 12)
    }
    const apart = all.map((ranks) => rankDifferences(ranks, all[7]))
    rankDifferencesByChance(4).forEach((share, difference) => {
      expect(share).toBeCloseTo(mean(apart.map((shares) => shares[difference])), 12)
    })
  })

  test('is 1 for the best order of any gains, and less for no other', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 15 }), { minLength: 2, maxLength: 9 }), (values) => {
        const given = Float64Array.from(values)
        const graded = gradedList(given)
        fc.pre(isGraded(graded))
        const best = [...given.keys()].sort((a, b) => given[b] - given[a])
        const ranks = Uint32Array.from(given.keys(), (place) => best.indexOf(place) + 1)
        for (const cutoff of [1, 3, 9]) {
          expect(gradedNdcg(ranks, graded, cutoff)).toBeCloseTo(1, 12)
          const reverse = ranks.map((rank) => values.length + 1 - rank)
          expect(gradedNdcg(reverse, graded, cutoff)).toBeLessThanOrEqual(1)
        }
      }),
    )
  })
})
