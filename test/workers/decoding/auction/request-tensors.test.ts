import { describe, expect, test } from 'vitest'
import { type AuctionRequest, unconstrained } from '../../../../workers/auction/auction.ts'
import type { TokenBidding } from '../../../../workers/auction/token-bids.ts'
import { allocationsOf } from '../../../../workers/decoding/auction/allocations.ts'
import { searchesOf, searchTensors } from '../../../../workers/decoding/auction/bid-tensors.ts'
import {
  candidateTensors,
  capacityFor,
  prepareRequest,
  requestInputs,
} from '../../../../workers/decoding/auction/request-tensors.ts'
import { noReward } from '../../../../workers/decoding/auction/reward-judge.ts'
import { float32, int32, type Tensors } from '../../../../workers/tensor/session.ts'
import { smallCatalogue } from '../../ranker/ega/small-generator.ts'

const { items: catalogue } = smallCatalogue(200)
const request = (changes: Partial<AuctionRequest> = {}): AuctionRequest => ({
  history: new Uint32Array(),
  ads: Uint32Array.of(1, 5),
  bids: Float64Array.of(4, 2),
  advertisers: Uint32Array.of(3, 4),
  organic: Uint32Array.of(20, 21, 22),
  slots: 2,
  constraints: unconstrained,
  ...changes,
})
const numbers = (tensors: Tensors, name: string, count = Number.POSITIVE_INFINITY): number[] =>
  Array.from(tensors[name].data as Float32Array).slice(0, count)

describe('the capacity of a graph', () => {
  test('has room for all candidates, all beams and one column for nothing', () => {
    const capacity = capacityFor([request()], 8, catalogue)
    expect(capacity.slots).toBe(2)
    expect(capacity.columns).toBeGreaterThan(8)
    // Six codes at the first level are all there are.
    expect(capacity.entries[0]).toBe(6)
    expect(capacity.entries[2]).toBe(capacity.columns)
  })

  test('comes in few steps, so that requests of like size share a graph', () => {
    const columns = (organic: number) =>
      capacityFor([request({ organic: new Uint32Array(organic) })], 1, catalogue).columns
    const sizes = Array.from({ length: 4000 }, (_, organic) => columns(organic))
    for (const [organic, size] of sizes.entries()) expect(size).toBeGreaterThan(organic + 2)
    expect(new Set(sizes).size).toBeLessThan(32)
    expect(columns(3000)).toBeLessThan(1.3 * 3003)
  })
})

describe('a request as inputs', () => {
  const prepared = [prepareRequest(request({ constraints: { maxAds: 1, minGap: 2, maxPerAdvertiser: 1 } }), catalogue)]
  const capacity = capacityFor([request()], 8, catalogue)

  test('lists ads, then organic items by their rank, then what nothing can choose', () => {
    const tensors = candidateTensors(prepared, capacity)
    expect(numbers(tensors, requestInputs.item, 6)).toEqual([1, 5, 20, 21, 22, 0])
    expect(numbers(tensors, requestInputs.isAd, 6)).toEqual([1, 1, 0, 0, 0, 0])
    expect(numbers(tensors, requestInputs.organicRank, 6)).toEqual([-1, -1, 0, 1, 2, -2])
    expect(numbers(tensors, requestInputs.advertiser, 4)).toEqual([3, 4, -1, -1])
    expect(numbers(tensors, requestInputs.maxAds)).toEqual([1])
    expect(numbers(tensors, requestInputs.minGap)).toEqual([2])
  })

  test('puts a bound that is none as a finite number', () => {
    const tensors = candidateTensors([prepareRequest(request(), catalogue)], capacity)
    expect(Number.isFinite(numbers(tensors, requestInputs.maxAds)[0])).toBe(true)
  })

  test('has bids in their unit by row, and keeps an ad out that bids below its own reserve', () => {
    const reserved = [
      prepareRequest(request({ adReserves: Float64Array.of(3, 3), slotReserves: Float64Array.of(2, 1) }), catalogue),
    ]
    const rows = [
      { request: 0, bids: Float64Array.of(4, 2) },
      { request: 0, bids: Float64Array.of(1, 8) },
    ]
    const options = { bidding: 'None' as const, bidUnit: 2 }
    const tensors = searchTensors(reserved, rows, capacity, options, catalogue)
    const bids = numbers(tensors, requestInputs.bid)
    expect(bids.slice(0, 3)).toEqual([2, -1, 0])
    expect(bids.slice(capacity.columns, capacity.columns + 3)).toEqual([-1, 4, 0])
    expect(numbers(tensors, requestInputs.reserve)).toEqual([1, 0.5, 1, 0.5])
    expect(numbers(tensors, requestInputs.of)).toEqual([0, 0])
  })

  test('gives no weight to what is no entry', () => {
    const bidding = { alpha: 1, beta: 2, aggregate: 'Max', scope: 'Prefix' } as const
    const rows = [{ request: 0, bids: Float64Array.of(4, 2) }]
    const tensors = searchTensors(prepared, rows, capacity, { bidding, bidUnit: 1 }, catalogue)
    const weights = numbers(tensors, requestInputs.logWeight(2))
    const expected = [6, 4, 2, 2, 2].map(Math.log)
    for (const [candidate, weight] of expected.entries()) expect(weights[candidate]).toBeCloseTo(weight, 6)
    expect(weights.slice(5).every((weight) => weight < -1e8)).toBe(true)
  })
})

