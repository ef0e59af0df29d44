// Step 2 of training for the generator (Sec. 4.4.2): lists are decoded with the parameters as they are, the reward model,
// fixed, tells what each entry adds, and the generator moves towards what adds more.

import type { Allocation, AuctionRequest } from '../../auction/auction.ts'
import { itemOfCandidate } from '../../auction/chosen-list.ts'
import { marginalContributions } from '../../auction/marginal-contribution.ts'
import {
  type AllocationSettings,
  AuctionDecoder,
  type AuctionDecoderOptions,
} from '../../decoding/auction/auction-decoder.ts'
import type { AuctionModelParts, ListJudge } from '../../decoding/auction/auction-graph.ts'
import { searchTensors } from '../../decoding/auction/bid-tensors.ts'
import {
  type Capacity,
  candidateTensors,
  capacityFor,
  prepareRequest,
  readHistory,
} from '../../decoding/auction/request-tensors.ts'
import type { Graph } from '../../tensor/graph.ts'
import { parametersOf } from '../../tensor/parameters.ts'
import { Random } from '../../tensor/random.ts'
import { float32, int32, Session, type Tensors } from '../../tensor/session.ts'
import { trainingStep } from '../../tensor/training-step.ts'
import {
  runStage,
  type Stage,
  type StagePorts,
  type StageProgress,
  type StageResult,
  stageBetas,
  stageOptimizer,
} from '../stage-training.ts'
import { catalogueTensors } from './generator-catalogue.ts'
import { type GeneratorShape, generatorLayout, isOfItemHead } from './generator-shape.ts'
import { historyTensors } from './history-tensors.ts'
import { policyGradientModel, policyInputs } from './policy-gradient.ts'
import { listInputs } from './pretraining-model.ts'

export interface AllocationStageOptions {
  readonly learningRate: number
  readonly weightDecay: number
  readonly clipNorm: number
  readonly batchSize: number
  readonly epochs: number
  readonly trained: 'Head' | 'Full'
  /** Only where the whole generator is trained. */
  readonly klWeight: number
  readonly baseline: 'None' | 'Mean'
  readonly withoutAd: 'Lists' | 'Search'
  readonly seed: number
  readonly settings: AllocationSettings
  readonly decoder: AuctionDecoderOptions
}

export interface AllocationData {
  readonly parts: AuctionModelParts
  readonly judge: ListJudge
  /** Requests of an epoch. */
  readonly requests: readonly AuctionRequest[]
}

/** r_i less the baseline, in units of the mean bid [batch, listLength]. */
export const advantages = (
  contributions: readonly Float64Array[],
  baseline: 'None' | 'Mean',
  { listLength, bidUnit }: { readonly listLength: number; readonly bidUnit: number },
  present: (row: number, slot: number) => boolean,
): Float32Array => {
  const values = new Float32Array(contributions.length * listLength)
  let sum = 0
  let count = 0
  for (const [row, contribution] of contributions.entries()) {
    for (let slot = 0; slot < contribution.length; slot++) {
      if (!present(row, slot)) continue
      values[row * listLength + slot] = contribution[slot] / bidUnit
      sum += contribution[slot] / bidUnit
      count++
    }
  }
  if (baseline === 'None' || count === 0) return values
  const mean = sum / count
  for (const [row, contribution] of contributions.entries())
    for (let slot = 0; slot < contribution.length; slot++)
      if (present(row, slot)) values[row * listLength + slot] -= mean
  return values
}

/** The chosen lists of a batch as the inputs of the policy's graph. */
const chosenLists = (
  shape: GeneratorShape,
  requests: readonly AuctionRequest[],
  allocations: readonly Allocation[],
): { tensors: Tensors; present: (row: number, slot: number) => boolean } => {
  const { listLength } = shape
  const size = requests.length * listLength
  const items = new Int32Array(size)
  const creatives = new Int32Array(size).fill(-1)
  const chosen = new Int32Array(size)
  const listed = new Uint8Array(size)
  for (const [row, { lists, chosen: best }] of allocations.entries()) {
    for (let slot = 0; slot < lists.slots; slot++) {
      const candidate = lists.count === 0 ? -1 : lists.candidate[best * lists.slots + slot]
      if (candidate < 0) continue
      const at = row * listLength + slot
      listed[at] = 1
      chosen[at] = candidate
      items[at] = itemOfCandidate(requests[row], candidate)
      creatives[at] = lists.creative[best * lists.slots + slot]
    }
  }
  const of = (data: Int32Array) => int32([requests.length, listLength], data)
  const none = float32([requests.length, listLength], new Float32Array(size))
  return {
    tensors: {
      [listInputs.items]: of(items),
      [listInputs.weights]: none,
      [policyInputs.chosen]: of(chosen),
      ...(shape.creatives === undefined
        ? {}
        : { [listInputs.creatives]: of(creatives), [listInputs.creativeWeights]: none }),
    },
    present: (row, slot) => listed[row * listLength + slot] === 1,
  }
}

