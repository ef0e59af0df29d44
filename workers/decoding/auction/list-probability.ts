// log z of a given list under other bids: what the probabilities of its entries would be if the list stayed as it is.

import type { Allocation, AuctionRequest } from '../../auction/auction.ts'
import { itemOfCandidate } from '../../auction/chosen-list.ts'
import { decodeLists, decoderMemory } from '../../ranker/ega/decoder.ts'
import { encodeHistory } from '../../ranker/ega/encoder.ts'
import { alternates, generatorLayout } from '../../ranker/ega/generator-shape.ts'
import { historyInputs, historyTensors } from '../../ranker/ega/history-tensors.ts'
import { historyVectors } from '../../ranker/ega/history-vectors.ts'
import { constantTable, creativesAt, itemsAt } from '../../ranker/ega/token-vectors.ts'
import { Graph, type Value } from '../../tensor/graph.ts'
import { writeModel } from '../../tensor/onnx-writer.ts'
import * as op from '../../tensor/operators.ts'
import { constantParameters } from '../../tensor/parameters.ts'
import { int32, Session } from '../../tensor/session.ts'
import { type AuctionModelParts, requestHead } from './auction-graph.ts'
import { type BidOptions, searchTensors } from './bid-tensors.ts'
import {
  type Capacity,
  candidateTensors,
  capacityFor,
  prepareRequest,
  readHistory,
  requestInputs,
} from './request-tensors.ts'
import { SessionCache } from './session-cache.ts'

const names = { chosen: 'list.candidate', items: 'list.item', creatives: 'list.creative' } as const

const keep = (_place: string, value: Value): Value => value

/** Inputs: those of a request, and one list [1, slots]. Output: logZ [B, slots], a row for each vector of bids. */
const listGraph = ({ shape, catalogue }: AuctionModelParts, capacity: Capacity, flat: Float32Array): Graph => {
  const graph = new Graph()
  const parameters = constantParameters(graph, flat, generatorLayout(shape))
  const { items, creatives } = catalogue
  const { slots } = capacity
  const table = constantTable(graph, 'item', { count: items.itemCount, ...items })
  const ofCreatives = creatives && constantTable(graph, 'creative', creatives)
  const of = graph.input(requestInputs.of, 'int32', ['B'])
  const size = ['H', shape.historyLength]
  const history = historyVectors(
    parameters,
    shape,
    { item: table, creative: ofCreatives },
    {
      items: graph.input(historyInputs.items, 'int32', size),
      creatives: ofCreatives && graph.input(historyInputs.creatives, 'int32', size),
      length: graph.input(historyInputs.length, 'int32', ['H']),
    },
  )
  const encoded = encodeHistory(parameters, shape, history, keep)
  // States do not depend on bids: they are computed once, whatever the number of rows.
  const memory = decoderMemory(parameters, shape, encoded)
  const listed = itemsAt(parameters, shape, table, graph.input(names.items, 'int32', ['H', slots]))
  const wide = (value: Value) => op.reshape(value, ['H', 1, slots, shape.hiddenSize])
  const hasPairs = alternates(shape) && ofCreatives !== undefined
  const tokens = hasPairs
    ? pairs(
        wide(listed),
        wide(creativesAt(parameters, shape, ofCreatives, graph.input(names.creatives, 'int32', ['H', slots]))),
      )
    : wide(listed)
  const positions = hasPairs ? 2 * slots : slots
  const earlier = positions === 1 ? undefined : op.slice(tokens, 2, 0, positions - 1)
  const states = decodeLists(parameters, shape, earlier, { groups: 'H', lists: 1, positions }, memory, keep)
  const before = hasPairs ? op.slice(op.reshape(states, ['H', slots, 2, shape.hiddenSize]), 2, 0, 1) : states
  const head = requestHead(graph, parameters, { shape, catalogue }, capacity, of)
  const logZ = head(op.gather(op.reshape(before, ['H', slots, shape.hiddenSize]), of))
  const chosen = op.gather(graph.input(names.chosen, 'int32', ['H', slots, 1]), of)
  graph.output('logZ', op.reshape(op.gatherElements(logZ, chosen, 2), ['B', slots]))
  return graph
}

/** Items and creatives in turn. */
const pairs = (items: Value, creatives: Value): Value => {
  const [groups, lists, slots, hiddenSize] = items.shape
  const column = (value: Value) => op.reshape(value, [groups, lists, slots, 1, hiddenSize])
  return op.reshape(op.concat([column(items), column(creatives)], 3), [groups, lists, 2 * Number(slots), hiddenSize])
}

export class ListProbability {
  readonly #parts: AuctionModelParts
  readonly #options: BidOptions & { readonly threads: number; readonly candidateLists: number }
  readonly #sessions: SessionCache

  constructor(
    parts: AuctionModelParts,
    parameters: Float32Array,
    options: BidOptions & { readonly threads: number; readonly candidateLists: number },
  ) {
    this.#parts = parts
    this.#options = options
    this.#sessions = new SessionCache((capacity) =>
      Session.create(writeModel(listGraph(parts, capacity, parameters)), { threads: options.threads }),
    )
  }

  /** By vector of bids, log z of each slot of the chosen list; 0 at empty slots. */
  async underBids(
    request: AuctionRequest,
    { lists, chosen }: Allocation,
    bids: readonly Float64Array[],
  ): Promise<Float32Array[]> {
    const { catalogue, shape, expectedBids } = this.#parts
    const { slots } = request
    const prepared = [prepareRequest(request, catalogue.items, expectedBids)]
    const capacity = capacityFor([request], this.#options.candidateLists, catalogue.items)
    const candidate = lists.candidate.slice(chosen * slots, (chosen + 1) * slots)
    const items = candidate.map((each) => itemOfCandidate(request, Math.max(0, each)))
    const creatives = lists.creative.slice(chosen * slots, (chosen + 1) * slots)
    const rows = bids.map((each) => ({ request: 0, bids: each }))
    const { logZ } = await this.#sessions.run(capacity, (taken) => {
      const levels = Object.entries(candidateTensors(prepared, taken)).filter(([name]) =>
        /^(level|siblings)\./.test(name),
      )
      const weights = Object.entries(searchTensors(prepared, rows, taken, this.#options, catalogue.items))
      return {
        ...historyTensors(shape, [readHistory(request)]),
        ...Object.fromEntries(levels),
        ...Object.fromEntries(weights.filter(([name]) => name.startsWith('level.') || name === requestInputs.of)),
        [names.chosen]: int32(
          [1, slots, 1],
          candidate.map((each) => Math.max(0, each)),
        ),
        [names.items]: int32([1, slots], Int32Array.from(items)),
        ...(alternates(shape) ? { [names.creatives]: int32([1, slots], creatives) } : {}),
      }
    })
    return bids.map((_, row) =>
      (logZ.data as Float32Array)
        .slice(row * slots, (row + 1) * slots)
        .map((value, slot) => (candidate[slot] < 0 ? 0 : value)),
    )
  }

  release(): Promise<void> {
    return this.#sessions.release()
  }
}
