import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type PaymentRule, paymentRules } from '../../../../crds/auction-terms.ts'
import type { Allocator, AuctionRequest } from '../../../../workers/auction/auction.ts'
import { reserveOf } from '../../../../workers/auction/chosen-list.ts'
import type { PaymentOptions } from '../../../../workers/auction/payments/payment-rule.ts'
import { payments } from '../../../../workers/auction/payments/payments.ts'
import {
  firstPricePositions,
  gspPositions,
  type Position,
  type PositionAuction,
  rankAds,
  vcgPositions,
} from '../../../../workers/auction/payments/position-auction.ts'
import { rankingAllocator } from '../../../../workers/auction/ranking-allocator.ts'
import { positionAuctions, requestOf, whimsicalAllocator } from '../support.ts'

const allocatorOf = ({ qualities, exposure }: PositionAuction): Allocator =>
  rankingAllocator({ quality: () => qualities, exposure })

const priced = async (
  rule: PaymentRule,
  allocator: Allocator,
  request: AuctionRequest,
  options: PaymentOptions = {},
): Promise<Float64Array> => {
  const [allocation] = await allocator.allocate([request])
  const [prices] = await payments(rule, [{ request, allocation }], { allocator, ...options })
  return prices
}

const pricedAuction = (rule: PaymentRule, auction: PositionAuction): Promise<Float64Array> =>
  priced(rule, allocatorOf(auction), requestOf([...Array.from(auction.bids)], auction.exposure.length), {
    exposure: Float64Array.from(auction.exposure),
  })

const expectPrices = (
  found: Float64Array,
  expected: readonly Position[],
  rounding: (slot: number, ad: number) => number = () => 0,
) => {
  found.forEach((price, slot) => {
    const { price: right = 0, ad = 0 } = expected[slot] ?? {}
    const slack = 2e-5 * (1 + right) + rounding(slot, ad)
    expect(Math.abs(price - right), `slot ${slot}: ${price} instead of ${right}`).toBeLessThan(slack)
  })
}

/** Rewards of lists have 32 bits; their difference over the clicks of an ad that is hardly clicked keeps few of them. */
const roundingOfRewards =
  ({ bids, qualities, exposure }: PositionAuction) =>
  (slot: number, ad: number): number => {
    const welfare = Array.from(bids, (bid, other) => bid * qualities[other]).reduce((sum, each) => sum + each, 0)
    return (2 ** -21 * welfare) / (qualities[ad] * exposure[slot])
  }

describe('against the closed forms of position auctions', () => {
  const closedForms = { FirstPrice: firstPricePositions, GSP: gspPositions, VCG: vcgPositions } as const
  for (const rule of ['FirstPrice', 'GSP', 'VCG'] as const)
    test(rule, () =>
      fc.assert(
        fc.asyncProperty(positionAuctions, async (auction) => {
          expectPrices(await pricedAuction(rule, auction), closedForms[rule](auction), roundingOfRewards(auction))
        }),
      ),
    )

  test('CriticalBid: every shown ad pays the score of the first unshown one', () =>
    fc.assert(
      fc.asyncProperty(positionAuctions, async (auction) => {
        const { bids, qualities, exposure } = auction
        const ranked = rankAds(auction)
        const unshown = ranked[exposure.length]
        const threshold = unshown === undefined ? 0 : bids[unshown] * qualities[unshown]
        const expected = ranked
          .slice(0, exposure.length)
          .map((ad) => ({ ad, clicks: 1, price: threshold / qualities[ad] }))
        expectPrices(await pricedAuction('CriticalBid', auction), expected)
      }),
    ))

  test('one slot: GSP, VCG and CriticalBid are the second price', () =>
    fc.assert(
      fc.asyncProperty(positionAuctions, async (auction) => {
        const single = { ...auction, exposure: [1] }
        const expected = gspPositions(single)
        for (const rule of ['GSP', 'VCG', 'CriticalBid'] as const)
          expectPrices(await pricedAuction(rule, single), expected, roundingOfRewards(single))
      }),
    ))

  test('the example by hand: values 10, 8, 1 and slots 1, 0.5', async () => {
    const auction = { bids: [10, 8, 1], qualities: [1, 1, 1], exposure: [1, 0.5] }
    expectPrices(await pricedAuction('GSP', auction), [
      { ad: 0, clicks: 1, price: 8 },
      { ad: 1, clicks: 0.5, price: 1 },
    ])
    // Per impression 4.5 and 0.5.
    expectPrices(await pricedAuction('VCG', auction), [
      { ad: 0, clicks: 1, price: 4.5 },
      { ad: 1, clicks: 0.5, price: 1 },
    ])
  })
})

