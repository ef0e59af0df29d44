import { describe, expect, it } from 'vitest'
import type { LiveAuctionSettings } from '../../../../crds/auction-settings.ts'
import type { RankRequest, SkippedReason } from '../../../../crds/rank.ts'
import { indexMarket } from '../../../../workers/serving/auction/catalogue.ts'
import { type AuctionScene, resolveAuction } from '../../../../workers/serving/auction/resolve.ts'
import { settingsFor } from '../../../../workers/serving/auction/settings.ts'
import { FakePacer, fakeAuction, findItem, historyOf, itemIds, market } from './fake-auction.ts'

interface SceneOptions {
  /** Of a model that heeds times. */
  readonly times?: AuctionScene['lookup']['times']
  readonly creativesOf?: AuctionScene['lookup']['creativesOf']
  readonly settings?: LiveAuctionSettings
  readonly factors?: Record<number, number>
  readonly limits?: { slots: number; ads: number; organic: number }
}

function resolve(request: RankRequest, { settings = {}, factors = {}, limits, times, creativesOf }: SceneOptions = {}) {
  const { model } = fakeAuction(limits ? { limits } : {})
  const excluded: SkippedReason[] = []
  const pacer = new FakePacer()
  for (const [advertiser, factor] of Object.entries(factors)) pacer.factors.set(Number(advertiser), factor)
  const resolved = resolveAuction(request, {
    model,
    catalogue: indexMarket(market),
    lookup: { findItem, historyOf, ...(times ? { times } : {}), ...(creativesOf ? { creativesOf } : {}) },
    settings: settingsFor({ revision: 'r', settings, pods: 1 }, model),
    pacer,
    key: 'feed q',
    onExcluded: (reason) => excluded.push(reason),
  })
  return { ...resolved, excluded, keys: pacer.keys }
}

const asked = (...ads: NonNullable<NonNullable<RankRequest['candidates']>['ads']>): RankRequest => ({
  candidates: { ads, organic: [] },
})
const rfc3339 = (time: number): string => new Date(time).toISOString()
const namesOf = (items: Uint32Array) => Array.from(items, (item) => itemIds[item])

describe('a request that names no candidates', () => {
  it('is about all ads of the Dataset with a bid, and the organic items of the model', () => {
    const { request, skipped, excluded } = resolve({})
    expect(namesOf(request.ads)).toEqual(['item-10', 'item-11', 'item-12', 'item-13', 'item-14'])
    expect([...request.bids]).toEqual([1, 2, 3, 4, 5])
    expect([...request.advertisers]).toEqual([0, 0, 1, 1, 2])
    expect([...request.organic]).toEqual([0, 1, 2, 3, 4])
    expect(request).toMatchObject({ slots: 6, constraints: { maxAds: 3, minGap: 0 } })
    expect(request.creatives ?? request.slotReserves ?? request.adReserves).toBeUndefined()
    // Nobody asked for the ad without a bid: it is counted, not listed.
    expect([skipped, excluded]).toEqual([[], ['NoBid']])
  })

  it('leaves out what the user has seen, unless it says otherwise', () => {
    const user = { id: 'anna' }
    expect(namesOf(resolve({ user }).request.ads)).not.toContain('item-10')
    expect([...resolve({ user }).request.organic]).toEqual([1, 2, 3, 4])
    expect(namesOf(resolve({ user, includeSeen: true }).request.ads)).toContain('item-10')
  })

  it('takes the highest bids where the graph takes fewer ads', () => {
    const { request } = resolve({}, { limits: { slots: 6, ads: 2, organic: 20 } })
    expect([...request.bids]).toEqual([5, 4])
  })
})

