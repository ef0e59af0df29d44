import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { advertised } from '../../../../workers/data/market/advertised.ts'
import type { Market } from '../../../../workers/data/market/market.ts'
import { loggedLabels, rewardLabels } from '../../../../workers/ranker/one-ranker/candidate-labels.ts'
import {
  type CandidatePool,
  candidatePool,
  drawCandidates,
  popularityOf,
} from '../../../../workers/ranker/one-ranker/candidate-sets.ts'
import { usualValues } from '../../../../workers/ranker/one-ranker/item-values.ts'
import { Random } from '../../../../workers/tensor/random.ts'

const terms = { bidUnit: 2, organic: 0.1, conversion: 5 }

/** Ads of items 3, 4, 5 and 6, of which the last bids with requests only. */
const market: Market = {
  advertisers: { count: 1, ids: ['a'], budget: Float64Array.of(1) },
  ads: {
    count: 4,
    ids: ['p', 'q', 'r', 's'],
    item: Uint32Array.of(3, 4, 5, 6),
    advertiser: new Uint32Array(4),
    bid: Float64Array.of(1, 2, 4, Number.NaN),
    value: Float64Array.of(1, 2, 4, 4),
  },
  requests: {
    count: 1,
    ids: ['r'],
    user: Uint32Array.of(0),
    historyEnd: Uint32Array.of(0),
    part: Uint8Array.of(0),
    ads: { offsets: Uint32Array.of(0, 2), ad: Uint32Array.of(0, 1), bid: Float64Array.of(3, 6) },
    organic: { offsets: Uint32Array.of(0, 3), item: Uint32Array.of(0, 4, 1) },
    exposed: {
      offsets: Uint32Array.of(0, 3),
      item: Uint32Array.of(4, 0, 6),
      ad: Int32Array.of(1, -1, 3),
      creative: new Int32Array(3).fill(-1),
      click: Uint8Array.of(1, 0, 0),
      conversion: Uint8Array.of(1, 0, 0),
    },
  },
}

describe('the pool of a request', () => {
  const pool = candidatePool(market, terms, 0)

  test('holds what was shown first, then other ads, then other organic items, none twice', () => {
    expect([...pool.items]).toEqual([4, 0, 6, 3, 1])
    expect([...pool.isAd]).toEqual([1, 0, 1, 1, 0])
    expect([pool.count, pool.shown]).toEqual([5, 3])
  })

  test('values ads by their bids of the request, in units of the mean bid', () => {
    // Item 6 bids nowhere: the mean.
    expect([...pool.value]).toEqual([3, 0.1, 1, 1.5, 0.1])
    expect([...pool.logged]).toEqual([3 + 5, 0, 0])
  })

  test('is labelled by the log as far as it was shown', async () => {
    const row = { history: new Uint32Array(), pool, places: [4, 0, 1] }
    expect(Array.from((await loggedLabels([row]))[0])).toEqual([Number.NaN, 8, 0])
  })

  test('is labelled by a reward model as lists of one', async () => {
    const label = rewardLabels(
      {
        score: async (lists) =>
          lists.map(({ items: [item], isAd: [ad] }) => ({
            pCtr: Float32Array.of(item / 8),
            pCvr: Float32Array.of(ad / 4),
          })),
      },
      terms.conversion,
    )
    const rows = [
      { history: new Uint32Array(), pool, places: [0] },
      { history: new Uint32Array(), pool, places: [4, 3] },
    ]
    const labels = await label(rows)
    expect(labels.map((each) => [...Array.from(each)])).toEqual([
      [(3 + 5 / 4) * 0.5],
      [0.1 / 8, (1.5 + 5 / 4) * (3 / 8)],
    ])
  })
})

test('usual values are of the bids that ads make by themselves or in the training part', () => {
  expect([...usualValues(market, 8, terms)]).toEqual([0.1, 0.1, 0.1, 0.5, 1, 2, 1, 0.1])
  expect([...advertised(market, 8)]).toEqual([0, 0, 0, 1, 1, 1, 1, 0])
})

describe('drawn candidates', () => {
  const poolOf = (count: number, shown: number): CandidatePool => ({
    count,
    shown,
    items: Uint32Array.from({ length: count }, (_, place) => place),
    isAd: new Uint8Array(count),
    value: new Float64Array(count).fill(1),
    logged: new Float64Array(shown),
  })

  test('are all that was shown, all of the own, and others, none twice, up to their number', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 30 }),
        fc.integer({ min: 0, max: 6 }),
        fc.integer({ min: 1, max: 20 }),
        fc.nat(),
        (size, shown, count, seed) => {
          const pool = poolOf(Math.max(size, shown), shown)
          const popularity = new Float64Array(pool.count).fill(1)
          const own = pool.count > shown ? [pool.count - 1] : []
          const drawn = drawCandidates(pool, count, popularity, new Random(seed), own)
          expect(drawn).toHaveLength(Math.min(count, pool.count))
          expect(new Set(drawn).size).toBe(drawn.length)
          for (let place = 0; place < Math.min(shown, count); place++) expect(drawn).toContain(place)
          if (own.length > 0 && count > shown) expect(drawn).toContain(own[0])
        },
      ),
    )
  })

  test('are half popular and half any', () => {
    const pool = poolOf(40, 0)
    const popularity = Float64Array.from({ length: 40 }, (_, item) => (item < 4 ? 1000 : 1))
    const counts = new Float64Array(40)
    const draws = 2000
    for (let draw = 0; draw < draws; draw++)
      for (const place of drawCandidates(pool, 8, popularity, new Random(5, draw))) counts[place]++
    // Four popular ones fill the first half, and the rest are alike: 4 of 36.
    for (let item = 0; item < 4; item++) expect(counts[item] / draws).toBeGreaterThan(0.97)
    for (let item = 4; item < 40; item++) expect(counts[item] / draws).toBeCloseTo(4 / 36, 1)
  })

  test('are popular by the training part', () => {
    const dataset = {
      userCount: 2,
      offsets: Uint32Array.of(0, 3, 5),
      events: Uint32Array.of(1, 1, 2, 1, 0),
      trainEnd: Uint32Array.of(2, 1),
    }
    expect([...popularityOf(dataset, 3)]).toEqual([1, 4, 1])
  })
})
