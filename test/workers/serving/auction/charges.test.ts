import fc from 'fast-check'
import { expect, it } from 'vitest'
import { expectedCharges, mostCharges } from '../../../../workers/serving/auction/charges.ts'
import { fakeAuction, simplePrices } from './fake-auction.ts'

const known = 3

const requestOf = (
  ads: readonly { advertiser: number; bid: number }[],
  slots: number,
  maxAds: number,
  cap: number,
) => ({
  history: new Uint32Array(),
  ads: Uint32Array.from(ads, (_, ad) => ad),
  bids: Float64Array.from(ads, ({ bid }) => bid),
  advertisers: Uint32Array.from(ads, ({ advertiser }) => advertiser),
  organic: new Uint32Array(),
  slots,
  constraints: { maxAds, minGap: 0, maxPerAdvertiser: cap },
})

it('an advertiser may have to pay its highest bid in each place that it can take', () => {
  const ads = [
    { advertiser: 0, bid: 1 },
    { advertiser: 0, bid: 3 },
    { advertiser: 0, bid: 2 },
    { advertiser: 2, bid: 5 },
    { advertiser: 3, bid: 9 },
    { advertiser: 1, bid: 0 },
  ]
  const none = Number.POSITIVE_INFINITY
  const most = (slots: number, maxAds: number, cap: number) =>
    mostCharges(requestOf(ads, slots, maxAds, cap), known).map(({ advertiser, amount }) => [advertiser, amount])
  expect(most(10, none, none)).toEqual([
    [0, 9],
    [2, 5],
  ])
  expect(most(2, none, none)[0]).toEqual([0, 6])
  expect(most(10, 2, none)[0]).toEqual([0, 6])
  expect(most(10, none, 1)[0]).toEqual([0, 3])
})

it('no list costs an advertiser more', async () => {
  const ads = fc.array(fc.record({ advertiser: fc.nat({ max: 4 }), bid: fc.double({ min: 0, max: 9, noNaN: true }) }), {
    maxLength: 6,
  })
  const { model } = fakeAuction()
  await fc.assert(
    fc.asyncProperty(ads, fc.integer({ min: 1, max: 6 }), fc.nat({ max: 6 }), async (drawn, slots, maxAds) => {
      const request = requestOf(drawn, slots, maxAds, Number.POSITIVE_INFINITY)
      const most = new Map(mostCharges(request, known).map(({ advertiser, amount }) => [advertiser, amount]))
      const [allocation] = (await model.allocate([request], model.defaults)).allocations
      const allocator = { allocate: async () => [], underBids: async () => [] }
      const [payments] = await simplePrices('FirstPrice', [{ request, allocation }], { allocator })
      const spent = new Map<number, number>()
      for (const { advertiser, amount } of expectedCharges(request, allocation, payments, known)) {
        expect(advertiser).toBeLessThan(known)
        spent.set(advertiser, (spent.get(advertiser) ?? 0) + amount)
      }
      for (const [advertiser, amount] of spent) expect(amount).toBeLessThanOrEqual(most.get(advertiser) ?? 0)
    }),
  )
})