describe('of any allocation', () => {
  const cases = fc.record({
    seed: fc.nat(),
    bids: fc.array(fc.double({ min: 0, max: 5, noNaN: true }), { minLength: 1, maxLength: 5 }),
    slots: fc.integer({ min: 1, max: 4 }),
    organic: fc.integer({ min: 0, max: 3 }),
    reserve: fc.double({ min: 0, max: 3, noNaN: true }),
  })
  for (const rule of paymentRules)
    test(`${rule} lies within reserve and bid, and organic items pay nothing`, () =>
      fc.assert(
        fc.asyncProperty(cases, async ({ seed, bids, slots, organic, reserve }) => {
          const allocator = whimsicalAllocator(seed)
          const request = requestOf(bids, slots, {
            organic: Uint32Array.from({ length: organic }, (_, index) => 100 + index),
            slotReserves: new Float64Array(slots).fill(reserve / 2),
            adReserves: Float64Array.from(bids, (_, ad) => (ad % 2) * reserve),
          })
          const [allocation] = await allocator.allocate([request])
          const [prices] = await payments(rule, [{ request, allocation }], { allocator, bisections: 5 })
          expect(prices).toHaveLength(slots)
          prices.forEach((price, slot) => {
            const ad = allocation.lists.candidate[allocation.chosen * slots + slot]
            if (ad < 0 || ad >= bids.length) expect(price).toBe(0)
            else {
              expect(price).toBeLessThanOrEqual(bids[ad])
              expect(price).toBeGreaterThanOrEqual(Math.min(bids[ad], reserveOf(request, slot, ad)))
            }
          })
        }),
        { numRuns: 60 },
      ))

  test('a batch is priced like its parts, and one ad alone like all together', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(cases, { minLength: 1, maxLength: 4 }),
        fc.constantFrom(...paymentRules),
        async (all, rule) => {
          const allocator = whimsicalAllocator(1)
          const requests = all.map(({ bids, slots }) => requestOf(bids, slots))
          const allocations = await allocator.allocate(requests)
          const inputs = requests.map((request, index) => ({ request, allocation: allocations[index] }))
          const together = await payments(rule, inputs, { allocator, bisections: 4 })
          for (const [index, input] of inputs.entries()) {
            const [alone] = await payments(rule, [input], { allocator, bisections: 4 })
            expect(together[index]).toEqual(alone)
            const [first] = await payments(rule, [{ ...input, only: 0 }], { allocator, bisections: 4 })
            const { candidate } = input.allocation.lists
            const start = input.allocation.chosen * input.request.slots
            first.forEach((price, slot) => {
              expect(price).toBe(candidate[start + slot] === 0 ? alone[slot] : 0)
            })
          }
        },
      ),
      { numRuns: 40 },
    ))
})

describe('reserves', () => {
  const allocator = rankingAllocator({ quality: () => [1, 1, 1], exposure: [1, 0.5] })

  test('by slot and by ad decide who is shown and what the last one pays', async () => {
    const request = requestOf([5, 3, 2], 2, {
      slotReserves: Float64Array.of(2.5, 1),
      adReserves: Float64Array.of(0, 4, 1.5),
    })
    // The second ad does not reach its own reserve.
    const [{ lists, chosen }] = await allocator.allocate([request])
    expect([...lists.candidate.subarray(chosen * 2, chosen * 2 + 2)]).toEqual([0, 2])
    const exposure = Float64Array.of(1, 0.5)
    expect([...(await priced('GSP', allocator, request, { exposure }))]).toEqual([2.5, 1.5])
    expect([...(await priced('CriticalBid', allocator, request))]).toEqual([2.5, 1.5])
  })
})