describe('ads of a request', () => {
  it('go by ad or item, with advertiser and bid of the Dataset unless the request has its own', () => {
    const { request, ads, skipped } = resolve(
      asked({ id: 'ad-0' }, { id: 'item-11', bid: 7 }, { id: 'ad-5', bid: 0.5, advertiser: 'south' }),
    )
    expect([[...request.ads], [...request.bids], [...request.advertisers], [...ads]]).toEqual([
      [10, 11, 15],
      [1, 7, 0.5],
      [0, 0, 1],
      [0, 1, 5],
    ])
    expect(skipped).toEqual([])
  })

  it('may be items that are no ads of the Dataset, of advertisers that it does not know', () => {
    const { request, ads, guests } = resolve(
      asked(
        { id: 'item-7', bid: 3, advertiser: 'new' },
        { id: 'item-8', bid: 3, advertiser: 'new' },
        { id: 'item-9', bid: 3 },
        { id: 'item-6', bid: 3 },
        { id: 'ad-2', advertiser: 'north' },
      ),
    )
    expect([...request.advertisers]).toEqual([3, 3, 4, 5, 0])
    expect(guests).toEqual(['new', undefined, undefined])
    expect([...ads]).toEqual([-1, -1, -1, -1, 2])
  })

  const cases: [string, RankRequest, { id: string; reason: SkippedReason }[], SceneOptions][] = [
    ['nobody knows', asked({ id: 'what' }), [{ id: 'what', reason: 'UnknownAd' }], {}],
    ['come twice', asked({ id: 'ad-0' }, { id: 'item-10' }), [{ id: 'item-10', reason: 'Duplicate' }], {}],
    [
      'have no bid',
      asked({ id: 'ad-5' }, { id: 'item-7' }),
      ['ad-5', 'item-7'].map((id) => ({ id, reason: 'NoBid' })),
      {},
    ],
    [
      'are below the reserve',
      asked({ id: 'ad-0' }, { id: 'ad-2' }),
      [{ id: 'ad-0', reason: 'BelowReserve' }],
      { settings: { reservePrice: '1.5' } },
    ],
    [
      'are below that of their advertiser',
      asked({ id: 'ad-2' }, { id: 'ad-4' }),
      [{ id: 'ad-2', reason: 'BelowReserve' }],
      { settings: { reservePrice: '1', advertiserReserves: [{ advertiser: 'south', price: '3.5' }] } },
    ],
    [
      'are below that of every slot',
      { ...asked({ id: 'ad-0' }, { id: 'ad-2' }), slots: 2 },
      [{ id: 'ad-0', reason: 'BelowReserve' }],
      { settings: { slotReserves: ['4', '2', '1'] } },
    ],
    [
      'have creatives of others alone',
      asked({ id: 'ad-0', creatives: ['blue', 'what'] }),
      [
        { id: 'blue', reason: 'UnknownCreative' },
        { id: 'what', reason: 'UnknownCreative' },
        { id: 'ad-0', reason: 'NoCreative' },
      ],
      {},
    ],
    ['were seen', { ...asked({ id: 'ad-0' }), user: { id: 'anna' } }, [{ id: 'ad-0', reason: 'Seen' }], {}],
  ]
  it.each(cases)('that %s are named with the reason', (_, request, expected, options) => {
    const { skipped, request: resolved } = resolve(request, options)
    expect(skipped).toEqual(expected)
    const left =
      (request.candidates?.ads?.length ?? 0) - skipped.filter(({ reason }) => reason !== 'UnknownCreative').length
    expect(resolved.ads).toHaveLength(left)
  })

  it('keep the creatives that are theirs', () => {
    const { request } = resolve(asked({ id: 'ad-0', creatives: ['green', 'blue'] }, { id: 'ad-1' }))
    expect(request.creatives).toEqual([Uint32Array.of(1), undefined])
  })

  it('take part as far as the budgets of their advertisers go, with the bids that pacing leaves', () => {
    const settings = { budgets: { pacing: 'Multiplicative' as const, periodSeconds: 86_400 }, reservePrice: '0.6' }
    const request = asked(
      ...[{ id: 'ad-0' }, { id: 'ad-1' }, { id: 'ad-2' }, { id: 'ad-4' }, { id: 'item-7', bid: 3, advertiser: 'new' }],
    )
    const factors = { 0: 0.5, 1: 0 }
    const { request: resolved, skipped, keys } = resolve(request, { settings, factors })
    // Half a bid of ad-0 is below the reserve; who is new has no budget.
    expect(namesOf(resolved.ads)).toEqual(['item-11', 'item-14', 'item-7'])
    expect([...resolved.bids]).toEqual([1, 5, 3])
    expect(skipped).toEqual([
      { id: 'ad-0', reason: 'BelowReserve' },
      { id: 'ad-2', reason: 'OutOfBudget' },
    ])
    expect(keys).toEqual(['feed q'])
    expect(resolve({}, { settings, factors }).excluded).toEqual(['NoBid', 'BelowReserve', 'OutOfBudget', 'OutOfBudget'])
    expect(resolve(request, { factors }).request.ads).toHaveLength(5)
  })

  it('that bid nothing take part, as nobody asks for more', () => {
    expect([...resolve(asked({ id: 'ad-5', bid: 0 })).request.bids]).toEqual([0])
  })
})

