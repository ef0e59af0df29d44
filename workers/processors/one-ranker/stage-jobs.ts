// The stages of OneRanker: what decides each one's result, and how it is trained.

import { itemVectorTable } from '../../ranker/ega/item-vector-table.ts'
import type { OneRankerModel } from '../../ranker/one-ranker/artifact.ts'
import { trainRanking } from '../../ranker/one-ranker/ranking-stage.ts'
import { oneRankerLayout } from '../../ranker/one-ranker/shape.ts'
import { generatorPart, initialOneRanker, withRanker } from '../../ranker/one-ranker/start.ts'
import { type OneRankerTrainingOptions, pretrainOneRanker } from '../../ranker/one-ranker/training.ts'
import { stageStart } from '../../ranker/stage-training.ts'
import { type PricedAllocation, paymentJob as paymentJobOf } from '../staged/payment-job.ts'
import { rewardJob as rewardJobOf } from '../staged/reward-job.ts'
import { scheduleOf } from '../staged/settings.ts'
import { requestsFor, rewardData } from '../staged/sources.ts'
import type { StageHost, StageJob } from '../staged/stages.ts'
import type { OneRankerInputs } from './inputs.ts'
import { clickedWeightOf, valueTerms } from './settings.ts'
import { pretrainingData, rankingData, withLabels } from './training-data.ts'

export interface Before {
  readonly weights: OneRankerModel['weights']
  /** Digests of the stages so far that the next one builds on. */
  readonly before: readonly string[]
}

/** A model that is still without prices, ready to allocate. */
export type OpenAllocation = (
  inputs: OneRankerInputs,
  weights: OneRankerModel['weights'],
  host: StageHost,
) => Promise<PricedAllocation>

/** The options of the run that all stages of the ranker go by. */
function learningOptions(
  { spec, oneRanker }: OneRankerInputs,
  threads: number,
): Omit<OneRankerTrainingOptions, 'shape' | 'batchSize' | 'epochs' | 'patience'> {
  const { optimizer, model, seed } = spec
  return {
    regularization: { dropout: Number(model.dropout), labelSmoothing: Number(optimizer.labelSmoothing) },
    semanticIdWeight: Number(oneRanker.semanticIdWeight),
    sampledItems: oneRanker.sampledItems,
    schedule: scheduleOf(spec),
    weightDecay: Number(optimizer.weightDecay),
    clipNorm: Number(optimizer.clipNorm),
    seed,
    threads,
  }
}

const withoutThreads = <Options extends { readonly threads: number }>({ threads: _, ...decides }: Options) => decides

const ofItems = ({ model }: OneRankerInputs) => ({ ...model.catalogue.items, count: model.catalogue.items.itemCount })

export function pretrainJob(inputs: OneRankerInputs, { context }: StageHost): StageJob {
  const { spec, shapes, stages, sources, auction, oneRanker } = inputs
  const options = {
    ...learningOptions(inputs, context.threads),
    // Without a step 3, so that runs that differ in it alone share the stage.
    shape: generatorPart(shapes.ranker),
    batchSize: spec.optimizer.batchSize,
    epochs: spec.maxEpochs,
    patience: spec.earlyStopping.patienceEpochs,
  }
  return {
    name: 'pretrain',
    inputs: {
      ...sources.pinned,
      options: withoutThreads(options),
      stage: stages.pretrain,
      stride: oneRanker.listLength,
      values: shapes.ranker.refinement ? valueTerms(auction) : null,
    },
    start: async () => stageStart(await initialOneRanker(options.shape, ofItems(inputs), spec.seed, context.threads)),
    train: (start, ports) => pretrainOneRanker(options, pretrainingData(inputs), start, ports),
  }
}

export function rewardJob({ spec, stages, shapes, sources }: OneRankerInputs, { context }: StageHost): StageJob {
  if (stages.reward === undefined) throw new Error('There is no reward stage')
  const { pinned } = sources
  const job = { spec, stage: stages.reward, shape: shapes.reward, pinned, data: () => rewardData(sources) }
  return rewardJobOf(job, context.threads)
}

/** From the pre-trained generator, or from random parameters where there is none. */
export function rankingJob(inputs: OneRankerInputs, { context }: StageHost, { weights, before }: Before): StageJob {
  const { spec, shapes, stages, sources, auction, oneRanker } = inputs
  const { ranking } = stages
  if (ranking === undefined) throw new Error('There is no ranking stage')
  const { threads } = context
  const learning = learningOptions(inputs, threads)
  const options = {
    ...learning,
    shape: shapes.ranker,
    schedule: { ...learning.schedule, peak: Number(ranking.learningRate) },
    batchSize: ranking.batchSize,
    epochs: ranking.maxEpochs,
    patience: ranking.patienceEpochs,
    candidates: oneRanker.candidates,
    multiTokenWeight: Number(ranking.multiTokenWeight),
    rankWeight: Number(ranking.rankWeight),
    consistencyWeight: Number(ranking.consistencyWeight),
    consistencyWarmupSteps: ranking.consistencyWarmupSteps,
    temperature: Number(ranking.temperature),
    ownCandidates: ranking.ownCandidates,
  }
  return {
    name: 'ranking',
    inputs: {
      ...sources.pinned,
      before,
      options: withoutThreads(options),
      labels: ranking.labels,
      clickedWeight: clickedWeightOf(stages),
      values: valueTerms(auction),
    },
    start: async () =>
      stageStart(
        weights.ranker === undefined
          ? await initialOneRanker(shapes.ranker, ofItems(inputs), spec.seed, threads)
          : withRanker(shapes.ranker, weights.ranker, spec.seed),
      ),
    train: (start, ports) =>
      withLabels(inputs, ranking.labels, { reward: weights.reward, threads }, async (labels) =>
        trainRanking(options, await rankingData(inputs, labels), start, ports),
      ),
  }
}

export function paymentJob(
  inputs: OneRankerInputs,
  host: StageHost,
  { weights, before }: Before,
  openAllocation: OpenAllocation,
): StageJob {
  const { spec, shapes, stages, sources, auction, oneRanker } = inputs
  const { payment } = stages
  const { ranker } = weights
  if (payment === undefined || ranker === undefined) throw new Error('There is nothing to price')
  const { ranker: shape } = shapes
  return paymentJobOf(
    {
      spec,
      stage: payment,
      shape: shapes.payment,
      pinned: sources.pinned,
      bidUnit: auction.bidUnit,
      auction: { ...auction, paymentRule: null },
      before,
      requests: () => requestsFor(sources, oneRanker, { count: payment.requests, role: 'payment', seed: spec.seed }),
      itemVectors: () =>
        itemVectorTable({ shape, layout: oneRankerLayout(shape), parameters: ranker }, ofItems(inputs), {
          threads: host.context.threads,
        }),
      openAllocation: () => openAllocation(inputs, { ...weights, payment: undefined }, host),
    },
    host,
  )
}
