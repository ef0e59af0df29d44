// What a run of EGA-V2 works on: data, codes, and sizes that follow from both; or why it cannot.

import type { JobPayload } from '../../../crds/jobs.ts'
import type { AuctionRequest } from '../../auction/auction.ts'
import type { PaymentShape } from '../../auction/payment-network/shape.ts'
import type { RewardData } from '../../auction/reward-model/data.ts'
import type { RewardShape } from '../../auction/reward-model/shape.ts'
import { type Dataset, openDataset } from '../../data/dataset-reader.ts'
import type { Market } from '../../data/market/market.ts'
import { openMarket } from '../../data/market/open-market.ts'
import { bidUnitOf } from '../../data/market/usual-bids.ts'
import { sampleRequests } from '../../evaluation/market/requests.ts'
import { openCatalogue } from '../../ranker/catalogue.ts'
import { principalDirections } from '../../ranker/content.ts'
import type { AuctionDefaults, EgaModel } from '../../ranker/ega/ega-artifact.ts'
import type { GeneratorShape } from '../../ranker/ega/generator-shape.ts'
import {
  creativesOfEvents,
  joinSamples,
  type ListSamples,
  nextItemLists,
  shownLists,
} from '../../ranker/ega/list-samples.ts'
import type { PretrainingData } from '../../ranker/ega/pretraining.ts'
import { Random } from '../../tensor/random.ts'
import { openTokenizer, type Tokenizer } from '../../tokenizer/tokenizer.ts'
import type { ProcessorContext } from '../context.ts'
import { JobError } from '../job-error.ts'
import { checkTokenizer } from '../training-inputs.ts'
import {
  auctionDefaults,
  constraintsOf,
  type EgaSpec,
  generatorShape,
  paymentShape,
  rewardShape,
  type Spec,
  type Stages,
} from './settings.ts'

export interface PartialModel {
  weights: EgaModel['weights']
}

export interface EgaInputs {
  readonly spec: Spec
  readonly ega: EgaSpec
  readonly stages: Stages
  /** Of stages that take turns: each round draws requests of its own. */
  readonly round?: number
  readonly dataset: Dataset
  readonly market: Market
  readonly tokenizer: Tokenizer
  readonly shapes: {
    readonly generator: GeneratorShape
    readonly reward: RewardShape
    readonly payment: PaymentShape
  }
  readonly auction: AuctionDefaults
  /** Digests of what the run was given. */
  readonly pinned: { readonly dataset: string; readonly tokenizer: string }
  /** What a model of these inputs has beside its weights. */
  readonly model: Pick<EgaModel, 'catalogue' | 'creativeOffsets' | 'itemIds' | 'creativeIds' | 'shapes' | 'digest'>
  readonly data: {
    lists(): PretrainingData
    reward(): RewardData
  }
}

/** @throws JobError when the data lack what a stage needs */
export async function openEgaInputs({ spec, inputs }: JobPayload<Spec>, context: ProcessorContext): Promise<EgaInputs> {
  const { ega } = spec.model
  const { stages } = spec
  if (ega === undefined || stages === undefined)
    throw new JobError('InvalidSpec', 'Architecture EGAV2 needs spec.model.ega and spec.stages', { retryable: false })
  const artifact = await context.store.open(inputs.dataset)
  const dataset = await openDataset(artifact)
  const market = await openMarket(artifact)
  const tokenizer = await openTokenizer(await context.store.open(inputs.tokenizer))
  checkTokenizer(dataset, tokenizer)
  if (market === undefined) throw lacks('advertising tables', 'spec.advertising')
  checkTables(market, stages)
  const shapes = {
    generator: generatorShape(spec, ega, tokenizer),
    reward: rewardShape(spec, ega, tokenizer, market.requests?.exposed?.conversion !== undefined),
    payment: paymentShape(ega, spec.model.hiddenSize),
  }
  return {
    spec,
    ega,
    stages,
    dataset,
    market,
    tokenizer,
    shapes,
    auction: auctionDefaults(ega, bidUnitOf(market), stages.payment !== undefined),
    pinned: { dataset: inputs.dataset, tokenizer: inputs.tokenizer },
    model: modelOf(dataset, tokenizer, shapes, stages),
    data: dataOf({ dataset, market, tokenizer, shapes, stages }),
  }
}

