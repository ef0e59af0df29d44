// Requests of an auction as the inputs of the decoding graph. Sizes come in steps, so that few graphs are needed; what a
// request does not fill is padding that nothing can choose.

import type { AuctionRequest } from '../../auction/auction.ts'
import { candidateTrie, siblingsOf, type TrieLevel } from '../../auction/candidate-trie.ts'
import type { Catalogue } from '../../ranker/catalogue.ts'
import type { TensorData } from '../../tensor/graph.ts'
import { float32, int32, type Tensors } from '../../tensor/session.ts'

export const requestInputs = {
  /** History and request of each search. */
  of: 'of',
  /** Search whose lists a row of the batch chooses from. */
  search: 'search',
  /** Bids of each row. */
  rowBid: 'row.bid',
  item: 'candidate.item',
  /** Creatives that may be shown with each candidate, -1 where there are fewer. */
  creatives: 'candidate.creatives',
  isAd: 'candidate.isAd',
  organicRank: 'candidate.organicRank',
  advertiser: 'candidate.advertiser',
  bid: 'candidate.bid',
  reserve: 'slot.reserve',
  maxAds: 'constraint.maxAds',
  minGap: 'constraint.minGap',
  maxPerAdvertiser: 'constraint.maxPerAdvertiser',
  entry: (level: number) => `level.${level}.entry`,
  parent: (level: number) => `level.${level}.parent`,
  logWeight: (level: number) => `level.${level}.logWeight`,
  /** Entries that share their parent with others (`SiblingEntries`). */
  siblings: (level: number) => `siblings.${level}.place`,
  family: (level: number) => `siblings.${level}.family`,
} as const

/** What a graph has room for. */
export interface Capacity {
  readonly slots: number
  /** Columns of candidates; the last one stands for nothing, so a request has fewer. */
  readonly columns: number
  /** Entries of each level at most. */
  readonly entries: readonly number[]
}

/** Columns of the smallest graph. */
const smallestGraph = 64
/** Stands for no bound, where infinity would make a NaN of a product with 0. */
const noBound = 1e9

/** Steps a quarter of a power of two apart, and `leastStep` at least: few graphs, and little padding. */
export const columnsFor = (least: number, leastStep: number): number => {
  const columns = Math.max(1, least)
  const step = Math.max(leastStep, 2 ** (Math.floor(Math.log2(columns)) - 2))
  return Math.ceil(columns / step) * step
}

/** What the encoder reads of a request. */
export const readHistory = ({ history, historyCreatives }: Pick<AuctionRequest, 'history' | 'historyCreatives'>) => ({
  items: history,
  creatives: historyCreatives,
})

/** The least capacity of the steps that takes all requests. */
export function capacityFor(
  requests: readonly AuctionRequest[],
  beams: number,
  { trie, levels }: Pick<Catalogue, 'trie' | 'levels'>,
): Capacity {
  const most = requests.reduce((count, { ads, organic }) => Math.max(count, ads.length + organic.length), beams)
  const columns = columnsFor(most + 1, smallestGraph)
  const entries = Array.from({ length: levels }, (_, level) =>
    level === levels - 1 ? columns : Math.min(columns, trie.levelStart[level + 2] - trie.levelStart[level + 1]),
  )
  return { slots: requests[0]?.slots ?? 1, columns, entries }
}

/** A request prepared once, for as many bids as are asked. */
export interface PreparedRequest {
  readonly request: AuctionRequest
  readonly levels: readonly TrieLevel[]
  /** What each ad is expected to bid, in the unit of money; absent where only the bids of the request are known. */
  readonly expected?: Float64Array
}

/** @param expectedBids by item of the catalogue, in the unit of money */
export function prepareRequest(
  request: AuctionRequest,
  catalogue: Catalogue,
  expectedBids?: Float32Array,
): PreparedRequest {
  const items = new Uint32Array(request.ads.length + request.organic.length)
  items.set(request.ads)
  items.set(request.organic, request.ads.length)
  const levels = candidateTrie(catalogue, items)
  if (expectedBids === undefined) return { request, levels }
  return { request, levels, expected: Float64Array.from(request.ads, (item) => expectedBids[item]) }
}

/** Tensors [rows, width] filled row by row. */
export const table = (rows: number, width: number, fill: number) => {
  const data = new Float32Array(rows * width).fill(fill)
  return { data, row: (index: number) => data.subarray(index * width, (index + 1) * width) }
}

const integers = (rows: number, width: number, fill: number) => {
  const data = new Int32Array(rows * width).fill(fill)
  return { data, row: (index: number) => data.subarray(index * width, (index + 1) * width) }
}

