import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { metricName, metricsAt, metricValues, rankOfTarget, valueAtRank } from '../../../workers/evaluation/metrics.ts'

const none = new Uint32Array(0)

describe('rank of the target', () => {
  test('is its place from 1, 0 when it is absent', () => {
    expect(rankOfTarget(Uint32Array.of(7, 3, 9), 3, none)).toBe(2)
    expect(rankOfTarget(Uint32Array.of(7, 3, 9), 4, none)).toBe(0)
  })

  test('counts no item of the history and none twice', () => {
    expect(rankOfTarget(Uint32Array.of(7, 7, 5, 3), 3, Uint32Array.of(5))).toBe(2)
    expect(rankOfTarget(Uint32Array.of(3), 3, Uint32Array.of(3))).toBe(0)
  })

  test('follows the items through any renaming', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(50), { minLength: 1 }),
        fc.nat(50),
        fc.array(fc.nat(50)),
        (list, target, history) => {
          const rename = (item: number) => (item * 5 + 7) % 51
          const renamed = rankOfTarget(
            Uint32Array.from(list, rename),
            rename(target),
            Uint32Array.from(history, rename),
          )
          expect(renamed).toBe(rankOfTarget(Uint32Array.from(list), target, Uint32Array.from(history)))
        },
      ),
    )
  })
})

describe('metrics', () => {
  test('of ranks 1 to 4 at 3 by their definition', () => {
    const ranks = Uint32Array.of(1, 2, 3, 4, 0)
    expect([...metricValues({ kind: 'Recall', cutoff: 3 }, ranks)]).toEqual([1, 1, 1, 0, 0])
    expect([...metricValues({ kind: 'NDCG', cutoff: 3 }, ranks)]).toEqual([1, 1 / Math.log2(3), 0.5, 0, 0])
  })

  test('fall with the rank, grow with the cutoff, and NDCG never passes recall', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 999 }), (rank, cutoff) => {
        for (const kind of ['Recall', 'NDCG'] as const) {
          const value = valueAtRank({ kind, cutoff }, rank)
          expect(valueAtRank({ kind, cutoff }, rank + 1)).toBeLessThanOrEqual(value)
          expect(valueAtRank({ kind, cutoff: cutoff + 1 }, rank)).toBeGreaterThanOrEqual(value)
          expect(value).toBeLessThanOrEqual(valueAtRank({ kind: 'Recall', cutoff }, rank))
        }
      }),
    )
  })

  test('are named by kind and cutoff', () => {
    expect(metricsAt([5, 10]).map(metricName)).toEqual(['Recall@5', 'NDCG@5', 'Recall@10', 'NDCG@10'])
  })
})
