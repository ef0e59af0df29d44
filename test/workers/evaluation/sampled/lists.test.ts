import { describe, expect, test } from 'vitest'
import type { Dataset } from '../../../../workers/data/dataset-reader.ts'
import { type Market, noUser } from '../../../../workers/data/market/market.ts'
import { bidUnitOf, expectedBids, usualBids } from '../../../../workers/data/market/usual-bids.ts'
import { translateScorer } from '../../../../workers/evaluation/item-translation.ts'
import type { CandidateList, CandidateScorer } from '../../../../workers/evaluation/sampled/candidate-scorer.ts'
import { clickCases, nextItemCases, type SampledCase } from '../../../../workers/evaluation/sampled/cases.ts'
import { ecpmOf } from '../../../../workers/evaluation/sampled/ecpm.ts'
import { sampleLists } from '../../../../workers/evaluation/sampled/lists.ts'
import { negativesAmong, weightedNegatives } from '../../../../workers/evaluation/sampled/negatives.ts'
import { ranksByScore } from '../../../../workers/evaluation/sampled/order.ts'
import { smallMarket } from '../../processors/small-market.ts'
import { listOf } from './support.ts'

/** Two users over 20 items; the last event of each is for the test, the one before for validation. */
const dataset: Dataset = {
  digest: 'dataset',
  itemCount: 20,
  userCount: 2,
  itemIds: Array.from({ length: 20 }, (_, item) => String(item)),
  userIds: ['a', 'b'],
  itemText: () => '',
  itemAttributes: () => [],
  offsets: Uint32Array.of(0, 4, 9),
  events: Uint32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9),
  times: Float64Array.from({ length: 9 }, (_, event) => 1000 * event),
  trainEnd: Uint32Array.of(2, 3),
  validationEnd: Uint32Array.of(3, 4),
  findUser: () => undefined,
  findItem: () => undefined,
}

const uniform = { negativesOf: () => weightedNegatives(new Uint8Array(20).fill(1)), skipsHistory: true, seed: 1 }

describe('cases', () => {
  test('are the next items of the split, with what came before them', () => {
    expect(nextItemCases(dataset, undefined, 'test')).toEqual([
      {
        user: 0,
        cluster: 0,
        history: Uint32Array.of(1, 2, 3),
        historyTimes: Float64Array.of(0, 1000, 2000),
        time: 3000,
        target: 4,
        taken: Uint32Array.of(4),
      },
      {
        user: 1,
        cluster: 1,
        history: Uint32Array.of(5, 6, 7, 8),
        historyTimes: Float64Array.of(4000, 5000, 6000, 7000),
        time: 8000,
        target: 9,
        taken: Uint32Array.of(9),
      },
    ])
    expect(nextItemCases(dataset, undefined, 'validation').map(({ target }) => target)).toEqual([3, 8])
  })

  test('are the clicks of logged requests, each once, an unknown user drawn by itself', () => {
    const market = smallMarket(10)
    const exposed = market.requests?.exposed
    if (exposed === undefined) throw new Error('a small market has exposed lists')
    // Requests 1 and 9 are of the test; the user of request 9 is not known.
    exposed.click.fill(0)
    exposed.item.set([6, 7, 6], 3)
    exposed.click.set([1, 1, 1], 3)
    exposed.item.set([4], 27)
    exposed.click.set([1], 27)
    const cases = clickCases({ ...dataset, userCount: 20, offsets: new Uint32Array(21).fill(4) }, market, 'test')
    expect(cases.map(({ user, cluster, target, request }) => ({ user, cluster, target, request }))).toEqual([
      { user: 1, cluster: 1, target: 6, request: 1 },
      { user: 1, cluster: 1, target: 7, request: 1 },
      { user: noUser, cluster: 29, target: 4, request: 9 },
    ])
    expect(cases[0].taken).toEqual(Uint32Array.of(6, 7))
    expect(cases[2].history).toHaveLength(0)
    expect(clickCases(dataset, { ...market, requests: undefined } as unknown as Market, 'test')).toEqual([])
  })
})

