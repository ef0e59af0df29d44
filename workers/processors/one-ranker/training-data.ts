// What the stages of OneRanker learn from, out of a Dataset with its market.

import { RewardScorer } from '../../auction/reward-model/scorer.ts'
import { type CandidateLabels, loggedLabels, rewardLabels } from '../../ranker/one-ranker/candidate-labels.ts'
import { candidatePool, popularityOf } from '../../ranker/one-ranker/candidate-sets.ts'
import { adValues, usualValues } from '../../ranker/one-ranker/item-values.ts'
import type { RankingData } from '../../ranker/one-ranker/ranking-stage.ts'
import {
  joinTargets,
  nextItemTargets,
  type RequestTargetOptions,
  requestTargets,
  type TargetSamples,
} from '../../ranker/one-ranker/target-samples.ts'
import type { TargetData } from '../../ranker/one-ranker/training.ts'
import { Random } from '../../tensor/random.ts'
import { lacks, rewardData } from '../staged/sources.ts'
import type { OneRankerInputs } from './inputs.ts'
import { clickedWeightOf, valueTerms } from './settings.ts'

type Part = 'train' | 'validation'

/** @throws JobError without anything to learn from */
export function pretrainingData(inputs: OneRankerInputs): TargetData {
  const { stages, sources, oneRanker, shapes, spec } = inputs
  const { dataset, market } = sources
  const targets = stages.pretrain?.targets ?? []
  const shared = requestOptions(inputs)
  const samples = (part: Part, epoch?: number): TargetSamples => {
    const { interestTokens: length } = shapes.ranker
    const clicked = targets.includes('Exposed')
      ? requestTargets(dataset, market, { ...shared, part, andNext: false, withoutTargets: false })
      : undefined
    const random = epoch === undefined ? undefined : new Random(spec.seed, 'positions', epoch)
    const next = targets.includes('NextItems')
      ? nextItemTargets(dataset, {
          part,
          length,
          stride: oneRanker.listLength,
          values: shared.values,
          ...(random === undefined ? {} : { random }),
        })
      : undefined
    if (clicked !== undefined && next !== undefined) return joinTargets(clicked, next)
    const found = clicked ?? next
    if (found === undefined) throw new Error('A stage pretrain has at least one kind of targets')
    return found
  }
  if (samples('train').count === 0)
    throw lacks(
      'item to learn in its training part',
      'requests of the training part with clicks, or the target NextItems,',
    )
  return { ...behavioursOf(inputs), train: (epoch) => samples('train', epoch), validation: samples('validation') }
}

/** @throws JobError without a request of the training part */
export async function rankingData(inputs: OneRankerInputs, labels: CandidateLabels): Promise<RankingData> {
  const { sources, auction } = inputs
  const { dataset, market } = sources
  const { requests } = market
  const shared = { ...requestOptions(inputs), andNext: true, withoutTargets: true }
  const train = requestTargets(dataset, market, { ...shared, part: 'train' })
  if (train.count === 0) throw lacks('request in its training part', 'spec.advertising.requests of earlier times')
  const terms = valueTerms(auction)
  let mostAds = 0
  for (let request = 0; request < (requests?.count ?? 0); request++)
    mostAds = Math.max(mostAds, (requests?.ads?.offsets[request + 1] ?? 0) - (requests?.ads?.offsets[request] ?? 0))
  return {
    ...behavioursOf(inputs),
    train: () => train,
    validation: requestTargets(dataset, market, { ...shared, part: 'validation' }),
    pool: (request) => candidatePool(market, terms, request),
    mostAds,
    popularity: popularityOf(dataset, dataset.itemCount),
    labels,
  }
}

const behavioursOf = ({ sources, model }: OneRankerInputs) => ({
  dataset: sources.dataset,
  isAd: model.isAd,
  catalogue: model.catalogue,
})

/** What clicks of requests count, by the bids of their own request. */
function requestOptions({ sources, auction, shapes, stages }: OneRankerInputs) {
  const { market, dataset } = sources
  const terms = valueTerms(auction)
  return {
    length: shapes.ranker.interestTokens,
    clickedWeight: clickedWeightOf(stages),
    values: usualValues(market, dataset.itemCount, terms),
    valuesIn: (request) => adValues(market, request, terms),
  } satisfies Partial<RequestTargetOptions>
}

/** Runs `use` with the labels of a stage, and lets go of what they needed. */
export async function withLabels<Result>(
  inputs: OneRankerInputs,
  kind: 'RewardModel' | 'Logged',
  { reward, threads }: { readonly reward: Float32Array | undefined; readonly threads: number },
  use: (labels: CandidateLabels) => Promise<Result>,
): Promise<Result> {
  if (kind === 'Logged') return use(loggedLabels)
  if (reward === undefined) throw new Error('There is no reward model to label candidates with')
  const scorer = await RewardScorer.create({
    ...rewardData(inputs.sources),
    shape: inputs.shapes.reward,
    threads,
    slots: 1,
  })
  try {
    await scorer.setParameters(reward)
    return await use(rewardLabels(scorer, inputs.auction.objective.conversion))
  } finally {
    await scorer.release()
  }
}
