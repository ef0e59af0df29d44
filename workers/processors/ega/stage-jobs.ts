// The stages of EGA-V2: what decides each one's result, and how it is trained.

import type { JobPayload } from '../../../crds/jobs.ts'
import type { AuctionRequest } from '../../auction/auction.ts'
import { withAlternatives } from '../../decoding/auction/ega-alternatives.ts'
import { auctionParts, egaDecoder, judgeOf } from '../../decoding/auction/ega-decoder.ts'
import { findsListsWithoutBids, KnownLists } from '../../decoding/auction/known-lists.ts'
import { ListProbability } from '../../decoding/auction/list-probability.ts'
import { openScorer } from '../../decoding/auction/open-ega.ts'
import { trainAllocation } from '../../ranker/ega/allocation-stage.ts'
import { generatorLayout } from '../../ranker/ega/generator-shape.ts'
import { itemVectorTable } from '../../ranker/ega/item-vector-table.ts'
import { pretrain } from '../../ranker/ega/pretraining.ts'
import { stageStart } from '../../ranker/stage-training.ts'
import { initialParameters } from '../../tensor/parameters.ts'
import { type PricedAllocation, paymentJob as paymentJobOf } from '../staged/payment-job.ts'
import { rewardJob as rewardJobOf } from '../staged/reward-job.ts'
import { type Spec, scheduleOf } from '../staged/settings.ts'
import { requestsFor, rewardData } from '../staged/sources.ts'
import type { StageHost, StageJob } from '../staged/stages.ts'
import { type EgaInputs, type PartialModel, pretrainingData } from './inputs.ts'

/** Rows of a decoding run while training: enough to fill the cores, few enough for their memory. */
const maxBatch = 32

export interface Before {
  readonly model: PartialModel
  /** Digests of the stages so far. */
  readonly before: readonly string[]
}

export function pretrainJob({ spec }: JobPayload<Spec>, inputs: EgaInputs, host: StageHost): StageJob {
  const { shapes, stages, sources } = inputs
  const { optimizer, model, maxEpochs, earlyStopping, seed } = spec
  const options = {
    shape: shapes.generator,
    regularization: { dropout: Number(model.dropout), labelSmoothing: Number(optimizer.labelSmoothing) },
    schedule: scheduleOf(spec),
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
    inputs: { ...sources.pinned, options: decides, stage: stages.pretrain },
    start: () => stageStart(initialParameters(generatorLayout(shapes.generator), seed)),
    train: (start, ports) => pretrain(options, pretrainingData(inputs), start, ports),
  }
}

export function rewardJob({ spec }: JobPayload<Spec>, inputs: EgaInputs, host: StageHost): StageJob {
  const { shapes, stages, sources } = inputs
  if (stages.reward === undefined) throw new Error('There is no reward stage')
  const { pinned } = sources
  const job = { spec, stage: stages.reward, shape: shapes.reward, pinned, data: () => rewardData(sources) }
  return rewardJobOf(job, host.context.threads)
}

/** What decides an allocation beside its weights. */
const auctionInputs = ({ auction }: EgaInputs) => ({ ...auction, paymentRule: null })

/** What decides the lists of one search. */
const searchInputs = (inputs: EgaInputs) => {
  const { alternatives: _, bidder: __, ...decides } = auctionInputs(inputs)
  return decides
}

export function allocationJob(
  { spec }: JobPayload<Spec>,
  inputs: EgaInputs,
  host: StageHost,
  { model, before }: Before,
): StageJob {
  const { shapes, stages, sources, auction } = inputs
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
    inputs: { ...sources.pinned, before, options, requests: allocation.requests, auction: searchInputs(inputs) },
    start: () => stageStart(generator),
    train: (start, ports) =>
      trainAllocation(
        { ...options, decoder: decoderOptions(inputs, host) },
        {
          parts: { ...auctionParts(ega), shape: shapes.generator },
          judge: judgeOf(ega),
          requests: drawn(inputs, allocation.requests, 'allocation'),
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
  const { shapes, stages, sources, auction } = inputs
  const { payment } = stages
  const { generator } = model.weights
  if (payment === undefined || generator === undefined) throw new Error('There is nothing to price')
  const { threads } = host.context
  const { generator: shape } = shapes
  const itemModel = { shape, layout: generatorLayout(shape), parameters: generator }
  return paymentJobOf(
    {
      spec,
      stage: payment,
      shape: shapes.payment,
      pinned: sources.pinned,
      bidUnit: auction.bidUnit,
      auction: auctionInputs(inputs),
      before,
      requests: () => drawn(inputs, payment.requests, 'payment'),
      itemVectors: () => itemVectorTable(itemModel, ofItems(inputs), { threads }),
      openAllocation: () => pricedAllocation(inputs, host, model, generator),
    },
    host,
  )
}

async function pricedAllocation(
  inputs: EgaInputs,
  host: StageHost,
  model: PartialModel,
  generator: Float32Array,
): Promise<PricedAllocation> {
  const { auction } = inputs
  const { threads } = host.context
  const ega = { ...inputs.model, weights: { ...model.weights, payment: undefined } }
  await using opened = new AsyncDisposableStack()
  const decoder = egaDecoder(ega, auction, decoderOptions(inputs, host))
  opened.defer(() => decoder.release())
  const scorer = auction.alternatives === 'Swaps' ? await openScorer(ega, threads) : undefined
  if (scorer !== undefined) opened.defer(() => scorer.release())
  const probability = new ListProbability(auctionParts(ega), generator, { ...auction, threads })
  opened.defer(() => probability.release())
  const worth = { objective: auction.objective, bidUnit: auction.bidUnit }
  const search = withAlternatives(ega, auction, { search: decoder, scorer, ...worth })
  const kept = opened.move()
  return {
    // Of every request all misreports are asked for: where they only choose among its lists, one search does for all.
    allocator: findsListsWithoutBids(auction.bidding)
      ? new KnownLists({ search, bidding: auction.bidding, keepsLast: true, ...worth })
      : search,
    logZ: (request, truth, bids) => probability.underBids(request, truth, bids),
    release: () => kept.disposeAsync(),
  }
}

const drawn = ({ sources, ega, spec, round }: EgaInputs, count: number, role: string): AuctionRequest[] =>
  requestsFor(sources, ega, { count, role, seed: spec.seed, ...(round === undefined ? {} : { round }) })

const ofItems = ({ model }: EgaInputs) => ({ ...model.catalogue.items, count: model.catalogue.items.itemCount })

const decoderOptions = ({ auction }: EgaInputs, { context }: StageHost) => ({
  threads: context.threads,
  candidateLists: auction.candidateLists,
  organicOrder: auction.organicOrder,
  maxBatch,
  bidUnit: auction.bidUnit,
})
