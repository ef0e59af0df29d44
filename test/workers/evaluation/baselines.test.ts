import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { itemCf } from '../../../workers/evaluation/item-cf.ts'
import { popularity } from '../../../workers/evaluation/popularity.ts'
import { testDataset } from '../tokenizer/support.ts'

const history = (...items: number[]) => [Uint32Array.from(items)]

describe('popularity', () => {
  test('ranks by counts of the training parts', async () => {
    const dataset = testDataset(4, [
      [2, 1, 0, 0],
      [2, 1, 0, 0],
      [2, 3, 0, 0],
    ])
    const [list] = await popularity(dataset, 1).recommend(history(), 4)
    expect([...list]).toEqual([2, 1, 3, 0])
    expect([...(await popularity(dataset, 1).recommend(history(2), 2))[0]]).toEqual([1, 3])
  })
})

describe('item-CF', () => {
  test('sums damped, decayed co-occurrence over the history, most recent first', async () => {
    // Training parts: [0, 1, 2] and [3, 2].
    const dataset = testDataset(
      5,
      [
        [0, 1, 2],
        [3, 2],
      ],
      { trainEnd: [3, 2] },
    )
    const unit = 1 / Math.log(5)
    const once = 1 / Math.sqrt(6)
    const twice = 1 / Math.sqrt(7)
    const scoreOf2 = (1 * unit * once + 0.7 * 0.8 * unit * once) * twice
    const scoreOf3After2 = (0.7 / Math.log(4)) * once * twice
    expect(scoreOf2).toBeGreaterThan(scoreOf3After2)
    const [list] = await itemCf(dataset, 1).recommend(history(0, 1), 5)
    expect([...list].slice(0, 1)).toEqual([2])
    // After 2, what came before it: 1 at distance 1 of three, 3 at distance 1 of two, 0 at distance 2.
    const [back] = await itemCf(dataset, 1).recommend(history(2), 3)
    expect([...back]).toEqual([3, 1, 0])
    // An older 3 counts 0.7 of a recent one, so 2 leads over nothing else; 4 was never taken and comes last.
    const [filled] = await itemCf(dataset, 1).recommend(history(3), 4)
    expect(filled[0]).toBe(2)
    expect(filled[3]).toBe(4)
  })

  test('weighs recent history more', async () => {
    const dataset = testDataset(
      6,
      [
        [0, 1, 2],
        [3, 4, 5],
      ],
      { trainEnd: [3, 3] },
    )
    const cf = itemCf(dataset, 1)
    expect((await cf.recommend(history(0, 3), 1))[0][0]).toBe(4)
    expect((await cf.recommend(history(3, 0), 1))[0][0]).toBe(1)
  })
})

describe('every baseline', () => {
  test('recommends neither history nor repeats, and full lists while there are items', async () => {
    const sequences = fc.array(fc.array(fc.nat(14), { minLength: 3, maxLength: 12 }), { minLength: 1, maxLength: 10 })
    const histories = fc.array(fc.array(fc.nat(14), { maxLength: 30 }), { minLength: 1, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(sequences, histories, fc.integer({ min: 1, max: 20 }), async (users, asked, count) => {
        const dataset = testDataset(15, users)
        for (const recommender of [popularity(dataset, 1), itemCf(dataset, 1)]) {
          const lists = await recommender.recommend(
            asked.map((items) => Uint32Array.from(items)),
            count,
          )
          lists.forEach((list, index) => {
            const seen = new Set(asked[index])
            expect(new Set(list).size).toBe(list.length)
            expect(new Set(list).isDisjointFrom(seen)).toBe(true)
            expect(list).toHaveLength(Math.min(count, 15 - seen.size))
          })
        }
      }),
      { numRuns: 60 },
    )
  })

  test('answers the same whatever else is asked with it', async () => {
    const dataset = testDataset(8, [
      [0, 1, 2, 3, 4],
      [4, 5, 6, 7, 0],
      [1, 3, 5, 7, 1],
    ])
    const asked = [history(0, 1), history(5), history()].flat()
    for (const recommender of [popularity(dataset, 1), itemCf(dataset, 1)]) {
      const together = await recommender.recommend(asked, 4)
      const reversed = await recommender.recommend(asked.toReversed(), 4)
      expect(reversed.toReversed()).toEqual(together)
    }
  })
})