/** Fine-tunes a generator. `start` holds the pre-trained parameters; metrics: the mean reward of the chosen lists. */
export async function trainAllocation(
  options: AllocationStageOptions,
  data: AllocationData,
  start: StageProgress,
  pretrained: Float32Array,
  ports: StagePorts,
): Promise<StageResult> {
  const stage = await AllocationStage.create(options, data, pretrained)
  try {
    return await runStage(stage, start, ports)
  } finally {
    await stage.release()
  }
}

class AllocationStage implements Stage {
  readonly epochs: number
  readonly stepsPerEpoch: number
  readonly schedule: Stage['schedule']
  readonly betas = stageBetas
  readonly #options: AllocationStageOptions
  readonly #data: AllocationData
  readonly #decoder: AuctionDecoder
  readonly #session: Session
  readonly #constants: Tensors
  /** Of all requests, so that one graph takes every batch. */
  readonly #capacity: Capacity

  private constructor(
    options: AllocationStageOptions,
    data: AllocationData,
    parts: {
      readonly decoder: AuctionDecoder
      readonly session: Session
      readonly constants: Tensors
      readonly capacity: Capacity
    },
  ) {
    this.#options = options
    this.#data = data
    this.#decoder = parts.decoder
    this.#session = parts.session
    this.#constants = parts.constants
    this.#capacity = parts.capacity
    this.epochs = options.epochs
    this.stepsPerEpoch = Math.max(1, Math.floor(data.requests.length / options.batchSize))
    this.schedule = { kind: 'constant', peak: options.learningRate, warmupSteps: 0 }
  }

  static async create(
    options: AllocationStageOptions,
    data: AllocationData,
    pretrained: Float32Array,
  ): Promise<AllocationStage> {
    const { parts, judge, requests } = data
    const { shape, catalogue } = parts
    const layout = generatorLayout(shape)
    const weights = {
      parameters: (graph: Graph) => parametersOf(graph.input('parameters', 'float32', [layout.size]), layout),
      judge,
    }
    const decoder = new AuctionDecoder(parts, weights, options.settings, options.decoder)
    const capacity = capacityFor(requests, options.decoder.candidateLists, catalogue.items)
    const klWeight = options.trained === 'Full' ? options.klWeight : 0
    const policy = { batch: batchOf(options, requests.length), entries: capacity.entries, klWeight }
    const model = policyGradientModel(shape, catalogue.items, catalogue.creatives?.count ?? 0, policy)
    const step = trainingStep(model, {
      optimizer: stageOptimizer(options.weightDecay, options.clipNorm),
      ...(options.trained === 'Head' ? { trained: isOfItemHead } : {}),
    })
    const session = await Session.create(step, { threads: options.decoder.threads })
    const constants: Tensors = {
      ...catalogueTensors(shape, catalogue),
      ...(klWeight === 0 ? {} : { [policyInputs.frozen]: float32([pretrained.length], pretrained) }),
    }
    return new AllocationStage(options, data, { decoder, session, constants, capacity })
  }

  async step({ epoch, index, parameters }: Parameters<Stage['step']>[0]): ReturnType<Stage['step']> {
    const { requests, parts } = this.#data
    const { shape, catalogue } = parts
    const { seed, baseline, settings, decoder, withoutAd } = this.#options
    const batch = batchOf(this.#options, requests.length)
    const order = new Random(seed, 'allocation', epoch).permutation(requests.length)
    const chosen = Array.from({ length: batch }, (_, row) => requests[order[index * batch + row]])
    this.#decoder.setInputs({ parameters: float32([parameters.length], parameters) })
    const allocations = await this.#decoder.allocate(chosen)
    const contributions = await marginalContributions(chosen, allocations, this.#decoder, { withoutAd })
    const rewards = allocations.map(({ lists, chosen: best }) => lists.reward[best] ?? 0)
    const reward = rewards.reduce((sum, each) => sum + each, 0) / (rewards.length * decoder.bidUnit)
    const { tensors, present } = chosenLists(shape, chosen, allocations)
    const prepared = chosen.map((request) => prepareRequest(request, catalogue.items, parts.expectedBids))
    const rows = chosen.map(({ bids }, row) => ({ request: row, bids }))
    const levels = {
      ...candidateTensors(prepared, this.#capacity),
      ...searchTensors(
        prepared,
        rows,
        this.#capacity,
        { bidding: settings.bidding, bidUnit: decoder.bidUnit },
        catalogue.items,
      ),
    }
    const size = { listLength: shape.listLength, bidUnit: decoder.bidUnit }
    const advantage = advantages(contributions, baseline, size, present)
    return {
      session: this.#session,
      batch: {
        ...this.#constants,
        ...historyTensors(shape, chosen.map(readHistory)),
        ...Object.fromEntries(Object.entries(levels).filter(([name]) => name.startsWith('level.'))),
        ...tensors,
        [policyInputs.advantage]: float32([batch, shape.listLength], advantage),
        [policyInputs.reward]: float32([1], [reward]),
      },
    }
  }

  async release(): Promise<void> {
    await this.#decoder.release()
    await this.#session.release()
  }
}

const batchOf = ({ batchSize }: AllocationStageOptions, requests: number): number => Math.min(batchSize, requests)
