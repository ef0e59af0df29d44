import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Allocation, AuctionRequest } from '../../../../workers/auction/auction.ts'
import type { AuctionDecoder } from '../../../../workers/decoding/auction/auction-decoder.ts'
import { egaDecoder } from '../../../../workers/decoding/auction/ega-decoder.ts'
import { openScorer } from '../../../../workers/decoding/auction/open-ega.ts'
import { generatorLayout } from '../../../../workers/ranker/ega/generator-shape.ts'
import { separated } from '../../ranker/ega/small-generator.ts'
import { bidding, bidUnit, model, request, settings } from './small-model.ts'

let decoder: AuctionDecoder
beforeAll(() => {
  decoder = egaDecoder(model, settings, { threads: 1, candidateLists: 8, maxBatch: 2, bidUnit })
})
afterAll(() => decoder.release())

const round = (allocation: Allocation) => ({
  chosen: allocation.chosen,
  candidate: Array.from(allocation.lists.candidate),
  creative: Array.from(allocation.lists.creative),
  reward: Array.from(allocation.lists.reward, (value) => value.toFixed(4)),
  rate: Array.from(allocation.paymentRate ?? [], (value) => value.toFixed(4)),
})
const worth = ({ lists }: Allocation, { bids }: AuctionRequest, row: number, organic: number, conversion: number) =>
  Array.from({ length: lists.slots }, (_, slot) => row * lists.slots + slot).reduce((sum, at) => {
    const candidate = lists.candidate[at]
    if (candidate < 0) return sum
    const own = candidate < bids.length ? bids[candidate] : organic * bidUnit
    return sum + lists.pCtr[at] * (own + conversion * bidUnit * lists.pCvr[at])
  }, 0)