describe('organic items', () => {
  it('that were seen are named with the reason, unless the request lets them in', () => {
    const request = { user: { id: 'anna' }, candidates: { ads: [], organic: ['item-0', 'item-5'] } }
    const { request: resolved, skipped } = resolve(request)
    expect([namesOf(resolved.organic), skipped]).toEqual([['item-5'], [{ id: 'item-0', reason: 'Seen' }]])
    const all = resolve({ ...request, includeSeen: true })
    expect([namesOf(all.request.organic), all.skipped]).toEqual([['item-0', 'item-5'], []])
  })

  it('keep their order, and are no ads of the same request', () => {
    const { request, skipped } = resolve({
      candidates: {
        ads: [{ id: 'ad-1' }, { id: 'ad-5' }],
        organic: ['item-5', 'item-11', 'item-15', 'x', 'item-5', 'item-2'],
      },
    })
    // The ad of item-15 has no bid, so that the item may come as it is.
    expect(namesOf(request.organic)).toEqual(['item-5', 'item-15', 'item-2'])
    expect(skipped).toEqual([
      { id: 'ad-5', reason: 'NoBid' },
      { id: 'item-11', reason: 'AlsoAnAd' },
      { id: 'x', reason: 'UnknownItem' },
      { id: 'item-5', reason: 'Duplicate' },
    ])
  })
})

it('constraints and reserves are those of the request, else of the settings, else of the model', () => {
  const settings = { constraints: { minGap: 2, maxPerAdvertiser: 1 }, slotReserves: ['1', '0.5'], reservePrice: '0.1' }
  const { request } = resolve({ slots: 4, constraints: { minGap: 1 } }, { settings })
  expect(request.constraints).toEqual({ maxAds: 3, minGap: 1, maxPerAdvertiser: 1 })
  expect([...(request.slotReserves ?? [])]).toEqual([1, 0.5, 0, 0])
  expect([...(request.adReserves ?? [])]).toEqual([0.1, 0.1, 0.1, 0.1, 0.1])
})

