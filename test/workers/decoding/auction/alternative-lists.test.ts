import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Allocation, Allocator } from '../../../../workers/auction/auction.ts'
import { adsOfList, listedAds, slotOf } from '../../../../workers/auction/chosen-list.ts'
import { pivotPrice } from '../../../../workers/auction/pivot-price.ts'
import { type OpenedEga, openedEga } from '../../../../workers/decoding/auction/open-ega.ts'
import { Random } from '../../../../workers/tensor/random.ts'
import { bidding, pricedModel, request, settings } from './small-model.ts'

const expected = { ...settings, bidding: { ...bidding, bids: 'Expected' as const } }
const asked = request({
  ads: Uint32Array.of(1, 5, 7, 12, 14),
  bids: Float64Array.of(2, 5, 0.8, 3, 1),
  advertisers: Uint32Array.of(0, 1, 0, 2, 3),
})
const random = new Random('bids')
const vectors = Array.from({ length: 6 }, () => asked.bids.map(() => 0.1 + 6 * random.uniform()))

const listsWith = ({ lists }: Allocation, ad: number): number =>
  Array.from({ length: lists.count }, (_, row) => Number(slotOf(lists, row, ad) >= 0)).reduce(
    (sum, has) => sum + has,
    0,
  )

describe.each(['Each', 'Together', 'Swaps'] as const)(
  'alternatives to the ads that most lists have: %s',
  (alternatives) => {
    let plain: OpenedEga
    let opened: OpenedEga
    let allocator: Allocator
    beforeAll(async () => {
      const options = { threads: 1, maxBatch: 32 }
      plain = await openedEga(pricedModel('Threshold', { ...expected, candidateLists: 4 }), options)
      opened = await openedEga(pricedModel('Threshold', { ...expected, candidateLists: 4, alternatives }), options)
      allocator = opened.allocatorFor(expected)
    }, 60_000)
    afterAll(async () => {
      await plain.release()
      await opened.release()
    })

    test('join the lists of the search, each ad left out of some', async () => {
      const [base] = await plain.allocator.allocate([asked])
      const [found] = await allocator.allocate([asked])
      const common = [...asked.ads.keys()].filter((ad) => listsWith(base, ad) >= base.lists.count / 4)
      expect(common.length).toBeGreaterThan(1)
      expect(found.lists.count).toBeGreaterThan(base.lists.count)
      const size = base.lists.count * base.lists.slots
      expect(found.lists.candidate.subarray(0, size)).toEqual(base.lists.candidate)
      for (const ad of common) expect(listsWith(found, ad)).toBeLessThan(found.lists.count)
      const rows = Array.from({ length: found.lists.count }, (_, row) =>
        [found.lists.candidate, found.lists.creative].map((part) =>
          part.subarray(row * found.lists.slots, (row + 1) * found.lists.slots).join(),
        ),
      )
      expect(new Set(rows.map((row) => row.join(';'))).size).toBe(rows.length)
    })

    test('are chosen where they are worth more, and priced by what others lose', async () => {
      const [base] = await plain.allocator.allocate([asked])
      const [found] = await allocator.allocate([asked])
      expect(found.lists.reward[found.chosen]).toBe(Math.max(...found.lists.reward))
      expect(found.lists.reward[found.chosen]).toBeGreaterThanOrEqual((base.lists.reward[base.chosen] as number) - 1e-4)
      expect(found.paymentRate).toHaveLength(found.lists.slots)
    })

    test('an ad that stands in all lists of the search pays for whom it keeps out', async () => {
      const one = { ...asked, slots: 1, organic: new Uint32Array() }
      const models = [{}, { alternatives }].map((more) =>
        openedEga(pricedModel('Threshold', { ...expected, candidateLists: 1, ...more }), { threads: 1, maxBatch: 8 }),
      )
      const [single, joined] = (await Promise.all(models)) as [OpenedEga, OpenedEga]
      const [base] = (await single.allocator.allocate([one])) as [Allocation]
      const [found] = (await joined.allocator.allocate([one])) as [Allocation]
      const [only] = listedAds(one, base)
      expect(pivotPrice(one, base, only?.ad ?? 0)).toBeCloseTo(0, 5)
      const [shown] = listedAds(one, found)
      // Of lists of one ad each, the best one pays what the next is worth by its own clicks.
      expect(found.lists.count).toBeGreaterThan(1)
      const rivals = Array.from({ length: found.lists.count }, (_, row) => adsOfList(found.lists, row, 5)[0])
      const rival = Math.max(
        ...rivals.map((ad) => (ad === undefined || ad.ad === shown?.ad ? 0 : ad.pCtr * (one.bids[ad.ad] ?? 0))),
      )
      expect(pivotPrice(one, found, shown?.ad ?? 0)).toBeCloseTo(rival / (shown?.pCtr ?? 0), 4)
      for (const each of [single, joined]) await each.release()
    })

    test('no bid moves the lists, and other bids answer as requests of their own', async () => {
      const under = await allocator.underBids(asked, vectors)
      const alone = await allocator.allocate(vectors.map((bids) => ({ ...asked, bids })))
      under.forEach((allocation, index) => {
        const same = alone[index] as Allocation
        expect(allocation.lists.candidate).toEqual(under[0]?.lists.candidate)
        expect(same.lists.candidate).toEqual(allocation.lists.candidate)
        expect(allocation.chosen).toBe(same.chosen)
        // Up to rounding: other rows in a batch.
        allocation.paymentRate?.forEach((rate, slot) => {
          expect(rate).toBeCloseTo(same.paymentRate?.[slot] ?? Number.NaN, 5)
        })
      })
      expect(new Set(under.map(({ chosen }) => chosen)).size).toBeGreaterThan(1)
    })

    test('of advertisers have none of the ads of one, and price it by other advertisers', async () => {
      const model = pricedModel('Threshold', { ...expected, candidateLists: 4, alternatives, bidder: 'Advertiser' })
      const advertised = await openedEga(model, { threads: 1, maxBatch: 32, keepsLists: true })
      const [found] = (await advertised.allocator.allocate([asked])) as [Allocation]
      expect(found.lists.bidder).toBe('Advertiser')
      const rowsWithout = (advertiser: number): number =>
        Array.from({ length: found.lists.count }, (_, row) => adsOfList(found.lists, row, 5)).filter((ads) =>
          ads.every(({ ad }) => asked.advertisers[ad] !== advertiser),
        ).length
      expect(rowsWithout(0)).toBeGreaterThan(0)
      expect(rowsWithout(1)).toBeGreaterThan(0)
      const kept = await advertised.allocatorFor(expected).underBids(asked, vectors)
      const alone = await advertised.allocator.allocate(vectors.map((bids) => ({ ...asked, bids })))
      kept.forEach((allocation, index) => {
        expect(allocation.lists.bidder).toBe('Advertiser')
        expect(allocation.chosen).toBe(alone[index]?.chosen)
      })
      await advertised.release()
    })

    test('are worth more by expected bids than the lists of the search, where swaps are', async () => {
      const [base] = (await plain.allocator.allocate([asked])) as [Allocation]
      const [found] = (await allocator.allocate([asked])) as [Allocation]
      const expectedBids = pricedModel('Threshold', expected).expectedBids as Float32Array
      const bestOf = ({ lists }: Allocation): number =>
        Math.max(
          ...Array.from({ length: lists.count }, (_, row) =>
            adsOfList(lists, row, 5).reduce(
              (sum, { ad, pCtr }) => sum + pCtr * (expectedBids[asked.ads[ad] ?? 0] ?? 0),
              0,
            ),
          ),
        )
      expect(bestOf(found)).toBeGreaterThanOrEqual(bestOf(base))
      if (alternatives === 'Swaps') expect(bestOf(found)).toBeGreaterThan(bestOf(base) * 1.01)
    })

    test('keep the constraints, and what a reserve keeps out stays out', async () => {
      const constrained = { ...asked, constraints: { maxAds: 1, minGap: 1, maxPerAdvertiser: 1 } }
      const reserved = { ...constrained, adReserves: Float64Array.of(9, 0, 0, 0, 0) }
      for (const { lists } of await allocator.allocate([constrained, reserved]))
        for (let row = 0; row < lists.count; row++) expect(adsOfList(lists, row, 5).length).toBeLessThanOrEqual(1)
      const [, found] = await allocator.allocate([constrained, reserved])
      expect(listsWith(found as Allocation, 0)).toBe(0)
    })
  },
)
