import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Bidder } from '../../../crds/auction-terms.ts'
import type { Allocation, AuctionRequest, CandidateLists } from '../../../workers/auction/auction.ts'
import { adsByBidder, bidsAsOne, withMultiplied } from '../../../workers/auction/bidder.ts'
import { adsOfList, listedAds } from '../../../workers/auction/chosen-list.ts'
import { payments } from '../../../workers/auction/payments/payments.ts'
import { pivotPrice } from '../../../workers/auction/pivot-price.ts'
import { Random } from '../../../workers/tensor/random.ts'
import { requestOf } from './support.ts'

const ads = 6
const slots = 3

/** Lists that no bid moves, each worth the bids of its ads and something that nobody bids. */
const fixedLists = (seed: number, bidder?: Bidder) => {
  const random = new Random(seed, 'fixed lists')
  const count = 8
  const request = requestOf(
    Array.from({ length: ads }, () => 1 + 4 * random.uniform()),
    slots,
    {
      advertisers: Uint32Array.from({ length: ads }, () => random.below(3)),
    },
  )
  const candidate = Int32Array.from(
    Array.from({ length: count }, () => [...random.permutation(ads)].slice(0, slots)).flat(),
  )
  const pCtr = Float32Array.from(candidate, () => 0.05 + random.uniform())
  const unpaid = Float64Array.from({ length: count }, () => random.uniform())
  const under = (bids: Float64Array): Allocation => {
    const reward = new Float32Array(count)
    for (let row = 0; row < count; row++)
      reward[row] =
        (unpaid[row] as number) +
        adsOfList({ candidate, pCtr, slots }, row, ads).reduce((sum, { ad, pCtr }) => sum + (bids[ad] ?? 0) * pCtr, 0)
    const empty = new Float32Array(count * slots)
    const lists: CandidateLists = {
      ...{ count, slots, candidate, creative: new Int32Array(count * slots), pCtr, reward },
      ...{ logZ: empty, pCtrCreative: empty, pCvr: empty },
      ...(bidder === undefined ? {} : { bidder }),
    }
    return { lists, chosen: reward.indexOf(Math.max(...reward)) }
  }
  return { request, under }
}

/** Utility of the ads, with what they bid as told and worth as the request says. */
const utilityOf = (
  { request, under }: ReturnType<typeof fixedLists>,
  bids: Float64Array,
  own: readonly number[],
): number => {
  const allocation = under(bids)
  const asked = { ...request, bids }
  return listedAds(asked, allocation)
    .filter(({ ad }) => own.includes(ad))
    .reduce((sum, { ad, pCtr }) => sum + ((request.bids[ad] ?? 0) - pivotPrice(asked, allocation, ad)) * pCtr, 0)
}

const seeds = fc.integer({ min: 0, max: 100_000 })
const bidders = fc.constantFrom<Bidder[]>('Ad', 'Advertiser')

describe('what the others lose', () => {
  test('makes truth the best bid of whoever bids, whatever it bids for each of its ads', () => {
    const factors = fc.array(fc.double({ min: 0, max: 3, noNaN: true }), { minLength: ads, maxLength: ads })
    fc.assert(
      fc.property(seeds, bidders, factors, (seed, bidder, times) => {
        const auction = fixedLists(seed, bidder)
        const { bids } = auction.request
        for (const own of adsByBidder(auction.request, bidder)) {
          const other = bids.map((bid, ad) => (own.includes(ad) ? bid * (times[ad] ?? 1) : bid))
          expect(utilityOf(auction, other, own)).toBeLessThanOrEqual(utilityOf(auction, bids, own) + 1e-4)
        }
      }),
    )
  })

  test('is at least nothing, at most the bid, and does not move with the multiplier while the list stays', () => {
    fc.assert(
      fc.property(seeds, bidders, fc.double({ min: 0.2, max: 2, noNaN: true }), (seed, bidder, factor) => {
        const { request, under } = fixedLists(seed, bidder)
        const truth = under(request.bids)
        for (const { ad } of listedAds(request, truth)) {
          const price = pivotPrice(request, truth, ad)
          expect(price).toBeGreaterThanOrEqual(0)
          expect(price).toBeLessThanOrEqual((request.bids[ad] ?? 0) + 1e-4)
          const own = [...request.ads.keys()].filter(bidsAsOne(request, ad, bidder))
          const bids = withMultiplied(request.bids, own, factor)
          const other = under(bids)
          if (other.chosen === truth.chosen) expect(pivotPrice({ ...request, bids }, other, ad)).toBeCloseTo(price, 3)
        }
      }),
    )
  })

  test('is nothing where the only rival is an ad of the own advertiser, unless every ad bids for itself', () => {
    const request = requestOf([3, 2], 1, { advertisers: Uint32Array.of(7, 7) })
    const lists = {
      ...{ count: 2, slots: 1, candidate: Int32Array.of(0, 1), creative: new Int32Array(2), logZ: new Float32Array(2) },
      ...{ pCtr: Float32Array.of(0.5, 0.5), pCtrCreative: new Float32Array(2), pCvr: new Float32Array(2) },
      reward: Float32Array.of(1.5, 1),
    }
    expect(pivotPrice(request, { lists, chosen: 0 }, 0)).toBeCloseTo(2, 6)
    expect(pivotPrice(request, { lists: { ...lists, bidder: 'Advertiser' }, chosen: 0 }, 0)).toBe(0)
  })

  test('is the VCG price of an advertiser, too', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const { request, under } = fixedLists(seed, 'Advertiser')
      const allocation = under(request.bids)
      const [prices] = await payments('VCG', [{ request, allocation }])
      for (const { slot, ad } of listedAds(request, allocation))
        expect(prices?.[slot]).toBeCloseTo(Math.min(request.bids[ad] ?? 0, pivotPrice(request, allocation, ad)), 9)
    }
  })

  test('has a critical bid beside it, the least that lists the ad while all bids of its advertiser move', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const { request, under } = fixedLists(seed, 'Advertiser')
      const allocation = under(request.bids)
      const allocator = {
        allocate: async (requests: readonly AuctionRequest[]) => requests.map(({ bids }) => under(bids)),
        underBids: async (_: AuctionRequest, bids: readonly Float64Array[]) => bids.map(under),
      }
      const [prices] = await payments('CriticalBid', [{ request, allocation }], { allocator })
      for (const { slot, ad } of listedAds(request, allocation)) {
        const bid = request.bids[ad] ?? 0
        const own = [...request.ads.keys()].filter(bidsAsOne(request, ad, 'Advertiser'))
        const listedAt = (price: number) =>
          listedAds(request, under(withMultiplied(request.bids, own, price / bid))).some((listed) => listed.ad === ad)
        const price = prices?.[slot] ?? Number.NaN
        expect(listedAt(price)).toBe(true)
        if (price > 1e-3) expect(listedAt(price - 1e-3)).toBe(false)
      }
    }
  })
})
