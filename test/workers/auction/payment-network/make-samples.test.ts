import { describe, expect, test } from 'vitest'
import type { Allocator, AuctionRequest } from '../../../../workers/auction/auction.ts'
import { makeSamples } from '../../../../workers/auction/payment-network/make-samples.ts'
import { checkSamples, misreportFactors, truthfulFactor } from '../../../../workers/auction/payment-network/samples.ts'
import { rankingAllocator } from '../../../../workers/auction/ranking-allocator.ts'
import { requestOf } from '../support.ts'

const vectors = Float32Array.from({ length: 40 }, (_, index) => index)
const options = {
  listLength: 3,
  bidUnit: 2,
  values: { draws: 1, deviation: 0 },
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

describe('samples of a payment network', () => {
  test('are all listed ads and so many others, each under all misreports, with every list decoded anew', async () => {
    const allocator = counting(ranking)
    const samples = await makeSamples([request], allocator, options)
    checkSamples(shape, samples)
    expect(samples).toMatchObject({ count: 3, variants: 10, truth: truthfulFactor })
    // Truth is known already.
    expect(allocator.asked.requests).toBe(1)
    expect(allocator.asked.bids).toHaveLength(3 * 9)
    expect(Array.from(samples.value.subarray(0, 2))).toEqual([4, 2])
    for (let variant = 0; variant < 10; variant++)
      expect(samples.bid[variant]).toBeCloseTo(4 * misreportFactors[variant], 6)
    expect(Array.from(samples.vector)).toEqual([7, 5, samples.vector[20]].flatMap((item) => new Array(10).fill(item)))
  })

  test('tell where each bid brings its ad, and what the others of that list bid', async () => {
    const samples = await makeSamples([request], ranking, options)
    // The ad that bids 8: 1.6 is below 4 and 2; 3.2 is second; from 4.8 on it is first.
    expect(Array.from(samples.slot.subarray(0, 10))).toEqual([-1, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    expect(Array.from(samples.exposure.subarray(0, 10))).toEqual([0, 1, 1, 1, 1, 1, 1, 1, 1, 1])
    expect(samples.pCtr[1]).toBeCloseTo(0.05, 6)
    expect(samples.pCtr[truthfulFactor]).toBeCloseTo(0.1, 6)
    const others = (variant: number) => Array.from(samples.otherBids.subarray(variant * 2, variant * 2 + 2))
    expect(others(0)).toEqual([0, 0])
    // Second behind the 4; the third slot is none.
    expect(others(1)).toEqual([2, 0])
    expect(others(truthfulFactor)).toEqual([2, 0])
  })

  test('are of as many draws of values as are asked, around the bids', async () => {
    const values = { draws: 3, deviation: 0.5 }
    const samples = await makeSamples([request], ranking, { ...options, losers: 0, values })
    expect(samples.count).toBe(6)
    expect(new Set(samples.value).size).toBe(6)
    for (let sample = 0; sample < samples.count; sample++)
      expect(samples.bid[sample * 10 + truthfulFactor]).toBeCloseTo(samples.value[sample], 6)
  })

  test('follow from the seed, whatever requests come after', async () => {
    const values = { draws: 2, deviation: 0.5 }
    const one = await makeSamples([request], ranking, { ...options, values })
    const both = await makeSamples([request, request], ranking, { ...options, values })
    expect(both.value.subarray(0, one.count)).toEqual(one.value)
    const other = await makeSamples([request], ranking, { ...options, values, seed: 2 })
    expect(other.value).not.toEqual(one.value)
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