test('cases know the creatives that clicks before them tell, and translated ones do not', async () => {
  const market = smallMarket(10)
  const { requests } = market
  if (requests?.exposed === undefined) throw new Error('a small market has exposed lists')
  // Request 0 is of the validation part, request 5 of the test: both of the first user.
  const user = requests.user.map((_, request) => (request % 5 === 0 ? 0 : noUser))
  const historyEnd = requests.historyEnd.map((_, request) => (request === 0 ? 1 : 3))
  const entries = requests.exposed.item.length
  const exposed = {
    ...requests.exposed,
    item: new Uint32Array(entries).fill(2).fill(4, 15, 16),
    creative: new Int32Array(entries).fill(20).fill(40, 15, 16),
    click: new Uint8Array(entries).fill(1, 0, 1).fill(1, 15, 16),
  }
  const told = { ...market, requests: { ...requests, user, historyEnd, exposed } }
  const known = Int32Array.of(-1, 20, -1)
  const [next] = nextItemCases(dataset, told, 'test')
  expect(next.historyCreatives).toEqual(known)
  const [click] = clickCases(dataset, told, 'test')
  expect(click).toMatchObject({ user: 0, target: 4, historyCreatives: known })
  expect(nextItemCases(dataset, market, 'test')[0]).not.toHaveProperty('historyCreatives')
  const [list] = sampleLists([next], { ...uniform, listSize: 3 }).lists
  expect(list.historyCreatives).toEqual(known)
  const asked: CandidateList[] = []
  const scorer: CandidateScorer = {
    score: async (lists) => {
      asked.push(...lists)
      return lists.map(({ candidates }) => ({ final: new Float32Array(candidates.length) }))
    },
  }
  const ids = Array.from({ length: 20 }, (_, item) => `${item}`)
  await translateScorer(scorer, ids, ids).score([list])
  expect(asked[0]).toMatchObject({ history: list.history, historyTimes: list.historyTimes })
  expect(asked[0]).not.toHaveProperty('historyCreatives')
})

describe('sampled lists', () => {
  const cases = nextItemCases(dataset, undefined, 'test')

  test('hold the target once, among items that the user did not have', () => {
    const { lists, skipped } = sampleLists(cases, { ...uniform, listSize: 10 })
    expect(skipped).toBe(0)
    lists.forEach(({ candidates, target, history }, index) => {
      expect(candidates).toHaveLength(10)
      expect(new Set(candidates).size).toBe(10)
      expect(candidates[target]).toBe(cases[index].target)
      for (const item of candidates) expect(history).not.toContain(item)
    })
  })

  test('follow from their case and the seed alone', () => {
    const of = (options: object) => sampleLists(cases, { ...uniform, listSize: 8, ...options }).lists
    expect(of({})).toEqual(of({}))
    expect(of({ seed: 2 })).not.toEqual(of({}))
    const [one] = of({ lists: 1 })
    expect(of({})).toContainEqual(one)
  })

  test('hide the target at every place', () => {
    const many: SampledCase[] = Array.from({ length: 400 }, () => cases[0])
    const places = new Map<number, number>()
    for (const { target } of sampleLists(many, { ...uniform, listSize: 4 }).lists)
      places.set(target, (places.get(target) ?? 0) + 1)
    for (const place of [0, 1, 2, 3]) expect(places.get(place)).toBeGreaterThan(60)
  })

  test('are shorter where there is no more, and none where nothing stands against the target', () => {
    const few = {
      ...uniform,
      negativesOf: ({ target }: SampledCase) =>
        negativesAmong(target === 4 ? Uint32Array.of(4, 1, 6) : Uint32Array.of(9)),
    }
    expect(sampleLists(cases, { ...few, listSize: 30 })).toMatchObject({
      lists: [{ user: 0, candidates: { length: 2 } }],
      skipped: 1,
    })
    const withHistory = sampleLists(cases, { ...few, listSize: 30, skipsHistory: false })
    expect(withHistory.lists[0].candidates.toSorted()).toEqual(Uint32Array.of(1, 4, 6))
  })

  test('carry bids: of the request, else the usual one; none of organic items', () => {
    const market = smallMarket(8)
    market.ads.bid[2] = Number.NaN
    const [given] = cases
    const all = { ...uniform, negativesOf: () => negativesAmong(Uint32Array.from({ length: 12 }, (_, item) => item)) }
    const bidsOf = (request?: number) => {
      const more = request === undefined ? {} : { request }
      const { lists } = sampleLists([{ ...given, ...more }], { ...all, skipsHistory: false, listSize: 30, market })
      const [{ candidates, bids = new Float64Array() }] = lists
      return Array.from({ length: 12 }, (_, item) => bids[candidates.indexOf(item)])
    }
    const usual = bidsOf()
    expect(usual.slice(0, 2)).toEqual([0.5, 1])
    // No request is of the training part, so that nobody knows what this ad bids.
    expect(usual[2]).toBe(0)
    expect(usual.slice(6).every(Number.isNaN)).toBe(true)
    expect(bidsOf(3).slice(0, 6)).toEqual([...(market.requests?.ads?.bid.subarray(18, 24) ?? [])])
  })
})