describe('the moment of a request', () => {
  const known = Float64Array.of(1000, 2000)
  const times = { of: (user: string) => (user === 'anna' ? known : undefined), now: () => 5000 }
  const momentOf = (user: RankRequest['user'], given: AuctionScene['lookup']['times'] = times, time?: string) => {
    const { request } = resolve({ ...(user ? { user } : {}), ...(time ? { time } : {}) }, { times: given })
    return { historyTimes: request.historyTimes, time: request.time }
  }
  const brought = { history: ['item-1', 'what', 'item-2'], historyTimes: [1000, 2000, 3000].map(rfc3339) }

  it('is told with the times of a known user, and with no history at all', () => {
    expect(momentOf({ id: 'anna' })).toEqual({ historyTimes: known, time: 5000 })
    expect(momentOf(undefined)).toEqual({ historyTimes: undefined, time: 5000 })
  })

  it('is told with the times that a history brings, but for those of items that nobody knows', () => {
    expect(momentOf(brought)).toEqual({ historyTimes: Float64Array.of(1000, 3000), time: 5000 })
    expect(momentOf({ id: 'anna', ...brought })).toEqual(momentOf(brought))
    expect(momentOf({ history: [], historyTimes: [] })).toEqual({ historyTimes: new Float64Array(), time: 5000 })
  })

  it('is when the request says', () => {
    expect(momentOf({ id: 'anna' }, times, rfc3339(4000))).toEqual({ historyTimes: known, time: 4000 })
    expect(momentOf(brought, times, '1970-01-01T01:00:04+01:00').time).toBe(4000)
    expect(momentOf(undefined, times, rfc3339(4000)).time).toBe(4000)
    expect(momentOf({ history: ['item-1'] }, times, rfc3339(4000)).time).toBeUndefined()
  })

  it('is not told of a history to a model whose Dataset has no times', () => {
    expect(momentOf(brought, { now: () => 5000 })).toEqual({ historyTimes: undefined, time: undefined })
    expect(momentOf(undefined, { now: () => 5000 }).time).toBe(5000)
  })

  it('is not told where the history has no times, nor to a model that heeds none', () => {
    const nothing = { historyTimes: undefined, time: undefined }
    expect(momentOf({ id: 'anna', history: ['item-1'] })).toEqual(nothing)
    expect(momentOf({ id: 'anna' }, { ...times, of: () => undefined })).toEqual(nothing)
    const { request } = resolve({ user: { id: 'anna' } })
    expect(request.historyTimes ?? request.time).toBeUndefined()
    const { request: timed } = resolve({ user: brought, time: rfc3339(4000) })
    expect(timed.historyTimes ?? timed.time).toBeUndefined()
  })
})

describe('the creatives of a history', () => {
  const creativesOf = (user: RankRequest['user'], options: SceneOptions = {}) => {
    const { request, skipped } = resolve({ ...(user ? { user } : {}) }, options)
    return { creatives: request.historyCreatives && [...request.historyCreatives], skipped }
  }

  it('are those of its items, -1 where none is known, without those of items that nobody knows', () => {
    const { creatives, skipped } = creativesOf({
      history: ['item-10', 'what', 'item-10', 'item-1', 'item-10', 'item-10'],
      historyCreatives: ['green', 'red', null, 'red', 'blue', 'red'],
    })
    expect(creatives).toEqual([1, -1, -1, -1, 0])
    expect(skipped).toEqual([
      { id: 'what', reason: 'UnknownItem' },
      { id: 'red', reason: 'UnknownCreative' },
      { id: 'blue', reason: 'UnknownCreative' },
    ])
  })

  it('of a user who is looked up are those that the Dataset tells', () => {
    const known = { creativesOf: (user: string) => (user === 'anna' ? Int32Array.of(-1, 1) : undefined) }
    expect(creativesOf({ id: 'anna' }, known).creatives).toEqual([-1, 1])
    expect(creativesOf({ id: 'bob' }, known).creatives).toBeUndefined()
    expect(creativesOf(undefined, known).creatives).toBeUndefined()
    // A history that is brought is another one, also where it tells nothing.
    const brought = { id: 'anna', history: ['item-10'] }
    expect(creativesOf(brought, known).creatives).toBeUndefined()
    expect(creativesOf({ ...brought, historyCreatives: ['red'] }, known).creatives).toEqual([0])
  })

  it('are not told where neither request nor Dataset tells any', () => {
    expect(creativesOf({ history: ['item-1'] }).creatives).toBeUndefined()
    expect(creativesOf({ id: 'anna' }).creatives).toBeUndefined()
  })
})