describe('the decoder of EGA-V2', () => {
  test('compares lists by bids times pCTR in money, and shows the best', async () => {
    const [found] = await decoder.allocate([request()])
    expect(found.lists.count).toBe(8)
    for (let row = 0; row < 8; row++) expect(found.lists.reward[row]).toBeCloseTo(worth(found, request(), row, 0, 0), 4)
    expect(found.lists.reward[found.chosen]).toBe(Math.max(...found.lists.reward))
  })

  test('takes other bidding and another objective with a call', async () => {
    const objective = { conversion: 1.5, organic: 0.5 }
    const [found] = await decoder.allocate([request()], { bidding: 'None', objective })
    for (let row = 0; row < 8; row++)
      expect(found.lists.reward[row]).toBeCloseTo(worth(found, request(), row, 0.5, 1.5), 4)
    const [weighed] = await decoder.allocate([request()])
    expect(found.lists.logZ).not.toEqual(weighed.lists.logZ)
    // Less of a weight for what bids nothing: more ads in the likeliest list.
    const adsWith = async (beta: number) => {
      const [{ lists }] = await decoder.allocate([request()], { ...settings, bidding: { ...bidding, beta } })
      return Array.from(lists.candidate).filter((candidate) => candidate >= 0 && candidate < 3).length
    }
    expect(await adsWith(0.01)).toBeGreaterThan(await adsWith(1000))
  })

  test('weighs codes by bids in money where that is asked, and counts all else by the mean bid', async () => {
    // w = (b / u)^alpha + beta is u^-alpha times b^alpha + beta u^alpha, and a factor of all weights is none.
    const money = { ...bidding, unit: 'Money', beta: bidding.beta * bidUnit ** bidding.alpha } as const
    const [byMean] = await decoder.allocate([request()])
    const [byMoney] = await decoder.allocate([request()], { ...settings, bidding: money })
    expect(round(byMoney)).toEqual(round(byMean))
    for (const [at, logZ] of byMoney.lists.logZ.entries()) expect(logZ).toBeCloseTo(byMean.lists.logZ[at], 4)
    const [other] = await decoder.allocate([request()], { ...settings, bidding: { ...money, beta: bidding.beta } })
    expect(other.lists.logZ[0]).not.toBeCloseTo(byMean.lists.logZ[0], 2)
    const bids = [Float64Array.of(2, 5, 0.8), Float64Array.of(2, 0, 0.8)]
    const asked = await decoder.underBids(request(), bids, { ...settings, bidding: money })
    expect(asked.map(round)).toEqual((await decoder.underBids(request(), bids)).map(round))
  })

  test('gives equal allocations whatever else is asked, in batches and lists of other lengths', async () => {
    const others = [
      request({ history: new Uint32Array(), bids: Float64Array.of(9, 1, 1) }),
      request({ slots: 2 }),
      request(),
      request({ organic: Uint32Array.of(30) }),
    ]
    const together = await decoder.allocate([request(), ...others])
    expect(together.map(({ lists }) => lists.slots)).toEqual([3, 3, 2, 3, 3])
    const [alone] = await decoder.allocate([request()])
    expect(round(together[0])).toEqual(round(alone))
    expect(round(together[3])).toEqual(round(alone))
    expect(await decoder.allocate([])).toEqual([])
  })

  test('answers misreports as it would the requests themselves', async () => {
    const bids = [0, 1, 20].map((bid) => Float64Array.of(2, bid, 0.8))
    const found = await decoder.underBids(request(), bids)
    for (const [index, each] of bids.entries()) {
      const [asked] = await decoder.allocate([request({ bids: each })])
      expect(round(found[index])).toEqual(round(asked))
    }
  })

  test('searches once for bids that only choose among lists, with rewards and rates as if each were asked alone', async () => {
    const bids = [0, 1, 20].map((bid) => Float64Array.of(2, bid, 0.8))
    const untouched = { ...settings, bidding: 'None' } as const
    const found = await decoder.underBids(request(), bids, untouched)
    expect(found[0].lists.candidate).toEqual(found[1].lists.candidate)
    for (const [index, each] of bids.entries()) {
      const [asked] = await decoder.allocate([request({ bids: each })], untouched)
      expect(round(found[index])).toEqual(round(asked))
    }
    expect(found[2].lists.reward).not.toEqual(found[1].lists.reward)
  })

  test('prices no ad above its bid, and no organic item at all', async () => {
    const [{ lists, chosen, paymentRate }] = await decoder.allocate([request()])
    expect(paymentRate).toHaveLength(3)
    for (const [slot, rate] of (paymentRate ?? []).entries()) {
      const isAd = lists.candidate[chosen * 3 + slot] < 3
      expect(isAd ? rate > 0 && rate < 1 : rate === 0).toBe(true)
    }
  })

  test('scores its lists as the reward model does outside of the graph', async () => {
    const asked = request()
    const [{ lists }] = await decoder.allocate([asked])
    const scorer = await openScorer(model, 1)
    const items = [...asked.ads, ...asked.organic]
    const rows = Array.from({ length: lists.count }, (_, row) => row)
    const of = (row: number) => lists.candidate.subarray(row * 3, row * 3 + 3)
    const scores = await scorer.score(
      rows.map((row) => ({
        history: asked.history,
        items: Uint32Array.from(of(row), (candidate) => items[candidate]),
        creatives: lists.creative.subarray(row * 3, row * 3 + 3),
        isAd: Uint8Array.from(of(row), (candidate) => Number(candidate < 3)),
      })),
    )
    await scorer.release()
    for (const row of rows)
      for (let slot = 0; slot < 3; slot++) {
        expect(lists.pCtr[row * 3 + slot]).toBeCloseTo(scores[row].pCtr[slot], 5)
        expect(lists.pCtrCreative[row * 3 + slot]).toBeCloseTo(scores[row].pCtrCreative?.[slot] ?? -1, 5)
        expect(lists.pCvr[row * 3 + slot]).toBeCloseTo(scores[row].pCvr?.[slot] ?? -1, 5)
      }
  })
})

test('an encoder with a token embedding of its own allocates as with a shared one where both are alike', async () => {
  const { shapes, weights } = model
  if (shapes.generator === null || weights.generator === undefined) throw new Error('The model has a generator')
  const shape = { ...shapes.generator, tokenEmbedding: 'Separate' as const }
  const allocate = async (generator: Float32Array) => {
    const other = { ...model, shapes: { ...shapes, generator: shape }, weights: { ...weights, generator } }
    const own = egaDecoder(other, settings, { threads: 1, candidateLists: 8, maxBatch: 2, bidUnit })
    const [found] = await own.allocate([request()])
    await own.release()
    return found
  }
  const [shared] = await decoder.allocate([request()])
  const alike = separated(shapes.generator, weights.generator)
  expect(round(await allocate(alike))).toEqual(round(shared))
  for (const { name, offset, size } of generatorLayout(shape).parameters)
    if (name === 'encoder.token.item.code.0') alike.fill(0, offset, offset + size)
  expect((await allocate(alike)).lists.logZ[0]).not.toBeCloseTo(shared.lists.logZ[0], 3)
})

test.each([
  ['generator', { ...model.shapes, generator: null }],
  ['reward model', { ...model.shapes, reward: null }],
])('a model without a %s allocates nothing, and says which stages to train', (part, shapes) => {
  const open = () => egaDecoder({ ...model, shapes }, settings, { threads: 1, candidateLists: 8, maxBatch: 2, bidUnit })
  expect(open).toThrow(`has no ${part}: train the stages pretrain and reward`)
})
