// Lists for histories: feeds the beam-search graph in batches, with a session for each width that was asked for.

import { type RankerShape, rankerLayout } from '../ranker/architecture.ts'
import type { Catalogue } from '../ranker/catalogue.ts'
import type { ExecutionProvider } from '../tensor/execution-provider.ts'
import type { Graph } from '../tensor/graph.ts'
import { writeModel } from '../tensor/onnx-writer.ts'
import { constantParameters, parametersOf } from '../tensor/parameters.ts'
import { openRunner, type Runner } from '../tensor/runner.ts'
import { bool, float32, int32, type Tensors } from '../tensor/session.ts'
import { beamSearchGraph, possibleScore, type Weights } from './beam-search.ts'
import { ItemTable } from './item-table.ts'

export interface DecodeRequest {
  /** Item indices, oldest first; the most recent historyLength are read. */
  readonly history: Uint32Array
  /** Length of the list. */
  readonly count: number
  /** Only these items may come out; absent: all of the catalogue. */
  readonly candidates?: Uint32Array
  /** These may not come out. */
  readonly excluded?: Uint32Array
}

/** Best first; shorter than asked only when fewer items were eligible. */
export interface DecodedList {
  readonly items: Uint32Array
  /** Log-probability of each item under the model. */
  readonly scores: Float32Array
}

export interface DecoderOptions {
  readonly threads: number
  /** Beams kept at least; a longer list raises it. */
  readonly beamSize: number
  /** Requests of one run at most. */
  readonly maxBatch: number
  /** Whether runs happen in a thread of their own, for callers whose event loop must go on. */
  readonly ownThread?: boolean
  /** Where runs happen; CPU where absent. */
  readonly provider?: ExecutionProvider
}

/** The next power of two, so that few widths get a session. */
const roundUp = (count: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, count)))

export class BeamDecoder {
  readonly #shape: RankerShape
  readonly #catalogue: Catalogue
  readonly #options: DecoderOptions
  readonly #weights: (graph: Graph) => Weights
  readonly #rankOf: Uint32Array
  readonly #sessions = new Map<number, Promise<Runner>>()
  #weightInputs: Tensors

  private constructor(
    shape: RankerShape,
    catalogue: Catalogue,
    options: DecoderOptions,
    weights: (graph: Graph) => Weights,
    weightInputs: Tensors,
  ) {
    this.#shape = shape
    this.#catalogue = catalogue
    this.#options = options
    this.#weights = weights
    this.#weightInputs = weightInputs
    this.#rankOf = new Uint32Array(catalogue.itemCount)
    for (const [rank, item] of catalogue.trie.leafItem.entries()) this.#rankOf[item] = rank
  }

  /** A decoder of fixed weights, with the session of its usual width loaded. */
  static async create(
    shape: RankerShape,
    catalogue: Catalogue,
    parameters: Float32Array,
    options: DecoderOptions,
  ): Promise<BeamDecoder> {
    const layout = rankerLayout(shape)
    const table = await ItemTable.create(shape, catalogue, options.threads)
    try {
      const vectors = await table.vectors(parameters)
      const weights = (graph: Graph): Weights => ({
        parameters: constantParameters(graph, parameters, layout),
        items: graph.constant('float32', [catalogue.itemCount, shape.hiddenSize], vectors),
      })
      const decoder = new BeamDecoder(shape, catalogue, options, weights, {})
      await decoder.#session(options.beamSize)
      return decoder
    } finally {
      await table.release()
    }
  }

  /** A decoder whose weights come with `setWeights`, as often as they change. */
  static changeable(shape: RankerShape, catalogue: Catalogue, options: DecoderOptions): BeamDecoder {
    const layout = rankerLayout(shape)
    const weights = (graph: Graph): Weights => ({
      parameters: parametersOf(graph.input('parameters', 'float32', [layout.size]), layout),
      items: graph.input('vectors', 'float32', [catalogue.itemCount, shape.hiddenSize]),
    })
    return new BeamDecoder(shape, catalogue, options, weights, {})
  }

  /** @param vectors of the items, as an ItemTable gives them for these parameters */
  setWeights(parameters: Float32Array, vectors: Float32Array): void {
    this.#weightInputs = {
      parameters: float32([parameters.length], parameters),
      vectors: float32([this.#catalogue.itemCount, this.#shape.hiddenSize], vectors),
    }
  }

  /** A list for each request, in their order; what it answers does not depend on what else is in the batch. */
  async decode(requests: readonly DecodeRequest[]): Promise<DecodedList[]> {
    const lists: DecodedList[] = []
    for (let from = 0; from < requests.length; from += this.#options.maxBatch)
      lists.push(...(await this.#batch(requests.slice(from, from + this.#options.maxBatch))))
    return lists
  }

  async release(): Promise<void> {
    for (const session of this.#sessions.values()) await (await session).release()
    this.#sessions.clear()
  }

  async #batch(requests: readonly DecodeRequest[]): Promise<DecodedList[]> {
    const longest = requests.reduce((most, { count }) => Math.max(most, count), 1)
    const { beamSize } = this.#options
    const session = await this.#session(longest <= beamSize ? beamSize : roundUp(longest))
    const { items, scores } = await session.run({ ...this.#inputs(requests), ...this.#weightInputs })
    const width = items.shape[1]
    return requests.map(({ count }, index) => {
      const from = index * width
      const found = (scores.data as Float32Array).subarray(from, from + Math.min(width, count))
      const end = found.findIndex((score) => score < possibleScore)
      const kept = end < 0 ? found.length : end
      const list = (items.data as Int32Array).subarray(from, from + kept)
      return { items: Uint32Array.from(list), scores: found.slice(0, kept) }
    })
  }

  #inputs(requests: readonly DecodeRequest[]): Tensors {
    const { historyLength } = this.#shape
    const { itemCount } = this.#catalogue
    const history = new Int32Array(requests.length * historyLength)
    const length = new Int32Array(requests.length)
    const eligible = new Uint8Array(requests.length * itemCount)
    for (const [index, request] of requests.entries()) {
      const recent = request.history.subarray(-historyLength)
      history.set(recent, index * historyLength)
      length[index] = recent.length
      this.#markEligible(request, eligible.subarray(index * itemCount, (index + 1) * itemCount))
    }
    return {
      history: int32([requests.length, historyLength], history),
      length: int32([requests.length], length),
      eligible: bool([requests.length, itemCount], eligible),
    }
  }

  #markEligible({ candidates, excluded }: DecodeRequest, row: Uint8Array): void {
    if (candidates === undefined) row.fill(1)
    else for (const item of candidates) row[this.#rankOf[item]] = 1
    for (const item of excluded ?? []) row[this.#rankOf[item]] = 0
  }

  #session(width: number): Promise<Runner> {
    const beamSize = Math.min(width, this.#catalogue.itemCount)
    const known = this.#sessions.get(beamSize)
    if (known !== undefined) return known
    const created = this.#createSession(beamSize)
    this.#sessions.set(beamSize, created)
    return created
  }

  #createSession(beamSize: number): Promise<Runner> {
    const model = writeModel(beamSearchGraph(this.#shape, this.#catalogue, beamSize, this.#weights))
    const { threads, ownThread = false, provider = 'CPU' } = this.#options
    return openRunner(model, { threads, provider, ownThread })
  }
}
