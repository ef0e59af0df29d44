// The allocation rule of EGA-V2 over real sessions: a graph for each size of request, requests and bids in batches.

import type { OrganicOrder } from '../../../crds/auction-terms.ts'
import type { Allocation, Allocator, AuctionRequest } from '../../auction/auction.ts'
import type { TokenBidding } from '../../auction/token-bids.ts'
import { historyTensors } from '../../ranker/ega/history-tensors.ts'
import type { ExecutionProvider } from '../../tensor/execution-provider.ts'
import type { Graph } from '../../tensor/graph.ts'
import { writeModel } from '../../tensor/onnx-writer.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import { openRunner, type Runner } from '../../tensor/runner.ts'
import { float32, int32, type Tensors } from '../../tensor/session.ts'
import { allocationsOf } from './allocations.ts'
import { type AuctionModelParts, auctionGraph, judgeHistory, type ListJudge } from './auction-graph.ts'
import { type BidRow, rowTensors, searchesOf, searchTensors } from './bid-tensors.ts'
import {
  type Capacity,
  candidateTensors,
  capacityFor,
  type PreparedRequest,
  prepareRequest,
  readHistory,
} from './request-tensors.ts'
import { type ListObjective, objectiveInputs } from './reward-judge.ts'
import { SessionCache, type SessionCacheOptions } from './session-cache.ts'

export interface AuctionDecoderOptions {
  readonly threads: number
  /** N_S. */
  readonly candidateLists: number
  /** Rows of a run at most: it bounds the memory of a run. */
  readonly maxBatch: number
  /** Money that counts as a bid of 1. */
  readonly bidUnit: number
  /** Absent: Fixed. */
  readonly organicOrder?: OrganicOrder | undefined
  readonly ownThread?: boolean
  readonly provider?: ExecutionProvider
  readonly sessions?: SessionCacheOptions
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

/** Milliseconds by part of the work, added up over runs. */
export type StepTimes = Partial<Record<'candidates' | 'tokenBids' | 'graph' | 'lists', number>>

/** Requests of one size, by their places among all. */
interface SizeGroup {
  readonly capacity: Capacity
  readonly places: number[]
}

export class AuctionDecoder implements Allocator {
  readonly #parts: AuctionModelParts
  readonly #weights: AuctionWeights
  readonly #options: AuctionDecoderOptions
  readonly #sessions: SessionCache
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
    this.#sessions = new SessionCache((capacity) => this.#createSession(capacity), options.sessions)
  }

  /** Inputs of every run from now on, for weights that still change. */
  setInputs(inputs: Tensors): void {
    this.#inputs = inputs
  }

