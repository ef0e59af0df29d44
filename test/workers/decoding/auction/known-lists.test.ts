import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Allocation, Allocator, AuctionRequest } from '../../../../workers/auction/auction.ts'
import { payments } from '../../../../workers/auction/payments/payments.ts'
import { withRates } from '../../../../workers/decoding/auction/lists-under-bids.ts'
import { type OpenedEga, openedEga } from '../../../../workers/decoding/auction/open-ega.ts'
import { Random } from '../../../../workers/tensor/random.ts'
import { bidding, pricedModel, request, settings } from './small-model.ts'

const options = { threads: 1, maxBatch: 32 }

describe.each(['Rate', 'Threshold'] as const)('lists that no bid moves, priced by %s', (price) => {
  let searching: OpenedEga
  let keeping: OpenedEga
  beforeAll(async () => {
    searching = await openedEga(pricedModel(price), options)
    keeping = await openedEga(pricedModel(price), { ...options, keepsLists: true })
  }, 60_000)
  afterAll(async () => {
    await searching.release()
    await keeping.release()
  })

  test.each([
    ['found without bids', 'None'],
    ['found by expected bids', { ...bidding, bids: 'Expected' }],
    ['found by whether there is a bid', { ...bidding, alpha: 0 }],
    ['that bids move', bidding],
  ] as const)('answer as a search anew: %s', async (_, weighed) => {
    const random = new Random('bids')
    const asked = request({ ads: Uint32Array.of(1, 5, 7, 12, 14), advertisers: Uint32Array.of(0, 1, 0, 2, 3) })
    const vectors = Array.from({ length: 12 }, () => Float64Array.from(asked.ads, () => 0.1 + 6 * random.uniform()))
    const terms = { bidding: weighed, objective: { conversion: 0.7, organic: 0.4 } }
    const [anew, known] = [searching, keeping].map((opened) => opened.allocatorFor(terms))
    // Twice: the second time of what is known.
    for (const part of [vectors.slice(0, 5), vectors.slice(5)])
      await expectAlike(asked, part, anew as Allocator, known as Allocator, keeping.rates)
  })

  test('are searched anew under reserves, and where an ad bids nothing', async () => {
    const terms = { bidding: 'None', objective: settings.objective } as const
    const [anew, known] = [searching, keeping].map((opened) => opened.allocatorFor(terms))
    const reserved = request({ adReserves: Float64Array.of(1, 1, 1) })
    const vectors = [Float64Array.of(2, 3, 4), Float64Array.of(2, 0.5, 4)]
    await expectAlike(reserved, vectors, anew as Allocator, known as Allocator, keeping.rates)
    await expectAlike(request(), [Float64Array.of(0, 3, 4)], anew as Allocator, known as Allocator, keeping.rates)
  })
})

async function expectAlike(
  asked: AuctionRequest,
  bids: Float64Array[],
  anew: Allocator,
  known: Allocator,
  rates: OpenedEga['rates'],
) {
  const [expected, found] = await Promise.all([anew.underBids(asked, bids), known.underBids(asked, bids)])
  const priceOf = async (allocations: readonly Allocation[]) => {
    const lists = allocations.map((allocation, index) => ({
      request: { ...asked, bids: bids[index] as Float64Array },
      allocation,
    }))
    return payments('PaymentNetwork', await withRates(lists, rates))
  }
  const [prices, ours] = await Promise.all([priceOf(expected), priceOf(found)])
  found.forEach(({ lists, chosen }, index) => {
    const { lists: wanted, chosen: best } = expected[index] as Allocation
    expect(chosen).toBe(best)
    expect([...lists.candidate]).toEqual([...wanted.candidate])
    lists.reward.forEach((reward, row) => {
      expect(reward).toBeCloseTo(wanted.reward[row] ?? Number.NaN, 4)
    })
    ours[index]?.forEach((price, slot) => {
      expect(price).toBeCloseTo(prices[index]?.[slot] ?? Number.NaN, 4)
    })
  })
}
