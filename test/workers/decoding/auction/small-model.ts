// A model with rough weights over a small catalogue, and a request of it.

import { type AuctionRequest, unconstrained } from '../../../../workers/auction/auction.ts'
import { paymentLayout } from '../../../../workers/auction/payment-network/shape.ts'
import { rewardLayout } from '../../../../workers/auction/reward-model/shape.ts'
import type { EgaModel } from '../../../../workers/ranker/ega/ega-artifact.ts'
import { initialParameters, type ParameterLayout } from '../../../../workers/tensor/parameters.ts'
import { Random } from '../../../../workers/tensor/random.ts'
import { roughParameters, smallCatalogue, smallShape } from '../../ranker/ega/small-generator.ts'

const itemCount = 40
const { offsets, ...catalogue } = smallCatalogue(itemCount)
const generator = smallShape(itemCount, { layers: 1, listLength: 4 })
const reward = {
  hiddenSize: 8,
  heads: 2,
  towers: [6],
  positions: true,
  context: 'Permutation' as const,
  historyLength: generator.historyLength,
  listLength: 4,
  itemCodebooks: generator.codebookSizes,
  creativeCodebooks: [4, 4],
  featureDimensions: generator.featureDimensions,
  creativeFeatureDimensions: 5,
  conversions: true,
}
const payment = {
  listLength: 4,
  itemDimensions: generator.hiddenSize,
  hidden: [5],
  seesOwnBid: false,
  price: 'Rate' as const,
}

const rough = (layout: ParameterLayout, role: string): Float32Array => {
  const random = new Random('rough', role)
  return initialParameters(layout, 1).map((value) => value + 0.2 * random.normal())
}
export const model = {
  digest: 'sha256:test',
  catalogue,
  creativeOffsets: offsets,
  shapes: { generator, reward, payment },
  weights: {
    generator: roughParameters(generator),
    reward: rough(rewardLayout(reward), 'reward'),
    payment: rough(paymentLayout(payment), 'payment'),
  },
} as unknown as EgaModel

export const bidUnit = 2
export const bidding = { alpha: 1.2, beta: 2, aggregate: 'Max', scope: 'Prefix' } as const
export const settings = { bidding, objective: { conversion: 0, organic: 0 } }

export const request = (changes: Partial<AuctionRequest> = {}): AuctionRequest => ({
  history: Uint32Array.of(3, 9, 11),
  ads: Uint32Array.of(1, 5, 7),
  bids: Float64Array.of(2, 5, 0.8),
  advertisers: Uint32Array.of(0, 1, 0),
  organic: Uint32Array.of(20, 21, 22),
  slots: 3,
  constraints: unconstrained,
  ...changes,
})

/** With a payment network of this kind, ready to be opened. */
export const pricedModel = (price: 'Rate' | 'Threshold', auction: object = {}): EgaModel => {
  const shape = { ...payment, price }
  return {
    ...model,
    auction: {
      ...{ ...settings, allocation: 'Generative', bidUnit, candidateLists: 8, paymentRule: 'PaymentNetwork' },
      ...auction,
    },
    shapes: { ...model.shapes, payment: shape },
    weights: { ...model.weights, payment: rough(paymentLayout(shape), 'payment') },
    expectedBids: Float64Array.from({ length: itemCount }, (_, item) => 1 + (item % 3)),
  } as unknown as EgaModel
}
