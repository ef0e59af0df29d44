// The stages of EGA-V2 as jobs: what each is decided by, where it starts, and how it trains.

import type { JobPayload } from '../../../crds/jobs.ts'
import type { AuctionRequest } from '../../auction/auction.ts'
import { makeSamples } from '../../auction/payment-network/make-samples.ts'
import { paymentStart, trainPaymentNetwork } from '../../auction/payment-network/training.ts'
import { rewardStart, trainRewardModel } from '../../auction/reward-model/training.ts'
import { auctionParts, egaDecoder, judgeOf } from '../../decoding/auction/ega-decoder.ts'
import { ListProbability } from '../../decoding/auction/list-probability.ts'
import { trainAllocation } from '../../ranker/ega/allocation-stage.ts'
import { generatorLayout } from '../../ranker/ega/generator-shape.ts'
import { itemVectorTable } from '../../ranker/ega/item-vector-table.ts'
import { pretrain } from '../../ranker/ega/pretraining.ts'
import { stageStart } from '../../ranker/stage-training.ts'
import { initialParameters } from '../../tensor/parameters.ts'
import { type EgaInputs, type PartialModel, requestsFor } from './inputs.ts'
import { lagrangianSchedule, type Spec } from './settings.ts'
import type { StageHost, StageJob } from './stages.ts'

/** Losers of a request that prices are learned on, beside all winners. */
const losersPerRequest = 2
/** Rows of a decoding run while training: enough to fill the cores, few enough for their memory. */
const maxBatch = 32

export interface Before {
  readonly model: PartialModel
  /** Digests of the stages so far. */
  readonly before: readonly string[]
}

const scheduleKinds = { Constant: 'constant', Cosine: 'cosine', InverseSquareRoot: 'inverseSquareRoot' } as const

export function pretrainJob({ spec }: JobPayload<Spec>, inputs: EgaInputs, host: StageHost): StageJob {
  const { shapes, stages, data, pinned } = inputs
  const { optimizer, model, maxEpochs, earlyStopping, seed } = spec
  const options = {
    shape: shapes.generator,
    regularization: { dropout: Number(model.dropout), labelSmoothing: Number(optimizer.labelSmoothing) },
    schedule: {
      kind: scheduleKinds[optimizer.schedule],
      peak: Number(optimizer.learningRate),
      warmupSteps: optimizer.warmupSteps,
    },
    weightDecay: Number(optimizer.weightDecay),
    clipNorm: Number(optimizer.clipNorm),
    batchSize: optimizer.batchSize,
    epochs: maxEpochs,
    patience: earlyStopping.patienceEpochs,
    seed,
    threads: host.context.threads,
  }
  const { threads: _threads, ...decides } = options
  return {
    name: 'pretrain',
    inputs: { ...pinned, options: decides, stage: stages.pretrain },
    start: () => stageStart(initialParameters(generatorLayout(shapes.generator), seed)),
    train: (start, ports) => pretrain(options, data.lists(), start, ports),
  }
}

export function rewardJob({ spec }: JobPayload<Spec>, inputs: EgaInputs, host: StageHost): StageJob {
  const { shapes, stages, data, pinned } = inputs
  const { reward } = stages
  if (reward === undefined) throw new Error('There is no reward stage')
  const options = {
    shape: shapes.reward,
    epochs: reward.maxEpochs,
    batchSize: reward.batchSize,
    learningRate: Number(reward.learningRate),
    weightDecay: Number(spec.optimizer.weightDecay),
    clipNorm: Number(spec.optimizer.clipNorm),
    dropout: Number(spec.model.dropout),
    patience: reward.patienceEpochs,
    calibration: reward.calibration,
    fold: reward.fold,
    // One division of users for all runs, so that a model of one half never sees the other's.
    foldSeed: 0,
    seed: spec.seed,
  }
  const trained = { ...options, threads: host.context.threads }
  return {
    name: 'reward',
    inputs: { ...pinned, options },
    start: () => rewardStart(trained, data.reward()),
    train: (start, ports) => trainRewardModel(trained, data.reward(), start, ports),
  }
}

/** What decides an allocation beside its weights. */
const auctionInputs = ({ auction }: EgaInputs) => ({ ...auction, paymentRule: null })