  /**
   * Requests of equal size are decoded together.
   * @param settings in place of the decoder's own; they cost no new graph
   * @param times what it took is added to them
   */
  async allocate(
    requests: readonly AuctionRequest[],
    settings = this.#settings,
    times: StepTimes = {},
  ): Promise<Allocation[]> {
    const allocations: Allocation[] = new Array(requests.length)
    for (const { capacity, places } of this.#groups(requests)) {
      const group = places.map((place) => requests[place])
      const prepared = timed(times, 'candidates', () => group.map((request) => this.#prepare(request)))
      const rows = group.map(({ bids }, index) => ({ request: index, bids }))
      const found = await this.#run(prepared, rows, { capacity, settings, times })
      for (const [index, place] of places.entries()) allocations[place] = found[index]
    }
    return allocations
  }

  async underBids(
    request: AuctionRequest,
    bids: readonly Float64Array[],
    settings = this.#settings,
    times: StepTimes = {},
  ): Promise<Allocation[]> {
    const prepared = timed(times, 'candidates', () => [this.#prepare(request)])
    const capacity = this.#capacityOf(request)
    const allocations: Allocation[] = []
    const { maxBatch } = this.#options
    for (let from = 0; from < bids.length; from += maxBatch) {
      const rows = bids.slice(from, from + maxBatch).map((each) => ({ request: 0, bids: each }))
      allocations.push(...(await this.#run(prepared, rows, { capacity, settings, times })))
    }
    return allocations
  }

  /** Once there are sessions for requests of these sizes. */
  async prepare(requests: readonly AuctionRequest[]): Promise<void> {
    for (const { capacity } of this.#groups(requests)) await this.#sessions.prepare(capacity)
  }

  release(): Promise<void> {
    return this.#sessions.release()
  }

  /** Runs, in the order of their first requests. */
  #groups(requests: readonly AuctionRequest[]): SizeGroup[] {
    const { maxBatch } = this.#options
    const groups: SizeGroup[] = []
    const open = new Map<string, SizeGroup>()
    for (const [place, request] of requests.entries()) {
      const capacity = this.#capacityOf(request)
      const key = `${capacity.slots}:${capacity.columns}`
      let group = open.get(key)
      if (group === undefined || group.places.length >= maxBatch) {
        group = { capacity, places: [] }
        open.set(key, group)
        groups.push(group)
      }
      group.places.push(place)
    }
    return groups
  }

  #capacityOf(request: AuctionRequest): Capacity {
    return capacityFor([request], this.#options.candidateLists, this.#parts.catalogue.items)
  }

  #prepare(request: AuctionRequest): PreparedRequest {
    const { catalogue, expectedBids } = this.#parts
    return prepareRequest(request, catalogue.items, expectedBids)
  }

  async #run(
    prepared: readonly PreparedRequest[],
    rows: readonly BidRow[],
    { capacity: wanted, settings, times }: RunOptions,
  ): Promise<Allocation[]> {
    const { catalogue, shape, creativesByItem } = this.#parts
    const { bidUnit } = this.#options
    const { bidding, objective } = settings
    const requests = prepared.map(({ request }) => request)
    const bids = { bidding, bidUnit }
    const searches = timed(times, 'tokenBids', () => searchesOf(prepared, rows, bids))
    let started = 0
    const outputs = await this.#sessions.run(wanted, (capacity) => {
      const inputs = {
        ...timed(times, 'candidates', () => ({
          ...historyTensors(shape, requests.map(readHistory)),
          [judgeHistory]: oldestFirst(requests, shape.historyLength),
          ...candidateTensors(prepared, capacity, creativesByItem),
        })),
        ...timed(times, 'tokenBids', () => ({
          ...searchTensors(prepared, searches.rows, capacity, bids, catalogue.items),
          ...rowTensors(rows, searches.of, capacity, bidUnit),
        })),
        [objectiveInputs.conversion]: float32([1], [objective.conversion]),
        [objectiveInputs.organic]: float32([1], [objective.organic]),
        ...this.#inputs,
      }
      started = performance.now()
      return inputs
    })
    times.graph = (times.graph ?? 0) + performance.now() - started
    const sizes = searches.rows.map(({ request }) => requests[request].ads.length + requests[request].organic.length)
    return allocationsOf(outputs, { searches: sizes, of: searches.of, slots: wanted.slots, bidUnit })
  }

  #createSession(capacity: Capacity): Promise<Runner> {
    const { candidateLists, organicOrder, threads, ownThread = false, provider = 'CPU' } = this.#options
    const graph = auctionGraph(this.#parts, { ...this.#weights, capacity, beams: candidateLists, organicOrder })
    const model = writeModel(graph)
    return openRunner(model, { threads, provider, ownThread })
  }
}

interface RunOptions {
  readonly capacity: Capacity
  readonly settings: AllocationSettings
  readonly times: StepTimes
}

function timed<Result>(times: StepTimes, step: keyof StepTimes, run: () => Result): Result {
  const started = performance.now()
  const result = run()
  times[step] = (times[step] ?? 0) + performance.now() - started
  return result
}

const oldestFirst = (requests: readonly AuctionRequest[], historyLength: number) => {
  const items = new Int32Array(requests.length * historyLength)
  for (const [row, { history }] of requests.entries()) items.set(history.subarray(-historyLength), row * historyLength)
  return int32([requests.length, historyLength], items)
}
