// Samples of a world with a known right price: an ad is shown above one organic entry and beside one rival, when its bid
// is above the rival's. So the critical bid is the rival's, and the rate that leaves nothing to gain is rival / bid.

import type { PaymentSamples } from '../../../../workers/auction/payment-network/samples.ts'
import { type PaymentShape, paymentDefaults } from '../../../../workers/auction/payment-network/shape.ts'
import { Random } from '../../../../workers/tensor/random.ts'

export const shape: PaymentShape = { ...paymentDefaults, listLength: 3, itemDimensions: 2, hidden: [32, 16] }

export interface World {
  readonly samples: PaymentSamples
  /** Mean of the critical bid's price an impression. */
  readonly criticalRevenue: number
}

const misreportFactors = [1, 0.2, 0.4, 0.6, 0.8, 1.2, 1.4, 1.6, 1.8, 2]

export const secondPriceWorld = (count: number, seed: number): World => {
  const random = new Random(seed, 'second price')
  const variants = misreportFactors.length
  const cells = count * variants
  const value = new Float32Array(cells)
  const samples = {
    count,
    variants,
    ads: 1,
    truth: 0,
    vectors: Float32Array.from({ length: 20 * shape.itemDimensions }, () => random.normal()),
    vector: new Uint32Array(cells),
    slot: new Int32Array(cells).fill(-1),
    otherBids: new Float32Array(cells * (shape.listLength - 1)),
    logZ: new Float32Array(cells),
    pCtr: new Float32Array(cells),
    pivotPrice: new Float32Array(cells),
    bid: new Float32Array(cells),
    exposure: new Float32Array(cells),
    value,
  }
  let criticalRevenue = 0
  for (let sample = 0; sample < count; sample++) {
    const worth = Math.exp(0.5 * random.normal())
    const rival = Math.exp(0.5 * random.normal() - 0.4)
    const pCtr = 0.02 + 0.08 * random.uniform()
    const item = random.below(20)
    for (const [variant, factor] of misreportFactors.entries()) {
      const cell = sample * variants + variant
      const bid = factor * worth
      value[cell] = worth
      samples.vector[cell] = item
      samples.bid[cell] = bid
      samples.pCtr[cell] = pCtr
      samples.logZ[cell] = Math.log(bid / (bid + rival))
      samples.otherBids[cell * 2 + 1] = rival
      if (bid <= rival) continue
      samples.slot[cell] = 0
      samples.exposure[cell] = 1
      samples.pivotPrice[cell] = rival
    }
    if (worth <= rival) continue
    criticalRevenue += (rival * pCtr) / count
  }
  return { samples, criticalRevenue }
}
