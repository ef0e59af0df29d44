// What a run of OneRanker works on: data, codes, and sizes that follow from both; or why it cannot.

import type { JobPayload } from '../../../crds/jobs.ts'
import type { PaymentShape } from '../../auction/payment-network/shape.ts'
import type { RewardShape } from '../../auction/reward-model/shape.ts'
import { advertised } from '../../data/market/advertised.ts'
import type { OneRankerAuction, OneRankerModel } from '../../ranker/one-ranker/artifact.ts'
import type { OneRankerShape } from '../../ranker/one-ranker/shape.ts'
import type { ProcessorContext } from '../context.ts'
import { JobError } from '../job-error.ts'
import { paymentShape, rewardShape, type Spec, type Stages } from '../staged/settings.ts'
import { knownThings, openSources, type Sources } from '../staged/sources.ts'
import { type OneRankerSpec, oneRankerAuction, oneRankerShape } from './settings.ts'

export interface OneRankerInputs {
  readonly spec: Spec
  readonly oneRanker: OneRankerSpec
  readonly stages: Stages
  readonly sources: Sources
  readonly shapes: {
    readonly ranker: OneRankerShape
    readonly reward: RewardShape
    readonly payment: PaymentShape
  }
  readonly auction: OneRankerAuction
  /** What a model of these inputs has beside its weights. */
  readonly model: Pick<
    OneRankerModel,
    'catalogue' | 'creativeOffsets' | 'itemIds' | 'creativeIds' | 'isAd' | 'shapes' | 'digest'
  >
}

/** @throws JobError when the data lack what a stage needs */
export async function openOneRankerInputs(
  payload: JobPayload<Spec>,
  context: Pick<ProcessorContext, 'store'>,
): Promise<OneRankerInputs> {
  const { spec } = payload
  const { oneRanker } = spec.model
  const { stages } = spec
  if (oneRanker === undefined || stages === undefined)
    throw new JobError('InvalidSpec', 'Architecture OneRanker needs spec.model.oneRanker and spec.stages', {
      retryable: false,
    })
  const sources = await openSources(payload, stages, context)
  const { dataset, market, tokenizer, bidUnit } = sources
  const shapes = {
    ranker: oneRankerShape(spec, oneRanker, tokenizer),
    reward: rewardShape(spec, oneRanker, tokenizer, market.requests?.exposed?.conversion !== undefined),
    payment: paymentShape(oneRanker, spec.model.hiddenSize),
  }
  const { fakeItems, refinement } = shapes.ranker
  if (refinement && fakeItems > dataset.itemCount)
    throw new JobError(
      'TooManyFakeItems',
      `spec.model.oneRanker.fakeItems: ${fakeItems} centres cannot be found among ${dataset.itemCount} items; take at most as many`,
      { retryable: false },
    )
  const generates = (stages.pretrain ?? stages.ranking) !== undefined
  return {
    spec,
    oneRanker,
    stages,
    sources,
    shapes,
    auction: oneRankerAuction(oneRanker, bidUnit, stages.payment !== undefined),
    model: {
      ...knownThings(sources, shapes.ranker.contentDimensions),
      isAd: advertised(market, dataset.itemCount),
      digest: 'in training',
      shapes: {
        ranker: generates ? shapes.ranker : null,
        reward: stages.reward === undefined ? null : shapes.reward,
        payment: stages.payment === undefined ? null : shapes.payment,
      },
    },
  }
}
