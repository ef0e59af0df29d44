import { describe, expect, test } from 'vitest'
import type { Allocation, Allocator, AuctionRequest } from '../../../../workers/auction/auction.ts'
import { makeSamples } from '../../../../workers/auction/payment-network/make-samples.ts'
import { checkSamples } from '../../../../workers/auction/payment-network/samples.ts'
import { rankingAllocator } from '../../../../workers/auction/ranking-allocator.ts'
import { requestOf } from '../support.ts'

const vectors = Float32Array.from({ length: 40 }, (_, index) => index)
const options = {
  listLength: 3,
  bidUnit: 2,
  values: { draws: 1, deviation: 0 },
  misreports: 'Published' as const,
  losers: 1,
  seed: 1,
  vectors,
}
const shape = { listLength: 3, itemDimensions: 4, hidden: [4], seesOwnBid: false, price: 'Rate' as const }

/** Counts what it is asked. */
function counting(allocator: Allocator) {
  const asked = { requests: 0, bids: [] as Float64Array[] }
  return {
    asked,
    allocate: (requests: readonly AuctionRequest[]) => {
      asked.requests += requests.length
      return allocator.allocate(requests)
    },
    underBids: (request: AuctionRequest, bids: readonly Float64Array[]) => {
      asked.bids.push(...bids)
      return allocator.underBids(request, bids)
    },
  }
}

const ranking = rankingAllocator({ quality: () => [0.1, 0.1, 0.1, 0.1], exposure: [1, 0.5] })
const request = requestOf([8, 4, 2, 1], 2, { ads: Uint32Array.of(7, 5, 3, 1) })

/** Of the bids, truth first. */
const factors = [1, 0.2, 0.4, 0.6, 0.8, 1.2, 1.4, 1.6, 1.8, 2]

describe('samples of a payment network', () => {
  test('are all listed ads and so many others, each under all misreports, with every list decoded anew', async () => {
    const allocator = counting(ranking)
    const samples = await makeSamples([request], allocator, options)
    checkSamples(shape, samples)
    expect(samples).toMatchObject({ count: 3, variants: 10, truth: 0 })
    // Truth is asked for once.
    expect(allocator.asked.bids).toHaveLength(1 + 3 * 9)
    expect(Array.from(samples.value.subarray(0, 20))).toEqual([4, 2].flatMap((value) => new Array(10).fill(value)))
    for (let variant = 0; variant < 10; variant++) expect(samples.bid[variant]).toBeCloseTo(4 * factors[variant], 6)
    expect(Array.from(samples.vector)).toEqual([7, 5, samples.vector[20]].flatMap((item) => new Array(10).fill(item)))
  })

  test('tell where each bid brings its ad, and what the others of that list bid', async () => {
    const samples = await makeSamples([request], ranking, options)
    // The ad that bids 8: 1.6 is below 4 and 2; 3.2 is second; from 4.8 on it is first.
    expect(Array.from(samples.slot.subarray(0, 10))).toEqual([0, -1, 1, 0, 0, 0, 0, 0, 0, 0])
    expect(Array.from(samples.exposure.subarray(0, 10))).toEqual([1, 0, 1, 1, 1, 1, 1, 1, 1, 1])
    expect(samples.pCtr[2]).toBeCloseTo(0.05, 6)
    expect(samples.pCtr[0]).toBeCloseTo(0.1, 6)
    const others = (variant: number) => Array.from(samples.otherBids.subarray(variant * 2, variant * 2 + 2))
    expect(others(1)).toEqual([0, 0])
    // Second behind the 4; the third slot is none.
    expect(others(2)).toEqual([2, 0])
    expect(others(0)).toEqual([2, 0])
  })

  test('are of as many draws of values as are asked, around the bids', async () => {
    const values = { draws: 3, deviation: 0.5 }
    const samples = await makeSamples([request], ranking, { ...options, losers: 0, values })
    expect(samples.count).toBe(6)
    expect(new Set(samples.value).size).toBe(6)
    for (let sample = 0; sample < samples.count; sample++)
      expect(samples.bid[sample * 10]).toBeCloseTo(samples.value[sample * 10], 6)
  })

  test('follow from the seed, whatever requests come after', async () => {
    const values = { draws: 2, deviation: 0.5 }
    const one = await makeSamples([request], ranking, { ...options, values })
    const both = await makeSamples([request, request], ranking, { ...options, values })
    expect(both.value.subarray(0, one.value.length)).toEqual(one.value)
    const other = await makeSamples([request], ranking, { ...options, values, seed: 2 })
    expect(other.value).not.toEqual(one.value)
  })

  test('are of advertisers where these bid, each with all of its ads under one multiplier', async () => {
    const advertised = { ...request, bids: Float64Array.of(8, 4, 3, 1), advertisers: Uint32Array.of(0, 1, 0, 2) }
    const ofAdvertisers = async (given: AuctionRequest): Promise<Allocation[]> =>
      (await ranking.allocate([given])).map(({ lists, chosen }) => ({
        lists: { ...lists, bidder: 'Advertiser' as const },
        chosen,
      }))
    const asked: Float64Array[] = []
    const allocator: Allocator = {
      allocate: async (requests) => (await Promise.all(requests.map(ofAdvertisers))).flat(),
      underBids: async (given, bids) => {
        asked.push(...bids)
        return (await Promise.all(bids.map((each) => ofAdvertisers({ ...given, bids: each })))).flat()
      },
    }
    const samples = await makeSamples([advertised], allocator, { ...options, losers: 0 })
    checkSamples(shape, samples)
    // The ads of 8 and 3 are one bidder's, the ad of 4 another's, the ad of 1 is not listed; twice the bids list both of them.
    expect(samples).toMatchObject({ count: 2, variants: 10, ads: 2 })
    expect(asked[1]).toEqual(Float64Array.of(0.2 * 8, 4, 0.2 * 3, 1))
    const slots = (variant: number) => Array.from(samples.slot.subarray(variant * 2, variant * 2 + 2))
    expect(slots(1)).toEqual([1, -1])
    expect(slots(0)).toEqual([0, -1])
    expect(slots(9)).toEqual([0, 1])
    expect(Array.from(samples.value.subarray(18, 20))).toEqual([4, 1.5])
    // What the first keeps the other from, not what it keeps itself from: 4 in the first slot instead of the second, over 0.1.
    expect(samples.pivotPrice[0]).toBeCloseTo((0.1 * 4 - 0.05 * 4) / 0.1 / 2, 5)
  })

  test('report every request', async () => {
    const done: number[] = []
    await makeSamples([request, request], ranking, {
      ...options,
      onRequest: async (count) => void done.push(count),
    })
    expect(done).toEqual([1, 2])
  })
})