describe('GSP', () => {
  test('charges the last ad for the best unlisted one of the other lists', async () => {
    const [allocation] = await rankingAllocator({ quality: () => [1, 0.5, 0.5], exposure: [1] }).allocate([
      requestOf([4, 3, 2], 1),
    ])
    const request = requestOf([4, 3, 2], 1)
    const [prices] = await payments('GSP', [{ request, allocation }])
    expect([...prices]).toEqual([1.5])
    const alone = { ...allocation.lists, count: 1 }
    const [unfollowed] = await payments('GSP', [{ request, allocation: { lists: alone, chosen: 0 } }])
    expect([...unfollowed]).toEqual([0])
  })
})

describe('VCG', () => {
  test('where every list has the ad: asks for its bid of 0, or charges the reserve without an allocator', async () => {
    const allocator = rankingAllocator({ quality: () => [1, 1], exposure: [1] })
    const request = requestOf([4, 3], 1, { adReserves: Float64Array.of(0.5, 0.5) })
    const [{ lists }] = await allocator.allocate([request])
    const allocation = { lists: { ...lists, count: 1 }, chosen: 0 }
    const [asked] = await payments('VCG', [{ request, allocation }], { allocator })
    expect([...asked]).toEqual([3])
    const [unasked] = await payments('VCG', [{ request, allocation }])
    expect([...unasked]).toEqual([0.5])
  })

  test('compares with lists that are made when it asks, and does not ask where it is told', async () => {
    const allocator = rankingAllocator({ quality: () => [0.5, 0.5, 0.5], exposure: [1] })
    const request = requestOf([4, 3, 1], 1)
    const [{ lists, chosen }] = await allocator.allocate([request])
    let asked = 0
    const rows = (from: number, to: number) => ({
      ...{ count: to - from, candidate: lists.candidate.subarray(from, to), pCtr: lists.pCtr.subarray(from, to) },
      reward: lists.reward.subarray(from, to),
    })
    const allocation = {
      chosen,
      // A list without ad 0, yet not the best one.
      lists: { ...lists, ...rows(0, 2), candidate: Int32Array.of(0, 2), reward: Float32Array.of(2, 0.5) },
      withoutEach: async () => {
        asked++
        return { ...lists, ...rows(1, 2) }
      },
    }
    const [prices] = await payments('VCG', [{ request, allocation }], { allocator })
    expect([...prices]).toEqual([3])
    expect(asked).toBe(1)
    const [told] = await payments('VCG', [{ request, allocation }], { worth: [Float64Array.of(1)] })
    expect([...told]).toEqual([2])
    expect(asked).toBe(1)
  })

  test('counts what the reward holds beside bids among the others, in its unit', async () => {
    const allocator = rankingAllocator({ quality: () => [0.5, 0.5], exposure: [1] })
    const request = requestOf([4, 3], 1)
    const [{ lists, chosen }] = await allocator.allocate([request])
    // The lists with and without ad 0, the second with 0.1 beside its bids; in units of ten.
    const reward = Float32Array.of(0.2, 0.16)
    const [prices] = await payments('VCG', [{ request, allocation: { lists: { ...lists, reward }, chosen } }], {
      rewardUnit: 10,
    })
    expect(prices[0]).toBeCloseTo((1.6 - (2 - 2)) / 0.5, 5)
  })
})

describe('what a rule lacks is said', () => {
  const request = requestOf([1], 1)
  test('CriticalBid without an allocator, PaymentNetwork without rates', async () => {
    const [allocation] = await rankingAllocator({ quality: () => [1], exposure: [1] }).allocate([request])
    await expect(payments('CriticalBid', [{ request, allocation }])).rejects.toThrow('hand over the allocator')
    await expect(payments('PaymentNetwork', [{ request, allocation }])).rejects.toThrow('no payment network')
    const [prices] = await payments('PaymentNetwork', [
      { request: requestOf([8], 1), allocation: { ...allocation, paymentRate: Float32Array.of(0.25) } },
    ])
    expect([...prices]).toEqual([2])
  })
})
