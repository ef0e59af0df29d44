// The allocation of EGA-V2 as one graph: encode the history, search lists under the bids, choose creatives, judge lists.

import type { OrganicOrder } from '../../../crds/auction-terms.ts'
import { decoderMemory, memoryRows } from '../../ranker/ega/decoder.ts'
import { encodeHistory } from '../../ranker/ega/encoder.ts'
import type { GeneratorCatalogue } from '../../ranker/ega/generator-catalogue.ts'
import type { GeneratorShape } from '../../ranker/ega/generator-shape.ts'
import { historyInputs } from '../../ranker/ega/history-tensors.ts'
import { historyVectors } from '../../ranker/ega/history-vectors.ts'
import { type CandidateLevel, type ItemHead, itemHead } from '../../ranker/ega/item-head.ts'
import { constantTable, itemsAt } from '../../ranker/ega/token-vectors.ts'
import { entryTables } from '../../ranker/ega/whole-catalogue.ts'
import { Graph, type Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import type { Dimension } from '../../tensor/shapes.ts'
import type { CandidateColumns } from './beam-state.ts'
import { type FoundLists, type SearchInputs, searchLists } from './list-search.ts'
import { type Capacity, type CreativesByItem, requestInputs } from './request-tensors.ts'

export const creativesByItem = (offsets: Uint32Array): CreativesByItem => {
  const items = offsets.length - 1
  let most = 1
  for (let item = 0; item < items; item++) most = Math.max(most, offsets[item + 1] - offsets[item])
  const creative = new Int32Array(items * most).fill(-1)
  for (let item = 0; item < items; item++)
    for (let index = offsets[item]; index < offsets[item + 1]; index++)
      creative[item * most + index - offsets[item]] = index
  return { most, creative }
}

export interface AuctionModelParts {
  readonly shape: GeneratorShape
  readonly catalogue: GeneratorCatalogue
  readonly creativesByItem: CreativesByItem | undefined
  /** Mean logged bid by item, in the unit of money; only where lists are searched by expected bids. */
  readonly expectedBids?: Float32Array | undefined
}

/** What a judge of lists is given. Of each search (B of them) there are rows (R in all) that choose among its lists. */
export interface ListsToJudge {
  readonly graph: Graph
  /** Items of the history, int32 [H, historyLength], the oldest first; their number [H]. */
  readonly history: Value
  readonly length: Value
  /** History of each search, int32 [B]. */
  readonly of: Value
  /** Search of each row, int32 [R]. */
  readonly search: Value
  /** Items of the candidates, int32 [H, columns]. */
  readonly candidateItem: Value
  /** int64 [B, lists, slots], the last column for none. */
  readonly candidate: Value
  /** int32 [B, lists, slots], -1 for none; absent where the model has no creatives. */
  readonly creative: Value | undefined
  /** float32 [B, lists, slots]. */
  readonly isAd: Value
  readonly present: Value
  /** Bids of each row divided by the unit, 0 for organic entries [R, lists, slots]. */
  readonly bid: Value
  readonly logZ: Value
  /** Sum of log z, below `possibleList` where there is no list [B, lists]. */
  readonly score: Value
  /** Vectors of the generator by candidate [B, columns, hiddenSize]. */
  readonly vectors: Value
}

/** Adds outputs to the graph, judged lists and what follows from them. */
export type ListJudge = (lists: ListsToJudge) => Record<string, Value>

export interface AuctionGraphOptions {
  readonly capacity: Capacity
  /** N_S. */
  readonly beams: number
  /** Absent: Fixed. */
  readonly organicOrder?: OrganicOrder | undefined
  readonly parameters: (graph: Graph) => Parameters
  readonly judge?: ListJudge
}

const candidateLevels = (graph: Graph, { entries }: Capacity, of: Value): CandidateLevel[] =>
  entries.map((size, level) => {
    const byRequest = (name: string, width: Dimension) => op.gather(graph.input(name, 'int32', ['H', width]), of)
    return {
      entry: byRequest(requestInputs.entry(level), size),
      parent: level === 0 ? undefined : byRequest(requestInputs.parent(level), size),
      logWeight: graph.input(requestInputs.logWeight(level), 'float32', ['B', size]),
      ...(level === 0
        ? {}
        : {
            siblings: {
              place: byRequest(requestInputs.siblings(level), `M${level}`),
              family: byRequest(requestInputs.family(level), `M${level}`),
            },
          }),
    }
  })

/** The item head over the candidates of the request of each row; declares the inputs of its levels. */
export const requestHead = (
  graph: Graph,
  parameters: Parameters,
  { shape, catalogue: { items } }: Pick<AuctionModelParts, 'shape' | 'catalogue'>,
  capacity: Capacity,
  of: Value,
): ItemHead => itemHead(parameters, shape, entryTables(graph, items), candidateLevels(graph, capacity, of))

const candidateColumns = (
  graph: Graph,
  { columns, slots }: Capacity,
  of: Value,
  organicOrder: OrganicOrder,
): CandidateColumns => {
  const byRequest = (name: string, type: 'float32' | 'int32', width: number) =>
    op.gather(graph.input(name, type, ['H', width]), of)
  return {
    isAd: byRequest(requestInputs.isAd, 'float32', columns),
    organicRank: byRequest(requestInputs.organicRank, 'float32', columns),
    advertiser: byRequest(requestInputs.advertiser, 'int32', columns),
    bid: graph.input(requestInputs.bid, 'float32', ['B', columns]),
    reserve: graph.input(requestInputs.reserve, 'float32', ['B', slots]),
    maxAds: byRequest(requestInputs.maxAds, 'float32', 1),
    minGap: byRequest(requestInputs.minGap, 'float32', 1),
    maxPerAdvertiser: byRequest(requestInputs.maxPerAdvertiser, 'float32', 1),
    organicOrder,
    columns,
  }
}

/** Values [N, columns] of the candidates that stand in lists [N, lists, slots]. */
const ofLists = (values: Value, candidate: Value): Value => {
  const [rows, lists, slots] = candidate.shape
  const flat = op.reshape(candidate, [rows, Number(lists) * Number(slots)])
  return op.reshape(op.gatherElements(values, flat, 1), candidate.shape)
}

/** Oldest first, as the judge reads histories. */
export const judgeHistory = 'history.oldestFirst'

const toJudge = (
  lists: FoundLists,
  inputs: Pick<ListsToJudge, 'graph' | 'history' | 'length' | 'of' | 'candidateItem' | 'vectors'>,
  { isAd, columns }: CandidateColumns,
): ListsToJudge => {
  const { candidate, creative, logZ, score } = lists
  const { graph } = inputs
  const search = graph.input(requestInputs.search, 'int32', ['R'])
  const rowBid = graph.input(requestInputs.rowBid, 'float32', ['R', columns])
  const listed = ofLists(isAd, candidate)
  return {
    ...inputs,
    search,
    candidate,
    creative,
    isAd: listed,
    present: op.cast(op.less(candidate, columns - 1), 'float32'),
    bid: op.mul(ofLists(rowBid, op.gather(candidate, search)), op.gather(listed, search)),
    logZ,
    score,
  }
}

/**
 * Inputs: those of `requestInputs` and `historyInputs`, H histories and requests, B searches, and with a judge R rows.
 * Outputs: candidate int32 [B, beams, slots] (the last column for none), logZ, score [B, beams], creative where there are
 * any, and those of the judge.
 */
export const auctionGraph = (
  { shape, catalogue, creativesByItem: creatives }: AuctionModelParts,
  { capacity, beams, organicOrder = 'Fixed', parameters: weights, judge }: AuctionGraphOptions,
): Graph => {
  const graph = new Graph()
  const parameters = weights(graph)
  const { items } = catalogue
  const itemTable = constantTable(graph, 'item', { count: items.itemCount, ...items })
  const creativeTable =
    catalogue.creatives === undefined ? undefined : constantTable(graph, 'creative', catalogue.creatives)
  const size = ['H', shape.historyLength]
  const history = graph.input(historyInputs.items, 'int32', size)
  const length = graph.input(historyInputs.length, 'int32', ['H'])
  const of = graph.input(requestInputs.of, 'int32', ['B'])
  const keep = (_place: string, value: Value) => value
  const read = historyVectors(
    parameters,
    shape,
    { item: itemTable, creative: creativeTable },
    { items: history, creatives: creativeTable && graph.input(historyInputs.creatives, 'int32', size), length },
  )
  const memory = memoryRows(decoderMemory(parameters, shape, encodeHistory(parameters, shape, read, keep)), of)
  const candidates = candidateColumns(graph, capacity, of, organicOrder)
  const item = graph.input(requestInputs.item, 'int32', ['H', candidates.columns])
  const offered =
    creatives === undefined
      ? undefined
      : op.gather(graph.input(requestInputs.creatives, 'int32', ['H', candidates.columns, creatives.most]), of)
  const search: SearchInputs = {
    parameters,
    shape,
    memory,
    head: requestHead(graph, parameters, { shape, catalogue }, capacity, of),
    candidates,
    vectors: op.gather(itemsAt(parameters, shape, itemTable, item), of),
    creatives:
      offered === undefined || creativeTable === undefined ? undefined : { table: creativeTable, ofCandidate: offered },
  }
  const lists = searchLists(search, capacity.slots, beams)
  graph.output('candidate', op.cast(lists.candidate, 'int32'))
  graph.output('logZ', lists.logZ)
  graph.output('score', lists.score)
  if (lists.creative !== undefined) graph.output('creative', lists.creative)
  if (judge === undefined) return graph
  const oldestFirst = graph.input(judgeHistory, 'int32', ['H', shape.historyLength])
  const inputs = { graph, history: oldestFirst, length, of, candidateItem: item, vectors: search.vectors }
  for (const [name, value] of Object.entries(judge(toJudge(lists, inputs, candidates)))) graph.output(name, value)
  return graph
}
