import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Allocation, AuctionRequest } from '../../../../workers/auction/auction.ts'
import { listedAds } from '../../../../workers/auction/chosen-list.ts'
import { payments } from '../../../../workers/auction/payments/payments.ts'
import { pivotPrice } from '../../../../workers/auction/pivot-price.ts'
import { type OpenedOneRanker, openedOneRanker } from '../../../../workers/decoding/one-ranker/open-one-ranker.ts'
import { bidUnit, organicValue, requestOf, tinyOneRanker } from './tiny-model.ts'

const sizes = { threads: 1, maxBatch: 4 }
let opened: OpenedOneRanker
beforeAll(async () => {
  opened = await openedOneRanker(tinyOneRanker(), sizes)
})
afterAll(() => opened.release())

const shown = ({ lists, chosen }: Allocation): number[] =>
  Array.from(lists.candidate.subarray(chosen * lists.slots, (chosen + 1) * lists.slots))

const rounded = (allocation: Allocation) => ({
  candidates: Array.from(allocation.lists.candidate),
  creatives: Array.from(allocation.lists.creative),
  reward: Array.from(allocation.lists.reward, (value) => value.toFixed(4)),
  rate: Array.from(allocation.paymentRate ?? [], (value) => value.toFixed(4)),
  least: Array.from(allocation.leastBids?.ofSlot ?? [], (value) => value.toFixed(4)),
})

/** Qualities of the candidates, straight from the ranker. */
const qualitiesOf = async (request: AuctionRequest): Promise<Float32Array> => {
  const { ads, organic } = request
  const { ranked } = opened
  const items = Uint32Array.of(...ads, ...organic)
  const isAd = Uint8Array.from(items, (_, candidate) => Number(candidate < ads.length))
  return (await ranked.ranker.rank([{ history: ranked.historyOf(request), items, isAd }]))[0]
}

