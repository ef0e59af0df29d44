// From the spec of a TrainingRun to the sizes and options of EGA-V2's parts.

import type { TrainingRun } from '../../../crds/kinds/training-run.ts'
import { type ListConstraints, unconstrained } from '../../auction/auction.ts'
import type { LagrangianSchedule } from '../../auction/lagrangian.ts'
import type { PaymentShape } from '../../auction/payment-network/shape.ts'
import type { RewardShape } from '../../auction/reward-model/shape.ts'
import type { AuctionDefaults } from '../../ranker/ega/ega-artifact.ts'
import type { GeneratorShape } from '../../ranker/ega/generator-shape.ts'
import type { Tokenizer } from '../../tokenizer/tokenizer.ts'

export type Spec = TrainingRun['spec']
export type EgaSpec = NonNullable<Spec['model']['ega']>
export type Stages = NonNullable<Spec['stages']>
type StageSpec<Name extends 'pretrain' | 'reward' | 'allocation' | 'payment'> = NonNullable<Stages[Name]>

export function generatorShape({ model }: Spec, ega: EgaSpec, tokenizer: Tokenizer): GeneratorShape {
  const { layers, hiddenSize, heads, feedForwardSize, historyLength } = model
  const { codebookSizes, featureDimensions, itemCount, creatives } = tokenizer
  return {
    layers,
    hiddenSize,
    heads,
    feedForwardSize,
    historyLength,
    codebookSizes,
    featureDimensions,
    itemEmbeddings: model.itemEmbeddings ? itemCount : 0,
    contentDimensions: Math.min(model.contentDimensions, featureDimensions),
    listLength: ega.listLength,
    creatives: creatives && {
      codebookSizes: creatives.codebookSizes,
      featureDimensions: creatives.featureDimensions,
    },
    historyTokens: ega.historyTokens,
    creativePrediction: ega.creativePrediction,
  }
}

export function rewardShape({ model }: Spec, ega: EgaSpec, tokenizer: Tokenizer, conversions: boolean): RewardShape {
  const { hiddenSize, heads, towers, positions, context } = ega.reward
  const { codebookSizes, featureDimensions, creatives } = tokenizer
  return {
    hiddenSize,
    heads,
    towers,
    positions,
    context,
    historyLength: model.historyLength,
    listLength: ega.listLength,
    itemCodebooks: codebookSizes,
    creativeCodebooks: creatives?.codebookSizes ?? [],
    featureDimensions,
    creativeFeatureDimensions: creatives?.featureDimensions ?? 0,
    conversions,
  }
}

export const paymentShape = ({ listLength, payment }: EgaSpec, itemDimensions: number): PaymentShape => ({
  listLength,
  itemDimensions,
  hidden: payment.hidden,
  seesOwnBid: payment.seesOwnBid,
  price: payment.price,
})

/** Constraints of a spec; what it does not bound is unbounded. */
export const constraintsOf = ({ maxAds, minGap, maxPerAdvertiser }: EgaSpec['constraints']): ListConstraints => ({
  maxAds: maxAds ?? unconstrained.maxAds,
  minGap,
  maxPerAdvertiser: maxPerAdvertiser ?? unconstrained.maxPerAdvertiser,
})

export function auctionDefaults(ega: EgaSpec, bidUnit: number, hasPaymentNetwork: boolean): AuctionDefaults {
  const { bidding, objective, constraints, candidateLists, paymentRule, allocation } = ega
  const { weights, alpha, beta, aggregate, scope, bids } = bidding
  return {
    allocation,
    bidding:
      weights === 'None'
        ? 'None'
        : { alpha: Number(alpha), beta: Number(beta), aggregate, scope, ...(bids === undefined ? {} : { bids }) },
    candidateLists,
    objective: { conversion: Number(objective.conversion), organic: Number(objective.organic) },
    constraints: {
      maxAds: constraints.maxAds ?? null,
      minGap: constraints.minGap,
      maxPerAdvertiser: constraints.maxPerAdvertiser ?? null,
    },
    // A model without a network cannot price by it.
    paymentRule: paymentRule === 'PaymentNetwork' && !hasPaymentNetwork ? 'GSP' : paymentRule,
    bidUnit,
  }
}

export const lagrangianSchedule = (stage: StageSpec<'payment'>): LagrangianSchedule => ({
  multiplier: Number(stage.multiplier),
  multiplierEvery: stage.multiplierSteps,
  penalty: Number(stage.penalty),
  penaltyGrowth: Number(stage.penaltyIncrease),
  penaltyEvery: stage.penaltyIncreaseSteps,
})
