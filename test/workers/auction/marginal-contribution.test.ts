import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Allocation, AuctionRequest } from '../../../workers/auction/auction.ts'
import { bestWithout, marginalContributions, withoutCandidate } from '../../../workers/auction/marginal-contribution.ts'
import { rankingAllocator } from '../../../workers/auction/ranking-allocator.ts'
import { requestOf } from './support.ts'

/** Lists of candidates with their rewards, the first one shown. */
const allocationOf = (lists: readonly (readonly number[])[], rewards: readonly number[]): Allocation => {
  const slots = lists[0]?.length ?? 0
  const cells = new Float32Array(lists.length * slots)
  return {
    chosen: 0,
    lists: {
      count: lists.length,
      slots,
      candidate: Int32Array.from(lists.flat()),
      creative: new Int32Array(cells.length).fill(-1),
      logZ: cells,
      pCtr: cells,
      pCtrCreative: cells,
      pCvr: cells,
      reward: Float32Array.from(rewards),
    },
  }
}

const none = { allocate: async (requests: readonly AuctionRequest[]) => requests.map(() => allocationOf([], [])) }

describe('the marginal contribution of an entry', () => {
  const request = requestOf([4, 3, 2], 2)

  test('is what the best list without it is worse by', async () => {
    const allocation = allocationOf(
      [
        [0, 1],
        [0, 2],
        [1, 2],
      ],
      [10, 8, 7],
    )
    const [found] = await marginalContributions([request], [allocation], none, { withoutAd: 'Lists' })
    expect(Array.from(found)).toEqual([10 - 7, 10 - 8])
    expect(bestWithout(allocation, 2)).toBe(10)
  })

  test('is 0 for an entry with an equally good replacement', async () => {
    const allocation = allocationOf(
      [
        [0, 1],
        [0, 2],
        [2, 1],
      ],
      [10, 10, 4],
    )
    const [found] = await marginalContributions([request], [allocation], none, { withoutAd: 'Lists' })
    expect(Array.from(found)).toEqual([6, 0])
  })

  test('is 0 at the empty slots of a short list', async () => {
    const [found] = await marginalContributions(
      [request],
      [
        allocationOf(
          [
            [0, -1],
            [1, -1],
          ],
          [5, 2],
        ),
      ],
      none,
      { withoutAd: 'Lists' },
    )
    expect(Array.from(found)).toEqual([3, 0])
  })

  test('is searched anew where all lists have the entry, and is the whole reward where nothing is left', async () => {
    const asked: AuctionRequest[] = []
    const allocator = {
      allocate: async (requests: readonly AuctionRequest[]) => {
        asked.push(...requests)
        return requests.map(() => allocationOf([[0]], [3]))
      },
    }
    const only = allocationOf([[0, 1]], [10])
    const [found] = await marginalContributions([request], [only], allocator, { withoutAd: 'Lists' })
    expect(Array.from(found)).toEqual([7, 7])
    expect(asked.map(({ bids }) => Array.from(bids))).toEqual([
      [3, 2],
      [4, 2],
    ])
    const [alone] = await marginalContributions([request], [only], none, { withoutAd: 'Lists' })
    expect(Array.from(alone)).toEqual([10, 10])
  })

  test('of a welfare-maximising allocation is the same searched or not, and never negative', async () => {
    const allocator = rankingAllocator({ quality: ({ bids }) => bids.map(() => 0.1), exposure: [1, 0.5] })
    const bidsOf = fc.array(fc.double({ min: 0.01, max: 10, noNaN: true }), { minLength: 1, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(bidsOf, async (bids) => {
        const asked = requestOf(bids, 2)
        const allocations = await allocator.allocate([asked])
        const [read] = await marginalContributions([asked], allocations, allocator, { withoutAd: 'Lists' })
        const [searched] = await marginalContributions([asked], allocations, allocator, { withoutAd: 'Search' })
        for (const [slot, value] of read.entries()) {
          expect(value).toBeCloseTo(searched[slot], 5)
          expect(value).toBeGreaterThanOrEqual(-1e-6)
        }
      }),
      { numRuns: 30 },
    )
  })
})

describe('a request without one of its candidates', () => {
  const request = requestOf([4, 3], 2, {
    organic: Uint32Array.of(90, 91),
    adReserves: Float64Array.of(1, 2),
    creatives: [Uint32Array.of(7), undefined],
  })

  test('lacks an ad in everything that is told by ad', () => {
    const left = withoutCandidate(request, 0)
    expect(left).toMatchObject({
      ads: request.ads.subarray(1),
      bids: Float64Array.of(3),
      advertisers: request.advertisers.subarray(1),
      adReserves: Float64Array.of(2),
      creatives: [undefined],
      organic: request.organic,
    })
  })

  test('or an organic item, with the order of the others', () => {
    expect(withoutCandidate(request, 2)).toEqual({ ...request, organic: Uint32Array.of(91) })
  })
})
