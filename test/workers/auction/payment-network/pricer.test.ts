import { expect, test } from 'vitest'
import type { Bidder } from '../../../../crds/auction-terms.ts'
import type { CandidateLists } from '../../../../workers/auction/auction.ts'
import { PaymentPricer } from '../../../../workers/auction/payment-network/pricer.ts'
import { paymentDefaults, paymentLayout } from '../../../../workers/auction/payment-network/shape.ts'
import { Random } from '../../../../workers/tensor/random.ts'
import { requestOf } from '../support.ts'

const shape = { ...paymentDefaults, listLength: 3, itemDimensions: 0, hidden: [8], price: 'Threshold' as const }

/** Two ads of one advertiser beside one of another; the other list has that other alone. */
const request = requestOf([8, 3, 6], 3, { advertisers: Uint32Array.of(0, 1, 0) })
const candidate = Int32Array.of(0, 1, 2, 1, -1, -1)
const pCtr = Float32Array.of(0.3, 0.2, 0.1, 0.6, 0, 0)

const listsUnder = (bids: Float64Array, bidder: Bidder): CandidateLists => {
  const empty = new Float32Array(6)
  const reward = Float32Array.of(0, 0)
  candidate.forEach((ad, at) => {
    if (ad >= 0) reward[Math.floor(at / 3)] = (reward[Math.floor(at / 3)] ?? 0) + (bids[ad] ?? 0) * (pCtr[at] ?? 0)
  })
  return {
    ...{ count: 2, slots: 3, candidate, creative: new Int32Array(6).fill(-1), logZ: empty, pCtr, reward },
    ...{ pCtrCreative: empty, pCvr: empty, bidder },
  }
}

test('what an advertiser pays does not move when all of its bids do, and the list stays', async () => {
  const random = new Random('pricer')
  const weights = Float32Array.from({ length: paymentLayout(shape).size }, () => 0.1 * random.normal())
  const pricer = await PaymentPricer.create({ shape, weights, vectors: new Float32Array(), bidUnit: 2, threads: 1 })
  const pricesAt = async (factor: number, bidder: Bidder): Promise<number[]> => {
    const bids = Float64Array.of(8 * factor, 3, 6 * factor)
    const asked = { ...request, bids }
    const [rates] = await pricer.rates([{ request: asked, allocation: { lists: listsUnder(bids, bidder), chosen: 0 } }])
    return [0, 2].map((slot) => (rates?.[slot] ?? Number.NaN) * (bids[slot] ?? Number.NaN))
  }
  const [first, second] = await pricesAt(1, 'Advertiser')
  expect(first).toBeGreaterThan(0.1)
  for (const factor of [0.9, 1.2, 2]) {
    const [one, other] = await pricesAt(factor, 'Advertiser')
    expect(one).toBeCloseTo(first ?? 0, 4)
    expect(other).toBeCloseTo(second ?? 0, 4)
  }
  // Every ad for itself, the network reads what the other ad bids.
  expect((await pricesAt(2, 'Ad'))[0]).not.toBeCloseTo((await pricesAt(1, 'Ad'))[0] ?? 0, 4)
  await pricer.release()
})
