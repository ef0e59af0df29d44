import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { rankScores, TopItems, tieOrder } from '../../../workers/evaluation/top-items.ts'

describe('ties', () => {
  test('never occur between different items', () => {
    fc.assert(
      fc.property(fc.integer(), fc.nat(0xffffffff), fc.nat(0xffffffff), (seed, a, b) => {
        expect(tieOrder(seed, a) === tieOrder(seed, b)).toBe(a === b)
      }),
    )
  })

  test('are broken by the seed and not by the index', () => {
    const equal = new Float64Array(1000)
    const first = rankScores(equal, new Uint32Array(0), 1000, 1)
    expect(rankScores(equal, new Uint32Array(0), 1000, 1)).toEqual(first)
    expect(rankScores(equal, new Uint32Array(0), 1000, 2)).not.toEqual(first)
    // Spearman's correlation of 1000 random places with the index has a deviation of 0.032.
    let squared = 0
    first.forEach((item, place) => {
      squared += (item - place) ** 2
    })
    expect(Math.abs(1 - (6 * squared) / (1000 * (1000 ** 2 - 1)))).toBeLessThan(0.13)
  })
})

describe('ranking by scores', () => {
  const arbitraryScores = fc.array(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ noNaN: true })), {
    maxLength: 60,
  })

  test('is that of a full sort, history masked', () => {
    fc.assert(
      fc.property(arbitraryScores, fc.array(fc.nat(59)), fc.nat(70), fc.integer(), (scores, seen, size, seed) => {
        const sorted = [...scores.keys()]
          .filter((item) => !seen.includes(item))
          .sort((a, b) =>
            scores[a] === scores[b] ? tieOrder(seed, a) - tieOrder(seed, b) : scores[b] > scores[a] ? 1 : -1,
          )
        expect([...rankScores(scores, Uint32Array.from(seen), size, seed)]).toEqual(sorted.slice(0, size))
      }),
    )
  })

  test('does not depend on the order in which items are offered', () => {
    fc.assert(
      fc.property(arbitraryScores, fc.nat(20), fc.infiniteStream(fc.nat()), (scores, size, keys) => {
        const order = [...scores.keys()].map((item) => ({ item, key: keys.next().value })).sort((a, b) => a.key - b.key)
        const top = new TopItems(size, 5)
        for (const { item } of order) top.offer(item, scores[item])
        expect(top.ranked()).toEqual(rankScores(scores, new Uint32Array(0), size, 5))
      }),
    )
  })

  test('masks with minus infinity, so that seen items never pass negative scores', () => {
    expect([...rankScores([-5, -1, -9], Uint32Array.of(1), 3, 1)]).toEqual([0, 2])
  })

  test('leaves out what has no number', () => {
    expect([...rankScores([Number.NaN, Number.NEGATIVE_INFINITY, 0], new Uint32Array(0), 3, 1)]).toEqual([2, 1])
  })
})
