import { describe, expect, test } from 'vitest'
import type { Allocation, AuctionRequest } from '../../../../workers/auction/auction.ts'
import { payments } from '../../../../workers/auction/payments/payments.ts'
import { vcgPrices } from '../../../../workers/auction/payments/vcg.ts'
import type { ListRewards, RewardList } from '../../../../workers/auction/reward-model/scorer.ts'
import { CascadeAllocator } from '../../../../workers/decoding/auction/cascade-allocator.ts'
import { requestOf } from '../../auction/support.ts'

/** pCTR of the click model by item. */
const quality = (item: number): number => 0.01 * (item + 1)

/** Recalls every ad of the request as a list of one; the later ads are the likelier ones. */
const recaller = {
  asked: [] as AuctionRequest[],
  allocate: async (requests: readonly AuctionRequest[]): Promise<Allocation[]> => {
    recaller.asked.push(...requests)
    return requests.map(({ ads }) => ({
      chosen: 0,
      lists: {
        count: ads.length,
        slots: 1,
        candidate: Int32Array.from(ads, (_, ad) => ad),
        creative: Int32Array.from(ads, (item) => 100 + item),
        logZ: Float32Array.from(ads, (_, ad) => ad - 10),
        pCtr: Float32Array.from(ads, (item) => quality(item)),
        pCtrCreative: new Float32Array(ads.length),
        pCvr: new Float32Array(ads.length),
        reward: new Float32Array(ads.length),
      },
    }))
  },
}

const score = async (lists: readonly RewardList[]): Promise<ListRewards[]> =>
  lists.map(({ items }) => ({
    pCtr: Float64Array.from(items, quality),
    pCvr: new Float64Array(items.length).fill(0.5),
  })) as unknown as ListRewards[]

const equally = (allocations: readonly Allocation[]): Allocation[] =>
  allocations.map((each) => ({ ...each, lists: { ...each.lists, pCtr: each.lists.pCtr.map(() => 0.1) } }))

const allocatorOf = (recalled = 10, objective = { conversion: 0, organic: 0 }) =>
  new CascadeAllocator({ recaller, score, objective, recalled, bidUnit: 1 })

const request = requestOf([1, 1, 1, 5], 4, {
  ads: Uint32Array.of(0, 1, 2, 3),
  advertisers: Uint32Array.of(0, 1, 1, 2),
  organic: Uint32Array.of(30, 31, 32),
  constraints: { maxAds: 2, minGap: 1, maxPerAdvertiser: 1 },
})
const shown = ({ lists, chosen }: Allocation): number[] =>
  Array.from(lists.candidate.subarray(chosen * lists.slots, (chosen + 1) * lists.slots))

