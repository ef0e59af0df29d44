// What a run of EGA-V2 works on: data, codes, and sizes that follow from both; or why it cannot.

import type { JobPayload } from '../../../crds/jobs.ts'
import type { PaymentShape } from '../../auction/payment-network/shape.ts'
import type { RewardShape } from '../../auction/reward-model/shape.ts'
import { creativesOfEvents } from '../../data/market/event-creatives.ts'
import { expectedBids } from '../../data/market/usual-bids.ts'
import { type AuctionDefaults, type EgaModel, searchesByExpectedBids } from '../../ranker/ega/ega-artifact.ts'
import type { GeneratorShape } from '../../ranker/ega/generator-shape.ts'
import { joinSamples, type ListSamples, nextItemLists, shownLists } from '../../ranker/ega/list-samples.ts'
import type { PretrainingData } from '../../ranker/ega/pretraining.ts'
import type { ProcessorContext } from '../context.ts'
import { JobError } from '../job-error.ts'
import { paymentShape, rewardShape, type Spec, type Stages } from '../staged/settings.ts'
import { knownThings, lacks, openSources, type Sources } from '../staged/sources.ts'
import { auctionDefaults, type EgaSpec, generatorShape } from './settings.ts'

export interface PartialModel {
  weights: EgaModel['weights']
}

export interface EgaInputs {
  readonly spec: Spec
  readonly ega: EgaSpec
  readonly stages: Stages
  /** Of stages that take turns: each round draws requests of its own. */
  readonly round?: number
  readonly sources: Sources
  readonly shapes: {
    readonly generator: GeneratorShape
    readonly reward: RewardShape
    readonly payment: PaymentShape
  }
  readonly auction: AuctionDefaults
  /** What a model of these inputs has beside its weights. */
  readonly model: Pick<
    EgaModel,
    'catalogue' | 'creativeOffsets' | 'expectedBids' | 'itemIds' | 'creativeIds' | 'shapes' | 'digest'
  >
}

/** @throws JobError when the data lack what a stage needs */
export async function openEgaInputs(payload: JobPayload<Spec>, context: ProcessorContext): Promise<EgaInputs> {
  const { spec } = payload
  const { ega } = spec.model
  const { stages } = spec
  if (ega === undefined || stages === undefined)
    throw new JobError('InvalidSpec', 'Architecture EGAV2 needs spec.model.ega and spec.stages', { retryable: false })
  const sources = await openSources(payload, stages, context)
  const { dataset, market, tokenizer, bidUnit } = sources
  const shapes = {
    generator: generatorShape(spec, ega, tokenizer),
    reward: rewardShape(spec, ega, tokenizer, market.requests?.exposed?.conversion !== undefined),
    payment: paymentShape(ega, spec.model.hiddenSize),
  }
  const auction = auctionDefaults(ega, bidUnit, stages.payment !== undefined)
  return {
    spec,
    ega,
    stages,
    sources,
    shapes,
    auction,
    model: {
      ...knownThings(sources, shapes.generator.contentDimensions),
      ...(searchesByExpectedBids(auction) ? { expectedBids: expectedBids(market, dataset.itemCount, bidUnit) } : {}),
      digest: 'in training',
      shapes: {
        generator: stages.pretrain === undefined ? null : shapes.generator,
        reward: stages.reward === undefined ? null : shapes.reward,
        payment: stages.payment === undefined ? null : shapes.payment,
      },
    },
  }
}

/** @throws JobError without a list to learn from */
export function pretrainingData(inputs: EgaInputs): PretrainingData {
  const { dataset, market } = inputs.sources
  return {
    dataset,
    catalogue: inputs.model.catalogue,
    train: listsOf(inputs, 'train'),
    validation: listsOf(inputs, 'validation'),
    eventCreatives: creativesOfEvents(dataset, market, 'Training'),
  }
}

function listsOf({ sources, shapes, stages }: EgaInputs, part: 'train' | 'validation'): ListSamples {
  const { dataset, market } = sources
  const length = shapes.generator.listLength
  const targets = stages.pretrain?.targets ?? []
  const clickedWeight = Number(stages.pretrain?.clickedWeight ?? 1)
  const shown = targets.includes('Exposed') ? shownLists(market, { part, length, clickedWeight }) : undefined
  const next = targets.includes('NextItems') ? nextItemLists(dataset, part, length) : undefined
  const lists = shown !== undefined && next !== undefined ? joinSamples(shown, next) : (shown ?? next)
  if (part === 'train' && (lists === undefined || lists.count === 0))
    throw lacks('list to learn from in its training part', 'requests of the training part, or the target NextItems,')
  return lists ?? nextItemLists({ ...dataset, userCount: 0 }, part, length)
}