/** Creatives by item [items, most], -1 where an item has fewer. */
export interface CreativesByItem {
  readonly most: number
  readonly creative: Int32Array
}

/** int32 [requests, columns, most]: those of each item that its request allows. */
function offeredCreatives(
  prepared: readonly PreparedRequest[],
  { columns }: Capacity,
  { most, creative }: CreativesByItem,
): Tensors {
  const offered = integers(prepared.length, columns * most, -1)
  for (const [index, { request }] of prepared.entries()) {
    const row = offered.row(index)
    const { ads, organic, creatives } = request
    const offer = (candidate: number, item: number) =>
      row.set(creative.subarray(item * most, (item + 1) * most), candidate * most)
    for (const [ad, item] of ads.entries()) {
      offer(ad, item)
      const allowed = creatives?.[ad]
      if (allowed === undefined) continue
      const own = row.subarray(ad * most, (ad + 1) * most)
      const left = own.filter((each) => allowed.includes(each))
      own.fill(-1).set(left)
    }
    for (const [rank, item] of organic.entries()) offer(ads.length + rank, item)
  }
  return { [requestInputs.creatives]: int32([prepared.length, columns, most], offered.data) }
}

/** As wide as the request with the most needs; whoever has fewer repeats the first entry as a family of its own. */
function siblingTensors(prepared: readonly PreparedRequest[], level: number): [string, TensorData][] {
  const found = prepared.map(({ levels }) => siblingsOf(levels[level]))
  const width = found.reduce((most, { place }) => Math.max(most, place.length), 1)
  const place = integers(prepared.length, width, 0)
  const family = integers(prepared.length, width, 0)
  for (const [row, siblings] of found.entries()) {
    place.row(row).set(siblings.place)
    family.row(row).set(Int32Array.from({ length: width }, (_, index) => siblings.family[index] ?? index))
  }
  return [
    [requestInputs.siblings(level), int32([prepared.length, width], place.data)],
    [requestInputs.family(level), int32([prepared.length, width], family.data)],
  ]
}

/**
 * What does not depend on bids, by request.
 * @param creatives undefined where the model has none
 */
export function candidateTensors(
  prepared: readonly PreparedRequest[],
  capacity: Capacity,
  creatives?: CreativesByItem,
): Tensors {
  const count = prepared.length
  const { columns } = capacity
  const item = integers(count, columns, 0)
  const isAd = table(count, columns, 0)
  const organicRank = table(count, columns, -2)
  const advertiser = integers(count, columns, -1)
  const levels = capacity.entries.map((size) => ({
    entry: integers(count, size, 0),
    parent: integers(count, size, 0),
    size,
  }))
  for (const [row, { request, levels: tries }] of prepared.entries()) {
    const { ads, organic } = request
    item.row(row).set(ads)
    item.row(row).set(organic, ads.length)
    isAd.row(row).fill(1, 0, ads.length)
    organicRank.row(row).fill(-1, 0, ads.length)
    for (let rank = 0; rank < organic.length; rank++) organicRank.row(row)[ads.length + rank] = rank
    advertiser.row(row).set(request.advertisers)
    for (const [level, { entry, parent }] of tries.entries()) {
      levels[level].entry.row(row).set(entry)
      levels[level].parent.row(row).set(parent)
    }
  }
  const byLevel = levels.flatMap(({ entry, parent, size }, level) => [
    [requestInputs.entry(level), int32([count, size], entry.data)] as const,
    ...(level === 0 ? [] : [[requestInputs.parent(level), int32([count, size], parent.data)] as const]),
  ])
  const bound = (name: 'maxAds' | 'minGap' | 'maxPerAdvertiser') =>
    float32(
      [count, 1],
      prepared.map(({ request }) => Math.min(noBound, request.constraints[name])),
    )
  const siblings = levels.slice(1).flatMap((_, above) => siblingTensors(prepared, above + 1))
  return {
    [requestInputs.item]: int32([count, columns], item.data),
    ...(creatives === undefined ? {} : offeredCreatives(prepared, capacity, creatives)),
    [requestInputs.isAd]: float32([count, columns], isAd.data),
    [requestInputs.organicRank]: float32([count, columns], organicRank.data),
    [requestInputs.advertiser]: int32([count, columns], advertiser.data),
    [requestInputs.maxAds]: bound('maxAds'),
    [requestInputs.minGap]: bound('minGap'),
    [requestInputs.maxPerAdvertiser]: bound('maxPerAdvertiser'),
    ...Object.fromEntries([...byLevel, ...siblings]),
  }
}