describe('a cascade', () => {
  test('ranks recalled ads by bid times pCTR into the slots that the constraints allow', async () => {
    const [allocation] = await allocatorOf().allocate([request])
    // Ad 3 first, an organic item for the gap, then ad 2; ad 1 is of the same advertiser, and two ads are all.
    expect(shown(allocation)).toEqual([3, 4, 2, 5])
    expect(allocation.lists.creative[0]).toBe(103)
    expect(allocation.lists.reward[0]).toBeCloseTo(5 * 0.04 + 1 * 0.03, 6)
  })

  test('ranks no ad that recall leaves out, whatever it bids', async () => {
    const asked = { ...request, bids: Float64Array.of(1000, 1, 1, 1) }
    expect(shown((await allocatorOf(10).allocate([asked]))[0])[0]).toBe(0)
    expect(shown((await allocatorOf(3).allocate([asked]))[0])).not.toContain(0)
  })

  test('puts beside it the list of those behind, which GSP asks for', async () => {
    const [{ lists }] = await allocatorOf().allocate([request])
    expect(lists.count).toBe(2)
    const behind = Array.from(lists.candidate.subarray(4, 8)).filter((candidate) => candidate < 4)
    expect(behind).toEqual([1, 0])
  })

  test('scores the lists without each ad when they are asked for alone, and once', async () => {
    const sizes: number[] = []
    const counting = (lists: readonly RewardList[]) => {
      sizes.push(lists.length)
      return score(lists)
    }
    const options = { recaller, objective: { conversion: 0, organic: 0 }, recalled: 10, bidUnit: 1 }
    const allocator = new CascadeAllocator({ ...options, score: counting })
    const allocations = await allocator.allocate([request, { ...request, slots: 3 }])
    for (const rule of ['GSP', 'FirstPrice'] as const)
      await payments(
        rule,
        allocations.map((allocation) => ({ request, allocation })),
        { allocator },
      )
    expect(sizes).toEqual([4])
    const [{ withoutEach }] = allocations
    const [without, again] = [await withoutEach?.(), await withoutEach?.()]
    expect(sizes).toEqual([4, 2])
    expect(again).toBe(without)
    const rows = [0, 1].map((row) => Array.from(without?.candidate.subarray(row * 4, (row + 1) * 4) ?? []))
    // Without ad 3, then without ad 2, whose advertiser has ad 1 for it.
    expect(rows).toEqual([
      [2, 4, 0, 5],
      [3, 4, 1, 5],
    ])
    expect(without?.reward[0]).toBeCloseTo(0.03 + 0.01, 6)
  })

  test('is priced by VCG at what the others lose', async () => {
    const same = async (lists: readonly RewardList[]): Promise<ListRewards[]> =>
      lists.map(({ items }) => ({ pCtr: new Float64Array(items.length).fill(0.1) })) as unknown as ListRewards[]
    const options = { recaller, score: same, objective: { conversion: 0, organic: 0 }, recalled: 10, bidUnit: 1 }
    const equal = { allocate: (requests: readonly AuctionRequest[]) => recaller.allocate(requests).then(equally) }
    const allocator = new CascadeAllocator({ ...options, recaller: equal })
    const asked = requestOf([3, 2, 1], 2, { ads: Uint32Array.of(0, 1, 2), advertisers: Uint32Array.of(0, 1, 2) })
    const [allocation] = await allocator.allocate([asked])
    const [prices] = await vcgPrices([{ request: asked, allocation }], { allocator })
    expect(prices[0]).toBeCloseTo(1, 6)
    expect(prices[1]).toBeCloseTo(1, 6)
  })

  test('keeps ads out that bid below a reserve', async () => {
    const [allocation] = await allocatorOf().allocate([{ ...request, slotReserves: Float64Array.of(6, 0, 0, 0) }])
    expect(shown(allocation)).toEqual([4, 3, 5, 2])
  })

  test('recalls once for all questions about a page view where it may keep it', async () => {
    const options = { recaller, score, objective: { conversion: 0, organic: 0 }, recalled: 10, bidUnit: 1 }
    for (const [keepsRecall, recalls] of [
      [false, 3],
      [true, 2],
    ] as const) {
      recaller.asked.length = 0
      const allocator = new CascadeAllocator({ ...options, keepsRecall })
      const [{ lists: first }] = await allocator.underBids(request, [request.bids])
      const [{ lists: again }] = await allocator.underBids({ ...request, bids: request.bids.slice() }, [request.bids])
      expect(again).toEqual(first)
      await allocator.underBids({ ...request, slots: 2 }, [request.bids])
      expect(recaller.asked).toHaveLength(recalls)
    }
  })

  test('recalls once for all misreports of a request, bids and reserves aside', async () => {
    recaller.asked.length = 0
    const bids = [Float64Array.of(9, 1, 1, 1), Float64Array.of(1, 9, 1, 1)]
    const found = await allocatorOf().underBids({ ...request, slotReserves: Float64Array.of(2, 0, 0, 0) }, bids)
    expect(found.map((each) => shown(each)[0])).toEqual([0, 1])
    expect(recaller.asked).toHaveLength(1)
    expect(recaller.asked[0]).toMatchObject({ slots: 1 })
    expect(recaller.asked[0]).not.toHaveProperty('slotReserves')
  })

  test('values conversions and organic clicks as the objective does', async () => {
    const objective = { conversion: 2, organic: 0.5 }
    const [{ lists }] = await allocatorOf(10, objective).allocate([request])
    const expected =
      0.04 * (5 + 2 * 0.5) + quality(30) * (0.5 + 2 * 0.5) + 0.03 * (1 + 2 * 0.5) + quality(31) * (0.5 + 2 * 0.5)
    expect(lists.reward[0]).toBeCloseTo(expected, 5)
  })
})
