import { describe, expect, onTestFinished, test } from 'vitest'
import {
  merged,
  type OneRankerRecommender,
  oneRankerRecommender,
} from '../../../../workers/decoding/one-ranker/one-ranker-recommender.ts'
import { bidUnit, itemCount, organicValue, type TinyChanges, tinyOneRanker } from './tiny-model.ts'

const open = async (changes: TinyChanges = {}): Promise<OneRankerRecommender> => {
  const recommender = await oneRankerRecommender(tinyOneRanker(changes), 1)
  onTestFinished(() => recommender.release())
  return recommender
}

const histories = [Uint32Array.of(3, 29, 11), new Uint32Array(), Uint32Array.of(1, 2, 3, 4, 5, 6, 7)]
const whole = Uint32Array.from({ length: itemCount }, (_, item) => item)
const best = (scores: Float32Array, taken: Uint32Array, count: number) =>
  [...scores.keys()]
    .filter((item) => !taken.includes(item))
    .sort((one, other) => scores[other] - scores[one])
    .slice(0, count)

describe('full ranking by OneRanker', () => {
  test('of all candidates is the order of step 3', async () => {
    const recommender = await open({ auction: { candidates: itemCount } })
    const lists = await recommender.recommend(histories, 10)
    const scores = await recommender.scoreCandidates(histories.map((history) => ({ history, candidates: whole })))
    for (const [index, history] of histories.entries())
      expect([...lists[index]]).toEqual(best(scores[index].ranker ?? new Float32Array(), history, 10))
  })

  test('orders by step 3 what the heads bring, who take turns', async () => {
    const generator = await open({ shape: { ranking: false }, auction: { candidates: 6 } })
    const recommender = await open({ auction: { candidates: 6 } })
    const brought = await generator.recommend(histories, 6)
    const lists = await recommender.recommend(histories, 4)
    const scores = await recommender.scoreCandidates(
      histories.map((history, index) => ({ history, candidates: brought[index] })),
    )
    for (const [index, list] of lists.entries()) {
      const { ranker = new Float32Array() } = scores[index]
      const order = [...ranker.keys()].sort((one, other) => ranker[other] - ranker[one])
      expect([...list]).toEqual(order.slice(0, 4).map((place) => brought[index][place]))
    }
  })

  test('of one head without later steps is the order of its probabilities', async () => {
    const shape = { ranking: false, refinement: false, interestTokens: 1 }
    const recommender = await open({ shape })
    const lists = await recommender.recommend(histories, 10)
    const scores = await recommender.scoreCandidates(histories.map((history) => ({ history, candidates: whole })))
    for (const [index, history] of histories.entries()) {
      const { interest } = scores[index]
      expect([...lists[index]]).toEqual(best(interest, history, 10))
      expect(interest.reduce((sum, score) => sum + Math.exp(score), 0)).toBeCloseTo(1, 4)
    }
  })

  test('takes its candidates through semantic ids where it is told to', async () => {
    const shape = { ranking: false }
    const [byProduct, bySemanticIds] = [
      await open({ shape, auction: { candidateRoute: 'InnerProduct' } }),
      await open({ shape, auction: { candidateRoute: 'SemanticIds' } }),
    ]
    const lists = await bySemanticIds.recommend(histories, itemCount)
    expect(lists.map(({ length }) => length)).toEqual([itemCount - 3, itemCount, itemCount - 7])
    for (const [index, list] of lists.entries()) {
      expect(new Set(list).size).toBe(list.length)
      expect([...list].some((item) => histories[index].includes(item))).toBe(false)
    }
    expect(lists).not.toEqual(await byProduct.recommend(histories, itemCount))
  })

  test('heeds times where they are known', async () => {
    const recommender = await open()
    const day = 86_400_000
    const times = histories.map(({ length }) => ({
      historyTimes: Float64Array.from({ length }, (_, place) => place * day),
      time: length * day,
    }))
    const timeless = await recommender.recommend(histories, 10)
    const timed = await recommender.recommend(histories, 10, times)
    expect(timed).not.toEqual(timeless)
    expect(await recommender.recommend(histories.slice(2), 10, times.slice(2))).toEqual(timed.slice(2))
  })
})

describe('given candidates', () => {
  const list = {
    history: histories[0],
    candidates: Uint32Array.of(5, 30, 8, 21),
    bids: Float64Array.of(4, Number.NaN, 1, Number.NaN),
  }

  test('are ordered by quality and value, and by the generator bids aside', async () => {
    const recommender = await open()
    const [{ final, generator }] = await recommender.score([list])
    const [{ ranker = new Float32Array(), value }] = await recommender.scoreCandidates([list])
    const values = [4 / bidUnit, organicValue, 1 / bidUnit, organicValue]
    for (const [index, quality] of ranker.entries())
      expect(final[index]).toBeCloseTo(quality + Math.log(values[index]), 5)
    expect(generator).toEqual(value)
    const [bare] = await recommender.score([{ history: list.history, candidates: list.candidates }])
    expect(bare.generator).toEqual(generator)
    expect(bare.final[0]).toBeCloseTo(ranker[0], 5)
  })

  test.each([
    ['step 2 alone', { ranking: false }],
    ['HSTU alone', { ranking: false, refinement: false }],
  ])('are ordered by %s with the bids added where the list asks for it, as auctions are', async (_, shape) => {
    const recommender = await open({ shape })
    const [{ final: plain }] = await recommender.score([list])
    const [{ final, generator }] = await recommender.score([{ ...list, addBids: true }])
    const values = [4 / bidUnit, organicValue, 1 / bidUnit, organicValue]
    for (const [index, score] of plain.entries()) expect(final[index]).toBeCloseTo(score + Math.log(values[index]), 5)
    expect(generator).toBeUndefined()
  })

  test('of a model with step 3 have the bid once, whether the list asks for it or not', async () => {
    const recommender = await open()
    expect(await recommender.score([{ ...list, addBids: true }])).toEqual(await recommender.score([list]))
  })

  test('score the same in another order and among other lists', async () => {
    const recommender = await open()
    const [{ final, generator }] = await recommender.score([list])
    const order = [2, 0, 3, 1]
    const turned = {
      ...list,
      candidates: Uint32Array.from(order, (place) => list.candidates[place]),
      bids: Float64Array.from(order, (place) => list.bids[place]),
    }
    const [, found] = await recommender.score([{ history: histories[2], candidates: whole }, turned])
    for (const [index, place] of order.entries()) {
      expect(found.final[index]).toBeCloseTo(final[place], 5)
      expect(found.generator?.[index]).toBeCloseTo(generator?.[place] ?? Number.NaN, 5)
    }
  })
})

test('heads take turns, and repeats are left out', () => {
  const lists = [Uint32Array.of(1, 2, 3), Uint32Array.of(1, 4), Uint32Array.of(5, 2, 6)]
  expect([...merged(lists, 10)]).toEqual([1, 5, 2, 4, 3, 6])
  expect([...merged(lists, 3)]).toEqual([1, 5, 2])
  expect([...merged([], 3)]).toEqual([])
})