/** What the first candidates bid, as their weights tell. */
function expectWeights(tensors: Tensors, bids: readonly number[]): void {
  const weights = numbers(tensors, requestInputs.logWeight(2), bids.length)
  for (const [candidate, bid] of bids.entries()) expect(weights[candidate]).toBeCloseTo(Math.log(bid ** 1.2 + 2), 6)
}

describe('rows of a batch', () => {
  const bidding = { alpha: 1.2, beta: 2, aggregate: 'Max', scope: 'Prefix' } as const
  const prepared = (changes: Partial<AuctionRequest> = {}) => [
    prepareRequest(request(changes), catalogue, new Float32Array(200).fill(3)),
  ]
  const rows = [
    [4, 2],
    [8, 2],
    [4, 2],
  ].map((bids) => ({ request: 0, bids: Float64Array.from(bids) }))
  const searches = (by: TokenBidding | 'None', changes: Partial<AuctionRequest> = {}) =>
    Array.from(searchesOf(prepared(changes), rows, { bidding: by, bidUnit: 2 }).of)

  test('share a search where their lists are found alike', () => {
    expect(searches(bidding)).toEqual([0, 1, 0])
    expect(searches('None')).toEqual([0, 0, 0])
    expect(searches({ ...bidding, alpha: 0 })).toEqual([0, 0, 0])
    expect(searches({ ...bidding, bids: 'Expected' })).toEqual([0, 0, 0])
  })

  test('have searches of their own where reserves let other ads in', () => {
    expect(searches('None', { slotReserves: Float64Array.of(5, 0) })).toEqual([0, 1, 0])
    expect(searches('None', { adReserves: Float64Array.of(5, 0) })).toEqual([0, 1, 0])
    expect(searches('None', { adReserves: Float64Array.of(3, 0) })).toEqual([0, 0, 0])
  })

  test('of two requests never share one', () => {
    const two = [...prepared(), ...prepared()]
    const asked = [0, 1].map((each) => ({ request: each, bids: Float64Array.of(4, 2) }))
    const found = searchesOf(two, asked, { bidding: 'None', bidUnit: 1 })
    expect(Array.from(found.of)).toEqual([0, 1])
    expect(found.rows).toEqual(asked)
  })

  test('are weighed by expected bids where that is asked, whatever is bid', () => {
    const capacity = capacityFor([request()], 8, catalogue)
    const options = { bidding: { ...bidding, bids: 'Expected' }, bidUnit: 2 } as const
    const tensors = searchTensors(prepared(), rows.slice(1, 2), capacity, options, catalogue)
    expectWeights(tensors, [1.5, 1.5, 0])
    expect(numbers(tensors, requestInputs.bid, 2)).toEqual([4, 1])
    expect(() =>
      searchTensors([prepareRequest(request(), catalogue)], rows.slice(0, 1), capacity, options, catalogue),
    ).toThrow(TypeError)
  })
})