export function allocationJob(
  { spec }: JobPayload<Spec>,
  inputs: EgaInputs,
  host: StageHost,
  { model, before }: Before,
): StageJob {
  const { shapes, stages, pinned, auction } = inputs
  const { allocation } = stages
  const { generator } = model.weights
  if (allocation === undefined || generator === undefined) throw new Error('There is nothing to tune')
  const options = {
    learningRate: Number(allocation.learningRate),
    weightDecay: 0,
    clipNorm: Number(spec.optimizer.clipNorm),
    batchSize: allocation.batchSize,
    epochs: allocation.maxEpochs,
    trained: allocation.trained,
    klWeight: Number(allocation.klWeight),
    baseline: allocation.baseline,
    withoutAd: allocation.withoutAd,
    seed: spec.seed,
    settings: { bidding: auction.bidding, objective: auction.objective },
  }
  const ega = { ...inputs.model, weights: model.weights }
  return {
    name: 'allocation',
    inputs: { ...pinned, before, options, requests: allocation.requests, auction: auctionInputs(inputs) },
    start: () => stageStart(generator),
    train: (start, ports) =>
      trainAllocation(
        { ...options, decoder: decoderOptions(inputs, host) },
        {
          parts: { ...auctionParts(ega), shape: shapes.generator },
          judge: judgeOf(ega),
          requests: requestsFor(inputs, allocation.requests, 'allocation'),
        },
        start,
        generator,
        ports,
      ),
  }
}

export function paymentJob(
  { spec }: JobPayload<Spec>,
  inputs: EgaInputs,
  host: StageHost,
  { model, before }: Before,
): StageJob {
  const { shapes, stages, pinned, auction } = inputs
  const { payment } = stages
  const { generator } = model.weights
  if (payment === undefined || generator === undefined) throw new Error('There is nothing to price')
  const options = {
    shape: shapes.payment,
    epochs: payment.maxEpochs,
    batchSize: payment.batchSize,
    learningRate: Number(payment.learningRate),
    weightDecay: 0,
    clipNorm: Number(spec.optimizer.clipNorm),
    lagrangian: lagrangianSchedule(payment),
    seed: spec.seed,
    threads: host.context.threads,
  }
  const { threads, ...decides } = options
  const ega = { ...inputs.model, weights: { ...model.weights, payment: undefined } }
  const sampled = {
    requests: payment.requests,
    valuations: payment.valuations,
    valueJitter: Number(payment.valueJitter),
    response: payment.response,
  }
  return {
    name: 'payment',
    inputs: { ...pinned, before, options: decides, sampled, auction: auctionInputs(inputs) },
    start: () => paymentStart(options),
    train: async (start, ports) => {
      const requests = requestsFor(inputs, payment.requests, 'payment')
      const { generator: shape } = shapes
      const itemModel = { shape, layout: generatorLayout(shape), parameters: generator }
      const vectors = await itemVectorTable(itemModel, ofItems(inputs), threads)
      const decoder = egaDecoder(ega, auction, decoderOptions(inputs, host))
      const probability = new ListProbability(auctionParts(ega), generator, { ...auction, threads })
      try {
        const samples = await makeSamples(requests, decoder, {
          listLength: shapes.generator.listLength,
          bidUnit: auction.bidUnit,
          values: { draws: sampled.valuations, deviation: sampled.valueJitter },
          losers: losersPerRequest,
          seed: spec.seed,
          vectors,
          ...(sampled.response === 'Decoded'
            ? {}
            : {
                response: {
                  by: sampled.response,
                  logZ: (request, truth, bids) => probability.underBids(request, truth, bids),
                },
              }),
          onRequest: (done) => reportSamples(host, done, requests),
        })
        return await trainPaymentNetwork(options, samples, start, ports)
      } finally {
        await decoder.release()
        await probability.release()
      }
    },
  }
}

const ofItems = ({ model }: EgaInputs) => ({ ...model.catalogue.items, count: model.catalogue.items.itemCount })

const decoderOptions = ({ auction }: EgaInputs, { context }: StageHost) => ({
  threads: context.threads,
  candidateLists: auction.candidateLists,
  maxBatch,
  bidUnit: auction.bidUnit,
})

async function reportSamples({ context }: StageHost, done: number, requests: readonly AuctionRequest[]): Promise<void> {
  context.signal.throwIfAborted()
  await context.progress({ phase: 'payment samples', step: done, totalSteps: requests.length })
}
