import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { negativesAmong, weightedNegatives } from '../../../../workers/evaluation/sampled/negatives.ts'
import { Random } from '../../../../workers/tensor/random.ts'

describe('negatives', () => {
  test('are distinct, free, and as many as asked or as there are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 30 }),
        fc.uniqueArray(fc.integer({ min: 0, max: 29 })),
        fc.integer({ min: 0, max: 35 }),
        fc.nat(),
        (weights, excludedItems, count, seed) => {
          const excluded = new Set(excludedItems)
          const items = [...weights.keys()]
          for (const [draw, free] of [
            [weightedNegatives(weights), items.filter((item) => weights[item] > 0 && !excluded.has(item))],
            [negativesAmong(Uint32Array.of(3, 3, 7)), [3, 7].filter((item) => !excluded.has(item))],
          ] as const) {
            const drawn = draw(new Random(seed), excluded, count)
            expect(drawn.length).toBe(Math.min(count, free.length))
            expect(new Set(drawn).size).toBe(drawn.length)
            for (const item of drawn) expect(free).toContain(item)
            expect(draw(new Random(seed), excluded, count)).toEqual(drawn)
          }
        },
      ),
    )
  })

  test('come in proportion to their weights, without replacement', () => {
    // One excluded item holds nearly all the weight, so that draws run out of patience and look at what is left.
    for (const first of [0, 10_000]) {
      const draw = weightedNegatives([first, 1, 2, 5])
      const pairs = new Map<string, number>()
      const runs = 8000
      for (let seed = 0; seed < runs; seed++) {
        const drawn = draw(new Random(seed, 'pairs'), new Set([0]), 2).join(',')
        pairs.set(drawn, (pairs.get(drawn) ?? 0) + 1 / runs)
      }
      for (const [a, b, expected] of [
        [1, 2, (1 / 8) * (2 / 7)],
        [3, 1, (5 / 8) * (1 / 3)],
        [3, 2, (5 / 8) * (2 / 3)],
      ] as const)
        expect(Math.abs((pairs.get(`${a},${b}`) ?? 0) - expected)).toBeLessThan(4 * Math.sqrt(expected / runs))
    }
  })
})