describe('usual bids', () => {
  test('are those of the ads, else their mean in the training part', () => {
    const market = smallMarket(8)
    market.requests?.part.fill(0, 0, 2)
    market.ads.bid[2] = Number.NaN
    const bids = market.requests?.ads?.bid ?? new Float64Array()
    expect(usualBids(market)[1]).toBe(1)
    expect(usualBids(market)[2]).toBeCloseTo((bids[2] + bids[8]) / 2, 12)
    const trained = [...bids.subarray(0, 12)]
    expect(bidUnitOf(market)).toBeCloseTo(trained.reduce((sum, bid) => sum + bid, 0) / 12, 12)
  })

  test('are expected of items by their mean in the training part, else by the ad, else as told', () => {
    const market = smallMarket(8)
    const { item, bid } = market.ads
    expect(expectedBids(market, 12, 9)[item[1]]).toBe(bid[1])
    market.ads.bid[2] = Number.NaN
    expect(expectedBids(market, 12, 9)[item[2]]).toBe(9)
    market.requests?.part.fill(0, 0, 2)
    const bids = market.requests?.ads?.bid ?? new Float64Array()
    const expected = expectedBids(market, 12, 9)
    expect(expected[item[1]]).toBeCloseTo((bids[1] + bids[7]) / 2, 6)
    expect(expected[11]).toBe(9)
  })
})

describe('eCPM', () => {
  test('is the bid, or what organic items are worth, times the chance of a click alone', async () => {
    const list = listOf(3, { user: 4, history: Uint32Array.of(1), bids: Float64Array.of(2, Number.NaN, 0) })
    const seen: unknown[] = []
    const progress: number[] = []
    const ecpm = await ecpmOf(
      [list, { ...list, bids: undefined } as unknown as typeof list],
      async (shown) => {
        seen.push(...shown.map(({ user, items, ads }) => [user, ...items, ...ads]))
        return shown.map(({ items }) => ({ click: [items[0] / 100] }))
      },
      0.5,
      async (done) => void progress.push(done),
    )
    expect(ecpm.map((values) => [...values])).toEqual([
      [0.2, 0.055, 0],
      [0.05, 0.055, 0.06],
    ])
    expect(seen.slice(0, 3)).toEqual([
      [4, 10, 0],
      [4, 11, -1],
      [4, 12, 0],
    ])
    expect(progress).toEqual([2])
  })
})

describe('the order of a list', () => {
  test('is by score, infinities at the ends, equals by seed and item', () => {
    const items = Uint32Array.of(5, 6, 7, 8)
    const scores = [Number.NEGATIVE_INFINITY, 1, Number.POSITIVE_INFINITY, -3]
    expect([...ranksByScore(items, scores, 1)]).toEqual([4, 2, 1, 3])
    const ties = new Set(Array.from({ length: 50 }, (_, seed) => ranksByScore(items, [0, 0, 0, 0], seed).join()))
    expect(ties.size).toBeGreaterThan(10)
  })
})
