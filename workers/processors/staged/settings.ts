// From the spec of a TrainingRun to the sizes and options of what every architecture with stages has.

import type { TrainingRun } from '../../../crds/kinds/training-run.ts'
import { type ListConstraints, unconstrained } from '../../auction/auction.ts'
import type { LagrangianSchedule } from '../../auction/lagrangian.ts'
import type { PaymentShape } from '../../auction/payment-network/shape.ts'
import type { RewardShape } from '../../auction/reward-model/shape.ts'
import type { AuctionTerms } from '../../ranker/auction-model.ts'
import type { Schedule } from '../../tensor/schedules.ts'
import type { Tokenizer } from '../../tokenizer/tokenizer.ts'

export type Spec = TrainingRun['spec']
export type Stages = NonNullable<Spec['stages']>
export type StageSpec<Name extends Exclude<keyof Stages, 'order'>> = NonNullable<Stages[Name]>

/** Fields that the models of all architectures with stages have. */
export type AuctionParts = Pick<
  NonNullable<Spec['model']['ega']> & NonNullable<Spec['model']['oneRanker']>,
  'listLength' | 'objective' | 'constraints' | 'paymentRule' | 'reward' | 'payment'
>

export function rewardShape(
  { model }: Spec,
  { reward, listLength }: AuctionParts,
  tokenizer: Tokenizer,
  conversions: boolean,
): RewardShape {
  const { hiddenSize, heads, towers, positions, context } = reward
  const { codebookSizes, featureDimensions, creatives } = tokenizer
  return {
    hiddenSize,
    heads,
    towers,
    positions,
    context,
    historyLength: model.historyLength,
    listLength,
    itemCodebooks: codebookSizes,
    creativeCodebooks: creatives?.codebookSizes ?? [],
    featureDimensions,
    creativeFeatureDimensions: creatives?.featureDimensions ?? 0,
    conversions,
  }
}

export const paymentShape = ({ listLength, payment }: AuctionParts, itemDimensions: number): PaymentShape => ({
  listLength,
  itemDimensions,
  hidden: payment.hidden,
  seesOwnBid: payment.seesOwnBid,
  price: payment.price,
})

/** Constraints of a spec; what it does not bound is unbounded. */
export const constraintsOf = ({ maxAds, minGap, maxPerAdvertiser }: AuctionParts['constraints']): ListConstraints => ({
  maxAds: maxAds ?? unconstrained.maxAds,
  minGap,
  maxPerAdvertiser: maxPerAdvertiser ?? unconstrained.maxPerAdvertiser,
})

export const auctionTerms = (
  { objective, constraints, paymentRule }: AuctionParts,
  bidUnit: number,
  hasPaymentNetwork: boolean,
): AuctionTerms => ({
  objective: { conversion: Number(objective.conversion), organic: Number(objective.organic) },
  constraints: {
    maxAds: constraints.maxAds ?? null,
    minGap: constraints.minGap,
    maxPerAdvertiser: constraints.maxPerAdvertiser ?? null,
  },
  // A model without a network cannot price by it.
  paymentRule: paymentRule === 'PaymentNetwork' && !hasPaymentNetwork ? 'GSP' : paymentRule,
  bidUnit,
})

export const lagrangianSchedule = (stage: StageSpec<'payment'>): LagrangianSchedule => ({
  multiplier: Number(stage.multiplier),
  multiplierEvery: stage.multiplierSteps,
  penalty: Number(stage.penalty),
  penaltyGrowth: Number(stage.penaltyIncrease),
  penaltyEvery: stage.penaltyIncreaseSteps,
})

const scheduleKinds = { Constant: 'constant', Cosine: 'cosine', InverseSquareRoot: 'inverseSquareRoot' } as const

/** Of stages that learn by the optimiser of the run. */
export const scheduleOf = ({
  optimizer,
}: Spec): { readonly kind: Schedule['kind']; readonly peak: number; readonly warmupSteps: number } => ({
  kind: scheduleKinds[optimizer.schedule],
  peak: Number(optimizer.learningRate),
  warmupSteps: optimizer.warmupSteps,
})
