// The stage of the payment network, on whatever allocation: it asks an allocator how it answers misreports.

import type { Allocator, AuctionRequest } from '../../auction/auction.ts'
import { makeSamples, type ProbabilityResponse } from '../../auction/payment-network/make-samples.ts'
import type { PaymentShape } from '../../auction/payment-network/shape.ts'
import { paymentStart, trainPaymentNetwork } from '../../auction/payment-network/training.ts'
import { lagrangianSchedule, type Spec, type StageSpec } from './settings.ts'
import type { Pinned } from './sources.ts'
import type { StageHost, StageJob } from './stages.ts'

/** Losers of a request that prices are learned on, beside all winners. */
const losersPerRequest = 2

/** The allocation that prices are learned for. */
export interface PricedAllocation {
  readonly allocator: Allocator
  /** Of the entries of a list that stays as it is, under other bids. */
  readonly logZ: ProbabilityResponse['logZ']
  release(): Promise<void>
}

export interface PaymentJobInputs {
  readonly spec: Spec
  readonly stage: StageSpec<'payment'>
  readonly shape: PaymentShape
  readonly pinned: Pinned
  readonly bidUnit: number
  /** What decides an allocation beside the weights of the stages before. */
  readonly auction: object
  /** Digests of the stages so far. */
  readonly before: readonly string[]
  requests(): AuctionRequest[]
  /** Vectors of all items [items, itemDimensions]. */
  itemVectors(): Promise<Float32Array>
  openAllocation(): Promise<PricedAllocation>
}

export function paymentJob(job: PaymentJobInputs, host: StageHost): StageJob {
  const { spec, stage, shape, pinned, before, auction, bidUnit } = job
  const options = {
    shape,
    epochs: stage.maxEpochs,
    batchSize: stage.batchSize,
    learningRate: Number(stage.learningRate),
    weightDecay: 0,
    clipNorm: Number(spec.optimizer.clipNorm),
    lagrangian: lagrangianSchedule(stage),
    seed: spec.seed,
    threads: host.context.threads,
  }
  const { threads: _threads, ...decides } = options
  const sampled = {
    requests: stage.requests,
    valuations: stage.valuations,
    valueJitter: Number(stage.valueJitter),
    response: stage.response,
    misreports: stage.misreports,
  }
  return {
    name: 'payment',
    inputs: { ...pinned, before, options: decides, sampled, auction },
    start: () => paymentStart(options),
    train: async (start, ports) => {
      const requests = job.requests()
      const vectors = await job.itemVectors()
      const allocation = await job.openAllocation()
      try {
        const { logZ } = allocation
        const samples = await makeSamples(requests, allocation.allocator, {
          listLength: shape.listLength,
          bidUnit,
          values: { draws: sampled.valuations, deviation: sampled.valueJitter },
          misreports: sampled.misreports,
          losers: losersPerRequest,
          seed: spec.seed,
          vectors,
          ...(sampled.response === 'Decoded' ? {} : { response: { by: sampled.response, logZ } }),
          onRequest: (done) => reportSamples(host, done, requests.length),
        })
        return await trainPaymentNetwork(options, samples, start, ports)
      } finally {
        await allocation.release()
      }
    },
  }
}

async function reportSamples({ context }: StageHost, step: number, totalSteps: number): Promise<void> {
  context.signal.throwIfAborted()
  await context.progress({ phase: 'payment samples', step, totalSteps })
}
