// The allocation rule of EGA-V2 over real sessions: a graph for each size of request, requests and bids in batches.

import type { Allocation, Allocator, AuctionRequest } from '../../auction/auction.ts'
import type { TokenBidding } from '../../auction/token-bids.ts'
import { historyTensors } from '../../ranker/ega/pretraining.ts'
import type { ExecutionProvider } from '../../tensor/execution-provider.ts'
import type { Graph } from '../../tensor/graph.ts'
import { writeModel } from '../../tensor/onnx-writer.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import { float32, int32, Session, type Tensors } from '../../tensor/session.ts'
import { SessionThread } from '../../tensor/session-thread.ts'
import { allocationsOf } from './allocations.ts'
import { type AuctionModelParts, auctionGraph, judgeHistory, type ListJudge } from './auction-graph.ts'
import {
  type BidRow,
  bidTensors,
  type Capacity,
  candidateTensors,
  capacityFor,
  type PreparedRequest,
  prepareRequest,
} from './request-tensors.ts'
import { type ListObjective, objectiveInputs } from './reward-judge.ts'

export interface AuctionDecoderOptions {
  readonly threads: number
  /** N_S. */
  readonly candidateLists: number
  /** Rows of a run at most: it bounds the memory of a run. */
  readonly maxBatch: number
  /** Money that counts as a bid of 1. */
  readonly bidUnit: number
  readonly ownThread?: boolean
  readonly provider?: ExecutionProvider
}

export interface AuctionWeights {
  /** Of the generator: constants, or inputs that come with `setInputs`. */
  readonly parameters: (graph: Graph) => Parameters
  readonly judge: ListJudge
}

/** What of an allocation may change from call to call. */
export interface AllocationSettings {
  readonly bidding: TokenBidding | 'None'
  readonly objective: ListObjective
}

type Runner = Pick<Session, 'run' | 'release'> | Pick<SessionThread, 'run' | 'release'>

export class AuctionDecoder implements Allocator {
  readonly #parts: AuctionModelParts
  readonly #weights: AuctionWeights
  readonly #options: AuctionDecoderOptions
  readonly #sessions = new Map<string, Promise<Runner>>()
  readonly #settings: AllocationSettings
  #inputs: Tensors = {}

  constructor(
    parts: AuctionModelParts,
    weights: AuctionWeights,
    settings: AllocationSettings,
    options: AuctionDecoderOptions,
  ) {
    this.#parts = parts
    this.#weights = weights
    this.#options = options
    this.#settings = settings
  }

  /** Inputs of every run from now on, for weights that still change. */
  setInputs(inputs: Tensors): void {
    this.#inputs = inputs
  }

  /** @param settings in place of the decoder's own; they cost no new graph */
  async allocate(requests: readonly AuctionRequest[], settings = this.#settings): Promise<Allocation[]> {
    const allocations: Allocation[] = []
    for (const group of this.#groups(requests)) {
      const prepared = group.map((request) => this.#prepare(request))
      const rows = group.map(({ bids }, index) => ({ request: index, bids }))
      allocations.push(...(await this.#run(prepared, rows, settings)))
    }
    return allocations
  }

  async underBids(
    request: AuctionRequest,
    bids: readonly Float64Array[],
    settings = this.#settings,
  ): Promise<Allocation[]> {
    const prepared = [this.#prepare(request)]
    const allocations: Allocation[] = []
    const { maxBatch } = this.#options
    for (let from = 0; from < bids.length; from += maxBatch) {
      const rows = bids.slice(from, from + maxBatch).map((each) => ({ request: 0, bids: each }))
      allocations.push(...(await this.#run(prepared, rows, settings)))
    }
    return allocations
  }

  /** Loads the session for requests of this size, before the first of them comes. */
  async warmUp(request: AuctionRequest): Promise<void> {
    await this.allocate([request])
  }

  async release(): Promise<void> {
    for (const session of this.#sessions.values()) await (await session).release()
    this.#sessions.clear()
  }

  /** Runs of requests of one length of list, in their order. */
  *#groups(requests: readonly AuctionRequest[]): Generator<AuctionRequest[]> {
    let group: AuctionRequest[] = []
    for (const request of requests) {
      const isFull = group.length >= this.#options.maxBatch || (group.length > 0 && group[0].slots !== request.slots)
      if (isFull) {
        yield group
        group = []
      }
      group.push(request)
    }
    if (group.length > 0) yield group
  }

  #prepare(request: AuctionRequest): PreparedRequest {
    return prepareRequest(request, this.#parts.catalogue.items)
  }

  async #run(
    prepared: readonly PreparedRequest[],
    rows: readonly BidRow[],
    { bidding, objective }: AllocationSettings,
  ): Promise<Allocation[]> {
    const { catalogue, shape } = this.#parts
    const { bidUnit } = this.#options
    const requests = prepared.map(({ request }) => request)
    const capacity = capacityFor(requests, this.#options.candidateLists, catalogue.items)
    const session = await this.#session(capacity)
    const histories = requests.map(({ history }) => ({ items: history }))
    const outputs = await session.run({
      ...historyTensors(shape, histories),
      [judgeHistory]: oldestFirst(requests, shape.historyLength),
      ...candidateTensors(prepared, capacity, this.#parts.creativesByItem),
      ...bidTensors(prepared, rows, capacity, { bidding, bidUnit }, catalogue.items),
      [objectiveInputs.conversion]: float32([1], [objective.conversion]),
      [objectiveInputs.organic]: float32([1], [objective.organic]),
      ...this.#inputs,
    })
    const sizes = rows.map(({ request }) => requests[request].ads.length + requests[request].organic.length)
    return allocationsOf(outputs, { rows: sizes, slots: capacity.slots, bidUnit })
  }

  #session(capacity: Capacity): Promise<Runner> {
    const key = `${capacity.slots}:${capacity.columns}:${capacity.entries.join()}`
    const known = this.#sessions.get(key)
    if (known !== undefined) return known
    const created = this.#createSession(capacity)
    this.#sessions.set(key, created)
    return created
  }

  #createSession(capacity: Capacity): Promise<Runner> {
    const { candidateLists, threads, ownThread = false, provider = 'CPU' } = this.#options
    const graph = auctionGraph(this.#parts, { ...this.#weights, capacity, beams: candidateLists })
    const model = writeModel(graph)
    const options = { threads, provider }
    return ownThread ? SessionThread.create(model, options) : Session.create(model, options)
  }
}

const oldestFirst = (requests: readonly AuctionRequest[], historyLength: number) => {
  const items = new Int32Array(requests.length * historyLength)
  for (const [row, { history }] of requests.entries()) items.set(history.subarray(-historyLength), row * historyLength)
  return int32([requests.length, historyLength], items)
}