describe('an allocation of OneRanker', () => {
  test('is the merged order of quality times value', async () => {
    const request = requestOf()
    const qualities = await qualitiesOf(request)
    const worthOf = (candidate: number) => (candidate < 5 ? request.bids[candidate] / bidUnit : organicValue)
    const scores = Array.from(qualities, (quality, candidate) => quality + Math.log(worthOf(candidate)))
    const byScore = (one: number, other: number) => scores[other] - scores[one]
    const ads = [0, 1, 2, 3, 4].sort(byScore)
    const others = [5, 6, 7]
    const expected: number[] = []
    while (expected.length < 4) {
      const takesAd = others.length === 0 || scores[ads[0]] >= scores[others[0]]
      expected.push((takesAd ? ads : others).shift() as number)
    }
    const [allocation] = await opened.allocator.allocate([request])
    expect(shown(allocation)).toEqual(expected)
    expect(new Set(expected.map((candidate) => candidate < 5))).toEqual(new Set([true, false]))
    const sum = scores.reduce((total, score) => total + Math.exp(score), 0)
    for (const [slot, candidate] of expected.entries())
      expect(allocation.lists.logZ[slot]).toBeCloseTo(scores[candidate] - Math.log(sum), 4)
  })

  test('stands beside the lists without each of its ads, all judged by the reward model', async () => {
    const request = requestOf({ constraints: { maxAds: 2, minGap: 1, maxPerAdvertiser: 1 } })
    const [{ lists }] = await opened.allocator.allocate([request])
    const ads = listedAds(request, { lists, chosen: 0 })
    expect(ads).toHaveLength(2)
    expect(lists.count).toBe(3)
    const scorer = await opened.openScorer(1)
    const items = [...request.ads, ...request.organic]
    for (let row = 0; row < 3; row++) {
      const candidates = Array.from(lists.candidate.subarray(row * 4, row * 4 + 4))
      if (row > 0) expect(candidates).not.toContain(ads[row - 1].ad)
      const [judged] = await scorer.score([
        {
          history: request.history,
          items: Uint32Array.from(candidates, (candidate) => items[candidate]),
          creatives: lists.creative.slice(row * 4, row * 4 + 4),
          isAd: Uint8Array.from(candidates, (candidate) => Number(candidate < 5)),
        },
      ])
      for (let slot = 0; slot < 4; slot++) expect(lists.pCtr[row * 4 + slot]).toBeCloseTo(judged.pCtr[slot], 6)
      const worth = candidates.reduce(
        (sum, candidate, slot) =>
          sum + judged.pCtr[slot] * (candidate < 5 ? request.bids[candidate] : organicValue * bidUnit),
        0,
      )
      expect(lists.reward[row]).toBeCloseTo(worth, 4)
    }
    await scorer.release()
  })

  test('shows each item in the creative that most would click, of those that may be shown', async () => {
    const request = requestOf()
    const scorer = await opened.openScorer(1)
    const clicks = async (item: number, creative: number, isAd: number) => {
      const list = { history: request.history, items: Uint32Array.of(item), creatives: Int32Array.of(creative) }
      const [{ pCtrCreative }] = await scorer.score([{ ...list, isAd: Uint8Array.of(isAd) }])
      return pCtrCreative?.[0] ?? 0
    }
    const [{ lists }] = await opened.allocator.allocate([request])
    const items = [...request.ads, ...request.organic]
    for (const [slot, candidate] of shown({ lists, chosen: 0 }).entries()) {
      const item = items[candidate]
      const isAd = Number(candidate < 5)
      const [first, second] = [await clicks(item, 2 * item, isAd), await clicks(item, 2 * item + 1, isAd)]
      expect(lists.creative[slot]).toBe(2 * item + Number(second > first))
    }
    const other = lists.creative[0] ^ 1
    const listed = lists.candidate[0]
    const creatives = Array.from(request.ads, (_, ad) => (ad === listed ? Uint32Array.of(other) : undefined))
    const [bound] = await opened.allocator.allocate([requestOf({ creatives })])
    if (listed < 5) expect(bound.lists.creative[0]).toBe(other)
    await scorer.release()
  })

  test('answers other bids as it would the requests themselves, without another run of the model', async () => {
    const request = requestOf()
    const [before] = await opened.allocator.allocate([request])
    const runs = { ...opened.ranked.ranker.runs }
    const bids = [0, 1, 1e4].map((bid) => request.bids.with(2, bid))
    const found = await opened.allocator.underBids(request, [...bids, request.bids])
    expect(opened.ranked.ranker.runs).toEqual(runs)
    for (const [index, each] of bids.entries()) {
      const [asked] = await opened.allocator.allocate([requestOf({ bids: each })])
      expect(rounded(found[index])).toEqual(rounded(asked))
    }
    expect(rounded(found[3])).toEqual(rounded(before))
    expect(shown(found[2])[0]).toBe(2)
    expect(shown(found[0]).indexOf(2)).not.toBe(0)
  })

  test('tells what share the listed would have under other bids, while the list stays', async () => {
    const { allocatorFor } = opened
    const allocator = allocatorFor(opened.terms)
    const request = requestOf()
    const [truth] = await allocator.allocate([request])
    const [listed] = listedAds(request, truth)
    const bids = [1, 2].map((factor) => request.bids.with(listed.ad, factor * request.bids[listed.ad]))
    const [same, doubled] = await allocator.logShares(request, truth, bids)
    expect([...same].map((share) => share.toFixed(4))).toEqual(
      [...truth.lists.logZ.subarray(0, 4)].map((share) => share.toFixed(4)),
    )
    const share = Math.exp(same[listed.slot])
    // Twice the bid is twice the weight in the softmax.
    expect(Math.exp(doubled[listed.slot])).toBeCloseTo((2 * share) / (1 + share), 4)
  })

  test('is the same alone and among others', async () => {
    const others = [
      requestOf({ history: new Uint32Array() }),
      requestOf({ slots: 2 }),
      requestOf({ ads: new Uint32Array(), bids: new Float64Array(), advertisers: new Uint32Array() }),
      requestOf({ organic: new Uint32Array() }),
    ]
    const together = await opened.allocator.allocate([requestOf(), ...others])
    for (const [index, request] of [requestOf(), ...others].entries()) {
      const [alone] = await opened.allocator.allocate([{ ...request, history: request.history.slice() }])
      expect(rounded(together[index])).toEqual(rounded(alone))
    }
    expect(shown(together[3])).toEqual([0, 1, 2, -1])
    expect(await opened.allocator.allocate([])).toEqual([])
  })

  test('heeds another objective: organic items that are worth more go before ads', async () => {
    const objective = (organic: number) => ({ bidding: 'None' as const, objective: { conversion: 0, organic } })
    const [poor] = await opened.allocatorFor(objective(0)).allocate([requestOf()])
    const [rich] = await opened.allocatorFor(objective(1000)).allocate([requestOf()])
    expect(shown(rich).slice(0, 3)).toEqual([5, 6, 7])
    expect(shown(poor)).not.toEqual(shown(rich))
  })
})

