import { describe, expect, test } from 'vitest'
import { unconstrained } from '../../../../workers/auction/auction.ts'
import { noUser } from '../../../../workers/data/market/market.ts'
import { type RequestOptions, sampleRequests } from '../../../../workers/evaluation/market/requests.ts'
import { adCount, smallMarket } from '../../processors/small-market.ts'

const market = smallMarket(40)
/** Twenty users with histories of five. */
const dataset = {
  events: Uint32Array.from({ length: 100 }, (_, index) => index % 12),
  offsets: Uint32Array.from({ length: 21 }, (_, user) => 5 * user),
}
const options: RequestOptions = {
  part: 'test',
  count: 10,
  seed: 1,
  slots: 3,
  constraints: unconstrained,
  bids: 'Truthful',
}
const sample = (changed: Partial<RequestOptions> = {}, of = market) =>
  sampleRequests(dataset, of, { ...options, ...changed })

describe('requests of the log become auctions', () => {
  test('of one part, drawn by seed, of which a smaller sample is the first part', () => {
    const { requests, total, skipped } = sample()
    expect([requests.length, total, skipped]).toEqual([10, 30, 0])
    const indices = requests.map(({ index }) => index)
    expect(new Set(indices).size).toBe(10)
    for (const index of indices) expect(index % 4).not.toBe(0)
    expect(sample({ count: 4 }).requests.map(({ index }) => index)).toEqual(indices.slice(0, 4))
    expect(sample({ seed: 2 }).requests.map(({ index }) => index)).not.toEqual(indices)
    expect(sample({ count: 1000 }).requests).toHaveLength(30)
    expect(sample({ part: 'validation', count: 1000 }).requests).toHaveLength(10)
  })

  test('with the history before the request, and none for a user that is not known', () => {
    for (const { index, user, auction } of sample({ count: 30 }).requests) {
      expect(user === noUser).toBe(index % 5 === 4)
      const history = user === noUser ? [] : [...dataset.events.subarray(5 * user, 5 * user + 4)]
      expect([...auction.history]).toEqual(history)
    }
  })

  test('with the creatives that clicks before the request tell, of other parts than training too', () => {
    const { requests } = market
    if (requests === undefined) throw new Error('the market has requests')
    // Each user comes after the first event and before the last one, and clicks the third event and then the last.
    const isFirst = (index: number) => index < 20
    const clicked = (index: number) => dataset.events[5 * (index % 20) + (isFirst(index) ? 2 : 4)]
    const exposed = {
      offsets: Uint32Array.from({ length: 41 }, (_, index) => index),
      item: Uint32Array.from({ length: 40 }, (_, index) => clicked(index)),
      ad: new Int32Array(40).fill(-1),
      creative: Int32Array.from({ length: 40 }, (_, index) => 100 + index),
      click: new Uint8Array(40).fill(1),
    }
    const historyEnd = requests.historyEnd.map((_, index) => (isFirst(index) ? 1 : 4))
    const told = sample({ count: 30 }, { ...market, requests: { ...requests, historyEnd, exposed } }).requests
    for (const { index, user, auction } of told) {
      const known = isFirst(index) ? [-1] : [-1, -1, 100 + index - 20, -1]
      expect(auction.historyCreatives && [...auction.historyCreatives]).toEqual(user === noUser ? undefined : known)
    }
    expect(told.some(({ index, user }) => user !== noUser && !isFirst(index))).toBe(true)
    for (const { auction } of sample().requests) expect(auction).not.toHaveProperty('historyCreatives')
  })

  test('with bids that are the values, or those of the log', () => {
    const [truthful] = sample().requests
    expect([...truthful.auction.bids]).toEqual([1, 2, 3, 4, 5, 6])
    const [logged] = sample({ bids: 'Logged' }).requests
    expect([...logged.auction.bids]).toEqual([
      ...(market.requests?.ads?.bid.subarray(logged.index * adCount, (logged.index + 1) * adCount) ?? []),
    ])
    expect([...logged.values]).toEqual([1, 2, 3, 4, 5, 6])
  })

  test('with reserves by slot, none beyond those that are told, and by advertiser', () => {
    const [plain] = sample().requests
    expect(plain.auction).not.toHaveProperty('adReserves')
    const reserves = { bySlot: Float64Array.of(2, 1), byAdvertiser: Float64Array.of(0.5, 4, 0) }
    const [{ auction }] = sample({ reserves }).requests
    expect([...(auction.slotReserves ?? [])]).toEqual([2, 1, 0])
    expect([...(auction.adReserves ?? [])]).toEqual([0.5, 4, 0, 0.5, 4, 0])
    // Who bids less may still bid more when its incentives are looked at.
    expect(auction.ads).toHaveLength(adCount)
  })

  test('with every ad that has a bid where the log names none, and without organic items that are ads', () => {
    const { requests } = market
    if (requests === undefined) throw new Error('the market has requests')
    const { ads: _, ...rest } = requests
    const organic = {
      offsets: Uint32Array.from({ length: 41 }, (_, index) => 2 * index),
      item: new Uint32Array(80).map((_, index) => (index % 2 ? 3 : 9)),
    }
    const bid = market.ads.bid.slice()
    bid[2] = Number.NaN
    const changed = { ...market, ads: { ...market.ads, bid }, requests: { ...rest, organic } }
    const [{ auction, marketAds }] = sample({}, changed).requests
    expect([...marketAds]).toEqual([0, 1, 3, 4, 5])
    expect([...auction.organic]).toEqual([9])
  })

  test('but for those with nothing to show', () => {
    const { requests } = market
    if (requests === undefined) throw new Error('the market has requests')
    const nothing = { offsets: new Uint32Array(41), ad: new Uint32Array(), bid: new Float64Array() }
    const bare = {
      ...market,
      requests: { ...requests, ads: nothing, organic: { offsets: new Uint32Array(41), item: new Uint32Array() } },
    }
    expect(sample({}, bare)).toEqual({ requests: [], total: 30, skipped: 10 })
  })

  test('where an ad has no value, its bid stands for it', () => {
    const value = market.ads.value.slice()
    value[1] = Number.NaN
    const [request] = sample({}, { ...market, ads: { ...market.ads, value } }).requests
    expect(request.values[1]).toBe(market.requests?.ads?.bid[request.index * adCount + 1])
  })
})
