// A OneRanker of random weights over a small catalogue, with reward model and payment network.

import { type AuctionRequest, unconstrained } from '../../../../workers/auction/auction.ts'
import { paymentLayout } from '../../../../workers/auction/payment-network/shape.ts'
import { rewardLayout } from '../../../../workers/auction/reward-model/shape.ts'
import type { OneRankerAuction, OneRankerModel } from '../../../../workers/ranker/one-ranker/artifact.ts'
import type { OneRankerShape } from '../../../../workers/ranker/one-ranker/shape.ts'
import { initialParameters, type ParameterLayout } from '../../../../workers/tensor/parameters.ts'
import { Random } from '../../../../workers/tensor/random.ts'
import { smallCatalogue } from '../../ranker/ega/small-generator.ts'
import { roughOneRanker, smallOneRanker } from '../../ranker/one-ranker/small-one-ranker.ts'

export const itemCount = 40
export const bidUnit = 2
/** What a click on an organic item counts, in units of the mean bid: enough to stand before some ads. */
export const organicValue = 12
const listLength = 4

const rough = (layout: ParameterLayout, role: string): Float32Array => {
  const random = new Random('rough', role)
  return initialParameters(layout, 1).map((value) => value + 0.2 * random.normal())
}

export interface TinyChanges {
  readonly shape?: Partial<OneRankerShape>
  readonly auction?: Partial<OneRankerAuction>
  readonly price?: 'Rate' | 'Threshold'
  readonly isJudge?: boolean
}

export function tinyOneRanker({ shape, auction, price = 'Rate', isJudge }: TinyChanges = {}): OneRankerModel {
  const { offsets, ...catalogue } = smallCatalogue(itemCount)
  const ranker = smallOneRanker(itemCount, shape)
  const reward = {
    ...{ hiddenSize: 8, heads: 2, towers: [6], positions: true, context: 'Permutation' as const },
    ...{ historyLength: ranker.historyLength, listLength, itemCodebooks: ranker.codebookSizes },
    ...{ creativeCodebooks: [4, 4], featureDimensions: ranker.featureDimensions, creativeFeatureDimensions: 5 },
    conversions: true,
  }
  const payment = { listLength, itemDimensions: ranker.hiddenSize, hidden: [5], seesOwnBid: false, price }
  return {
    ...{ schemaVersion: 1, architecture: 'OneRanker', digest: 'sha256:tiny', datasetDigest: 'sha256:data' },
    ...{ tokenizerDigest: 'sha256:codes', vocabulary: null, stages: [], fold: null, listLength, itemCount },
    shapes: { ranker: isJudge ? null : ranker, reward, payment },
    weights: {
      ranker: isJudge ? undefined : roughOneRanker(ranker),
      reward: rough(rewardLayout(reward), 'reward'),
      payment:
        price === 'Rate' ? rough(paymentLayout(payment), 'payment') : initialParameters(paymentLayout(payment), 1),
    },
    auction: {
      objective: { conversion: 0, organic: organicValue },
      constraints: { maxAds: null, minGap: null, maxPerAdvertiser: null },
      ...{ paymentRule: 'GSP', bidUnit, candidates: 30, candidateRoute: 'InnerProduct' },
      ...auction,
    },
    creativeCount: catalogue.creatives?.count ?? 0,
    catalogue,
    creativeOffsets: offsets,
    itemIds: Array.from({ length: itemCount }, (_, item) => `item-${item}`),
    creativeIds: [],
    isAd: Uint8Array.from({ length: itemCount }, (_, item) => Number(item < 20)),
  }
}

export const requestOf = (changes: Partial<AuctionRequest> = {}): AuctionRequest => ({
  history: Uint32Array.of(3, 29, 11),
  ads: Uint32Array.of(1, 5, 7, 8, 2),
  bids: Float64Array.of(2, 5, 0.8, 1.5, 3),
  advertisers: Uint32Array.of(0, 1, 0, 2, 1),
  organic: Uint32Array.of(20, 21, 22),
  slots: 4,
  constraints: unconstrained,
  ...changes,
})