describe('prices of OneRanker', () => {
  test('are between 0 and the bid by every rule', async () => {
    const request = requestOf()
    const allocation = (await opened.allocator.allocate([request]))[0]
    for (const rule of ['GSP', 'VCG', 'FirstPrice', 'CriticalBid', 'PaymentNetwork'] as const) {
      const [prices] = await payments(rule, [{ request, allocation }], { allocator: opened.allocator })
      for (const { slot, ad } of listedAds(request, allocation)) {
        expect(prices[slot]).toBeGreaterThanOrEqual(0)
        expect(prices[slot]).toBeLessThanOrEqual(request.bids[ad])
      }
    }
  })

  test('of GSP and of the critical bid are what an ad has to bid, and no bid less', async () => {
    const request = requestOf({ constraints: { maxAds: 2, minGap: 0, maxPerAdvertiser: 1 }, slots: 3 })
    const allocation = (await opened.allocator.allocate([request]))[0]
    const [gsp] = await payments('GSP', [{ request, allocation }])
    const [critical] = await payments('CriticalBid', [{ request, allocation }])
    const slotUnder = async (ad: number, bid: number) => {
      const [found] = await opened.allocator.underBids(request, [request.bids.with(ad, bid)])
      return shown(found).indexOf(ad)
    }
    for (const { slot, ad } of listedAds(request, allocation)) {
      expect(await slotUnder(ad, gsp[slot] * 1.001)).toBe(slot)
      expect(await slotUnder(ad, gsp[slot] * 0.999)).not.toBe(slot)
      expect(await slotUnder(ad, critical[slot] * 1.001)).toBeGreaterThanOrEqual(0)
      expect(await slotUnder(ad, critical[slot] * 0.999)).toBe(-1)
    }
  })

  test('of a network are shares of the bids', async () => {
    const [allocation] = await opened.allocator.allocate([requestOf({ slots: 3 })])
    expect(allocation.paymentRate).toHaveLength(3)
    for (const [slot, candidate] of shown(allocation).entries()) {
      const rate = allocation.paymentRate?.[slot] ?? -1
      expect(candidate < 5 ? rate > 0 && rate < 1 : rate === 0).toBe(true)
    }
  })

  test('of a network of thresholds that has learned nothing yet are what the others lose', async () => {
    const other = await openedOneRanker(tinyOneRanker({ price: 'Threshold' }), sizes)
    const request = requestOf({ slots: 3 })
    const [allocation] = await other.allocator.allocate([request])
    const listed = listedAds(request, allocation)
    expect(listed.length).toBeGreaterThan(1)
    for (const { slot, ad } of listed) {
      const price = (allocation.paymentRate?.[slot] ?? 0) * request.bids[ad]
      // Nothing is told apart below a hundredth of the mean bid.
      const pivot = Math.max(0.01 * bidUnit, pivotPrice(request, allocation, ad))
      expect(price / Math.min(request.bids[ad], pivot)).toBeCloseTo(1, 1)
    }
    await other.release()
  })
})

describe('of more ads than step 3 ranks', () => {
  test('those with the best value scores are ranked, as by themselves', async () => {
    const few = await openedOneRanker(tinyOneRanker({ auction: { candidates: 2 } }), sizes)
    const request = requestOf()
    const [allocation] = await few.allocator.allocate([request])
    const users = await few.ranked.ranker.encode([few.ranked.historyOf(request)])
    const [{ value }] = await few.ranked.generatorScores(users, [request.ads])
    const best = [0, 1, 2, 3, 4].sort((one, other) => (value?.[other] ?? 0) - (value?.[one] ?? 0)).slice(0, 2)
    const listed = new Set(Array.from(allocation.lists.candidate).filter((each) => each >= 0 && each < 5))
    expect([...listed].every((ad) => best.includes(ad))).toBe(true)
    const kept = (column: ArrayLike<number>) => best.toSorted().map((ad) => column[ad])
    const [alone] = await opened.allocator.allocate([
      requestOf({
        ads: Uint32Array.from(kept(request.ads)),
        bids: Float64Array.from(kept(request.bids)),
        advertisers: Uint32Array.from(kept(request.advertisers)),
      }),
    ])
    const itemsOf = ({ ads, organic }: AuctionRequest, found: Allocation) =>
      shown(found).map((each) => (each < ads.length ? ads[each] : organic[each - ads.length]))
    const asked = requestOf({ ads: Uint32Array.from(kept(request.ads)) })
    expect(itemsOf(request, allocation)).toEqual(itemsOf(asked, alone))
    await few.release()
  })
})

test.each([
  ['step 2 alone', { ranking: false }],
  ['step 1 alone', { ranking: false, refinement: false }],
])('a model of %s ranks by what it generates', async (_, shape) => {
  const other = await openedOneRanker(tinyOneRanker({ shape }), sizes)
  const [allocation] = await other.allocator.allocate([requestOf()])
  expect(shown(allocation).every((candidate) => candidate >= 0)).toBe(true)
  await other.prepare([requestOf()])
  await other.release()
})

test('a model that only judges allocates nothing, and says so', async () => {
  await expect(openedOneRanker(tinyOneRanker({ isJudge: true }), sizes)).rejects.toThrow('has no ranker')
})
