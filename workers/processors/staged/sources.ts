// What a run in stages works on, whatever its architecture: tables and codes that were pinned, or why they do not do.

import type { JobPayload } from '../../../crds/jobs.ts'
import type { AuctionRequest } from '../../auction/auction.ts'
import type { RewardData } from '../../auction/reward-model/data.ts'
import { type Dataset, openDataset } from '../../data/dataset-reader.ts'
import type { Market } from '../../data/market/market.ts'
import { openMarket } from '../../data/market/open-market.ts'
import { bidUnitOf } from '../../data/market/usual-bids.ts'
import { sampleRequests } from '../../evaluation/market/requests.ts'
import { openCatalogue } from '../../ranker/catalogue.ts'
import { principalDirections } from '../../ranker/content.ts'
import type { KnownThings } from '../../ranker/known-things.ts'
import { Random } from '../../tensor/random.ts'
import { openTokenizer, type Tokenizer } from '../../tokenizer/tokenizer.ts'
import type { ProcessorContext } from '../context.ts'
import { JobError } from '../job-error.ts'
import { checkTokenizer } from '../training-inputs.ts'
import { type AuctionParts, constraintsOf, type Spec, type Stages } from './settings.ts'

/** Digests of what a run was given. */
export interface Pinned {
  readonly dataset: string
  readonly tokenizer: string
}

export interface Sources {
  readonly dataset: Dataset
  readonly market: Market
  readonly tokenizer: Tokenizer
  /** Money that counts as a bid of 1. */
  readonly bidUnit: number
  readonly pinned: Pinned
}

/** @throws JobError when the data lack what a stage needs */
export async function openSources(
  { inputs, spec }: Pick<JobPayload<Spec>, 'inputs' | 'spec'>,
  stages: Stages,
  context: Pick<ProcessorContext, 'store'>,
): Promise<Sources> {
  const artifact = await context.store.open(inputs.dataset)
  const dataset = await openDataset(artifact)
  const market = await openMarket(artifact)
  const tokenizer = await openTokenizer(await context.store.open(inputs.tokenizer))
  checkTokenizer(dataset, tokenizer)
  if (market === undefined) throw lacks('advertising tables', 'spec.advertising')
  checkTables(market, stages)
  checkWholeLists(market, stages, spec)
  checkConversions(market, stages, spec)
  const pinned = { dataset: inputs.dataset, tokenizer: inputs.tokenizer }
  return { dataset, market, tokenizer, bidUnit: bidUnitOf(market), pinned }
}

export const lacks = (what: string, field: string): JobError =>
  new JobError('DatasetLacksTables', `The Dataset has no ${what}; give ${field} of the Dataset`, { retryable: false })

/** What each stage needs of the tables. */
function checkTables({ requests }: Market, { pretrain, reward, allocation, ranking, payment }: Stages): void {
  const exposed = requests?.exposed
  if (exposed === undefined && (reward !== undefined || pretrain?.targets.includes('Exposed')))
    throw lacks('exposed lists, which the stages pretrain and reward learn from', 'spec.advertising.exposures')
  if (exposed === undefined && ranking?.labels === 'Logged')
    throw lacks('exposed lists, which the stage ranking has its labels from', 'spec.advertising.exposures')
  if (requests?.ads === undefined && (allocation ?? ranking ?? payment) !== undefined)
    throw lacks(
      'eligible ads and bids of requests, which the stages allocation, ranking and payment hold auctions over',
      'spec.advertising.requests with the columns ads and bids',
    )
}

/** What learns from a list as a whole learns nothing true from entries whose neighbours are not logged. */
function checkWholeLists({ requests }: Market, { pretrain, reward, ranking }: Stages, { model }: Spec): void {
  if (requests?.exposed?.slot === undefined) return
  const refuse = (who: string, remedy: string): never => {
    const message = `The exposures of the Dataset are entries of lists whose others are not logged (spec.advertising.exposures.lists is Entries), and ${who} learns from whole lists; ${remedy}, or log whole lists`
    throw new JobError('NoWholeLists', message, { retryable: false })
  }
  const part = model.ega === undefined ? 'oneRanker' : 'ega'
  if (model.ega !== undefined && pretrain?.targets.includes('Exposed'))
    refuse('spec.stages.pretrain with target Exposed', 'set its targets to [NextItems]')
  if (reward !== undefined && model[part]?.reward.context !== 'Pointwise')
    refuse('spec.stages.reward', `set spec.model.${part}.reward.context to Pointwise`)
  if (ranking?.labels === 'Logged') refuse('spec.stages.ranking with labels Logged', 'set its labels to RewardModel')
}

/** What counts conversions has to learn from some. */
function checkConversions({ requests }: Market, { reward, ranking }: Stages, { model }: Spec): void {
  const { conversion = '0' } = (model.ega ?? model.oneRanker)?.objective ?? {}
  if (Number(conversion) === 0 || (reward ?? ranking) === undefined || requests?.exposed?.conversion !== undefined)
    return
  throw lacks(
    'conversions of what was shown, which the objective of the model counts',
    'spec.advertising.exposures with the column conversion',
  )
}

/** @param dimensions of the content that codes are scored by */
export function knownThings({ dataset, tokenizer }: Sources, dimensions: number): KnownThings {
  const directions = principalDirections(tokenizer.features, tokenizer.featureDimensions, dimensions)
  const { creatives } = tokenizer
  return {
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
  }
}

export function rewardData({ dataset, market, tokenizer }: Sources): RewardData {
  const { creatives, levels, itemCount: count } = tokenizer
  return {
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
  }
}

export interface RequestDraw {
  readonly count: number
  /** What the requests are for: other roles draw others. */
  readonly role: string
  readonly seed: number
  /** Of stages that take turns: each round draws requests of its own. */
  readonly round?: number
}

/** Requests of the training part for a stage, drawn by seed. @throws JobError without any */
export function requestsFor(
  { dataset, market }: Pick<Sources, 'dataset' | 'market'>,
  { listLength, constraints }: Pick<AuctionParts, 'listLength' | 'constraints'>,
  { count, role, seed, round = 0 }: RequestDraw,
): AuctionRequest[] {
  const { requests } = sampleRequests(dataset, market, {
    part: 'train',
    count,
    seed: new Random(seed, 'requests', role, round).below(2 ** 31),
    slots: listLength,
    constraints: constraintsOf(constraints),
    bids: 'Logged',
  })
  if (requests.length === 0)
    throw lacks('request with candidates in its training part', 'spec.advertising.requests of earlier times')
  return requests.map(({ auction }) => auction)
}
