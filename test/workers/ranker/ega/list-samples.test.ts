import { expect, test } from 'vitest'
import { type Market, noUser, requestParts } from '../../../../workers/data/market/market.ts'
import { historyOfSample, joinSamples, nextItemLists, shownLists } from '../../../../workers/ranker/ega/list-samples.ts'

/** Two users: events 1 2 3 4 5 and 6 7; the last two of the first one are validation and test. */
const sequences = {
  userCount: 2,
  events: Uint32Array.of(1, 2, 3, 4, 5, 6, 7),
  offsets: Uint32Array.of(0, 5, 7),
  trainEnd: Uint32Array.of(3, 2),
  validationEnd: Uint32Array.of(4, 2),
}

const exposed = {
  offsets: Uint32Array.of(0, 3, 5, 6, 8),
  item: Uint32Array.of(9, 3, 8, 7, 9, 5, 1, 2),
  ad: Int32Array.of(0, -1, -1, -1, 0, -1, -1, -1),
  creative: Int32Array.of(90, 30, 80, 70, 90, 50, 10, 20),
  click: Uint8Array.of(0, 1, 0, 1, 0, 1, 1, 0),
}
const market: Market = {
  advertisers: { count: 1, ids: ['a'], budget: Float64Array.of(1) },
  ads: {
    count: 1,
    ids: ['ad'],
    item: Uint32Array.of(9),
    advertiser: Uint32Array.of(0),
    bid: Float64Array.of(1),
    value: Float64Array.of(1),
  },
  requests: {
    count: 4,
    ids: ['r0', 'r1', 'r2', 'r3'],
    user: Uint32Array.of(0, 1, 0, noUser),
    historyEnd: Uint32Array.of(2, 1, 4, 0),
    part: Uint8Array.of(requestParts.train, requestParts.train, requestParts.test, requestParts.train),
    exposed,
  },
}

test('shown lists are those of their part, cut to the length, with clicks weighed', () => {
  const lists = shownLists(market, { part: 'train', length: 2, clickedWeight: 3 })
  expect(lists).toMatchObject({ count: 3, length: 2 })
  expect(Array.from(lists?.items ?? [])).toEqual([9, 3, 7, 9, 1, 2])
  expect(Array.from(lists?.creatives ?? [])).toEqual([90, 30, 70, 90, 10, 20])
  expect(Array.from(lists?.weights ?? [])).toEqual([1, 3, 3, 1, 3, 1])
  expect(shownLists({ ...market, requests: undefined } as never, { part: 'train', length: 2, clickedWeight: 1 })).toBe(
    undefined,
  )
})

test('what users took next comes in pieces, each after all before it, and never crosses its part', () => {
  const train = nextItemLists(sequences, 'train', 2)
  expect(Array.from(train.historyEnd)).toEqual([0, 2, 0])
  expect(Array.from(train.items)).toEqual([1, 2, 3, 0, 6, 7])
  expect(Array.from(train.weights)).toEqual([1, 1, 1, 0, 1, 1])
  const validation = nextItemLists(sequences, 'validation', 2)
  expect(Array.from(validation.items)).toEqual([4, 0])
  expect(Array.from(historyOfSample(sequences, 0, validation.historyEnd[0]))).toEqual([1, 2, 3])
})

test('two tables one after the other', () => {
  const one = nextItemLists(sequences, 'train', 2)
  const both = joinSamples(one, nextItemLists(sequences, 'validation', 2))
  expect(both.count).toBe(4)
  expect(Array.from(both.user)).toEqual([0, 0, 1, 0])
  expect(Array.from(both.items)).toEqual([1, 2, 3, 0, 6, 7, 4, 0])
})

test('nobody has no history', () => {
  expect(historyOfSample(sequences, noUser, 3)).toHaveLength(0)
})