describe('bids in money', () => {
  const money = { alpha: 1.2, beta: 2, aggregate: 'Max', scope: 'Prefix', unit: 'Money' } as const
  const expected = new Float32Array(200).fill(3)
  const tensorsOf = (bidding: TokenBidding, changes: Partial<AuctionRequest> = {}) => {
    const prepared = [prepareRequest(request(changes), catalogue, expected)]
    const rows = [{ request: 0, bids: Float64Array.of(8, 2) }]
    return searchTensors(prepared, rows, capacityFor([request()], 8, catalogue), { bidding, bidUnit: 2 }, catalogue)
  }

  test('weigh codes as they are, while what they are compared with reserves by stays in units', () => {
    const tensors = tensorsOf(money, { slotReserves: Float64Array.of(3, 0) })
    expectWeights(tensors, [8, 2, 0])
    expect(numbers(tensors, requestInputs.bid, 2)).toEqual([4, 1])
    expect(numbers(tensors, requestInputs.reserve)).toEqual([1.5, 0])
    expectWeights(tensorsOf({ ...money, bids: 'Expected' }), [3, 3, 0])
  })

  test('weigh nothing below the own reserve of an ad', () => {
    const tensors = tensorsOf(money, { adReserves: Float64Array.of(9, 2) })
    expectWeights(tensors, [0, 2, 0])
    expect(numbers(tensors, requestInputs.bid, 2)).toEqual([-1, 1])
  })
})

describe('what a graph found, as allocations', () => {
  const outputs: Tensors = {
    // Two searches of three beams of two slots; 7 stands for nothing. The second row and the third share a search.
    candidate: int32([2, 3, 2], [0, 2, 1, 7, 7, 7, 2, 0, 7, 7, 7, 7]),
    creative: int32([2, 3, 2], [10, 11, 12, 13, 14, 15, 16, 17, 0, 0, 0, 0]),
    logZ: float32([2, 3, 2], [-1, -2, -3, -4, -5, -6, -7, -8, 0, 0, 0, 0]),
    score: float32([2, 3], [-3, -7, -1e30, -15, -1e30, -1e30]),
    pCtr: float32([2, 3, 2], [0.1, 0.2, 0.3, 0, 0, 0, 0.4, 0.5, 0, 0, 0, 0]),
    reward: float32([3, 3], [0.5, 0.7, noReward, 0.25, noReward, noReward, 0.5, noReward, noReward]),
    chosen: int32([3], [1, 0, 0]),
    paymentRate: float32([3, 2], [0.5, 0.25, 0.75, 1, 0.25, 0.5]),
  }
  const sizes = { searches: [3, 3], of: [0, 1, 1], slots: 2 }
  const [first, second, third] = allocationsOf(outputs, { ...sizes, bidUnit: 4 })

  test('have the lists that are lists, with rewards in money', () => {
    expect([first.lists.count, second.lists.count]).toEqual([2, 1])
    expect(Array.from(first.lists.reward).map((each) => Number(each.toFixed(4)))).toEqual([2, 2.8])
    expect(Array.from(second.lists.logZ)).toEqual([-7, -8])
    expect([first.chosen, second.chosen]).toEqual([1, 0])
  })

  test('of one search have its lists, each with rewards and rates of its own', () => {
    expect(third.lists.candidate).toEqual(second.lists.candidate)
    expect([second, third].map(({ lists }) => lists.reward[0])).toEqual([1, 2])
    expect(Array.from(third.paymentRate ?? [])).toEqual([0.25, 0.5])
  })

  test('have -1 for what is not there, and for its creative', () => {
    expect(Array.from(first.lists.candidate)).toEqual([0, 2, 1, -1])
    expect(Array.from(first.lists.creative)).toEqual([10, 11, 12, -1])
  })

  test('have rates by slot, and zeros for what the model does not tell', () => {
    expect(Array.from(second.paymentRate ?? [])).toEqual([0.75, 1])
    expect(Array.from(first.lists.pCvr)).toEqual([0, 0, 0, 0])
    const { paymentRate: _, creative: __, ...bare } = outputs
    const [plain] = allocationsOf(bare, { ...sizes, bidUnit: 1 })
    expect(plain).not.toHaveProperty('paymentRate')
    expect(Array.from(plain.lists.creative)).toEqual([-1, -1, -1, -1])
  })
})