const lacks = (what: string, field: string): JobError =>
  new JobError('DatasetLacksTables', `The Dataset has no ${what}; give ${field} of the Dataset`, { retryable: false })

/** What each stage needs of the tables. */
function checkTables({ requests }: Market, { pretrain, reward, allocation, payment }: Stages): void {
  const exposed = requests?.exposed
  if (exposed === undefined && (reward !== undefined || pretrain?.targets.includes('Exposed')))
    throw lacks('exposed lists, which the stages pretrain and reward learn from', 'spec.advertising.exposures')
  if (requests?.ads === undefined && (allocation !== undefined || payment !== undefined))
    throw lacks(
      'eligible ads and bids of requests, which the stages allocation and payment hold auctions over',
      'spec.advertising.requests with the columns ads and bids',
    )
}

function modelOf(
  dataset: Dataset,
  tokenizer: Tokenizer,
  shapes: EgaInputs['shapes'],
  stages: Stages,
): EgaInputs['model'] {
  const { contentDimensions: dimensions, featureDimensions } = shapes.generator
  const directions = principalDirections(tokenizer.features, featureDimensions, dimensions)
  const { creatives } = tokenizer
  return {
    digest: 'in training',
    catalogue: {
      items: openCatalogue(tokenizer, { dimensions, directions }),
      creatives: creatives && {
        count: creatives.count,
        codes: creatives.codes,
        codebookSizes: creatives.codebookSizes,
        features: creatives.features,
        featureDimensions: creatives.featureDimensions,
      },
    },
    creativeOffsets: creatives?.offsets,
    itemIds: dataset.itemIds,
    creativeIds: creatives?.ids ?? [],
    shapes: {
      generator: stages.pretrain === undefined ? null : shapes.generator,
      reward: stages.reward === undefined ? null : shapes.reward,
      payment: stages.payment === undefined ? null : shapes.payment,
    },
  }
}

function dataOf(of: Pick<EgaInputs, 'dataset' | 'market' | 'tokenizer' | 'shapes' | 'stages'>): EgaInputs['data'] {
  const { dataset, market, tokenizer, shapes, stages } = of
  const { catalogue } = modelOf(dataset, tokenizer, shapes, stages)
  const { creatives, levels, itemCount: count } = tokenizer
  return {
    lists: () => ({
      dataset,
      catalogue,
      train: listsOf(of, 'train'),
      validation: listsOf(of, 'validation'),
      eventCreatives: creativesOfEvents(dataset, market),
    }),
    reward: () => ({
      items: {
        count,
        levels,
        codes: tokenizer.codes,
        features: tokenizer.features,
        featureDimensions: tokenizer.featureDimensions,
      },
      ...(creatives === undefined ? {} : { creatives }),
      sequences: dataset,
      ...(market.requests === undefined ? {} : { requests: market.requests }),
    }),
  }
}

function listsOf(
  { dataset, market, shapes, stages }: Pick<EgaInputs, 'dataset' | 'market' | 'shapes' | 'stages'>,
  part: 'train' | 'validation',
): ListSamples {
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

/** Requests of the training part for a stage, drawn by seed. */
export function requestsFor(inputs: EgaInputs, count: number, role: string): AuctionRequest[] {
  const { dataset, market, spec, ega, shapes, round = 0 } = inputs
  const { requests } = sampleRequests(dataset, market, {
    part: 'train',
    count,
    seed: new Random(spec.seed, 'requests', role, round).below(2 ** 31),
    slots: shapes.generator.listLength,
    constraints: constraintsOf(ega.constraints),
    bids: 'Logged',
  })
  if (requests.length === 0)
    throw lacks('request with candidates in its training part', 'spec.advertising.requests of earlier times')
  return requests.map(({ auction }) => auction)
}
