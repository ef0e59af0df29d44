// Requests of an auction as the inputs of the decoding graph. Sizes come in steps, so that few graphs are needed; what a
// request does not fill is padding that nothing can choose.

import type { AuctionRequest } from '../../auction/auction.ts'
import { candidateTrie, type TrieLevel } from '../../auction/candidate-trie.ts'
import { entryWeights, type TokenBidding } from '../../auction/token-bids.ts'
import type { Catalogue } from '../../ranker/catalogue.ts'
import { float32, int32, type Tensors } from '../../tensor/session.ts'

export const requestInputs = {
  /** Row of the history that a row of the batch reads. */
  of: 'of',
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
} as const

/** What a graph has room for. */
export interface Capacity {
  readonly slots: number
  /** Columns of candidates; the last one stands for nothing, so a request has fewer. */
  readonly columns: number
  /** Entries of each level at most. */
  readonly entries: readonly number[]
}

/** log w of what is no entry: no share of any softmax. */
const noEntry = -1e9
/** Stands for no bound, where infinity would make a NaN of a product with 0. */
const noBound = 1e9

/** Steps a quarter of a power of two apart: few graphs, and little padding. */
const columnsFor = (least: number): number => {
  const step = Math.max(64, 2 ** (Math.floor(Math.log2(least)) - 2))
  return Math.ceil(least / step) * step
}

/** The least capacity of the steps that takes all requests. */
export function capacityFor(
  requests: readonly AuctionRequest[],
  beams: number,
  { trie, levels }: Pick<Catalogue, 'trie' | 'levels'>,
): Capacity {
  const most = requests.reduce((count, { ads, organic }) => Math.max(count, ads.length + organic.length), beams)
  const columns = columnsFor(most + 1)
  const entries = Array.from({ length: levels }, (_, level) =>
    level === levels - 1 ? columns : Math.min(columns, trie.levelStart[level + 2] - trie.levelStart[level + 1]),
  )
  return { slots: requests[0]?.slots ?? 1, columns, entries }
}

/** A request prepared once, for as many bids as are asked. */
export interface PreparedRequest {
  readonly request: AuctionRequest
  readonly levels: readonly TrieLevel[]
}

export function prepareRequest(request: AuctionRequest, catalogue: Catalogue): PreparedRequest {
  const items = new Uint32Array(request.ads.length + request.organic.length)
  items.set(request.ads)
  items.set(request.organic, request.ads.length)
  return { request, levels: candidateTrie(catalogue, items) }
}

/** Tensors [rows, width] filled row by row. */
const table = (rows: number, width: number, fill: number) => {
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
  return {
    [requestInputs.item]: int32([count, columns], item.data),
    ...(creatives === undefined ? {} : offeredCreatives(prepared, capacity, creatives)),
    [requestInputs.isAd]: float32([count, columns], isAd.data),
    [requestInputs.organicRank]: float32([count, columns], organicRank.data),
    [requestInputs.advertiser]: int32([count, columns], advertiser.data),
    [requestInputs.maxAds]: bound('maxAds'),
    [requestInputs.minGap]: bound('minGap'),
    [requestInputs.maxPerAdvertiser]: bound('maxPerAdvertiser'),
    ...Object.fromEntries(byLevel),
  }
}

/** A row of the batch: a request by its place among the prepared ones, and the bids of its ads. */
export interface BidRow {
  readonly request: number
  readonly bids: Float64Array
}

export interface BidOptions {
  readonly bidding: TokenBidding | 'None'
  /** Money that counts as a bid of 1. */
  readonly bidUnit: number
}

/** What depends on bids, by row of the batch. */
export function bidTensors(
  prepared: readonly PreparedRequest[],
  rows: readonly BidRow[],
  capacity: Capacity,
  { bidding, bidUnit }: BidOptions,
  { trie, codebookSizes }: Pick<Catalogue, 'trie' | 'codebookSizes'>,
): Tensors {
  const { columns } = capacity
  const bid = table(rows.length, columns, 0)
  const reserve = table(rows.length, capacity.slots, 0)
  const weights = capacity.entries.map((size) => table(rows.length, size, noEntry))
  for (const [row, { request: place, bids }] of rows.entries()) {
    const { request, levels } = prepared[place]
    const { adReserves } = request
    // Below zero no reserve of a slot lets an ad in.
    const units = bids.map((each, ad) => (each < (adReserves?.[ad] ?? 0) ? -1 : each / bidUnit))
    bid.row(row).set(units)
    if (request.slotReserves !== undefined)
      reserve.row(row).set(request.slotReserves.subarray(0, capacity.slots).map((each) => each / bidUnit))
    const codes = { token: trie.token }
    for (const [level, trieLevel] of levels.entries())
      weights[level].row(row).set(entryWeights(trieLevel, units, bidding, { ...codes, size: codebookSizes[level] }))
  }
  return {
    [requestInputs.of]: int32(
      [rows.length],
      rows.map(({ request }) => request),
    ),
    [requestInputs.bid]: float32([rows.length, columns], bid.data),
    [requestInputs.reserve]: float32([rows.length, capacity.slots], reserve.data),
    ...Object.fromEntries(
      weights.map(({ data }, level) => [
        requestInputs.logWeight(level),
        float32([rows.length, capacity.entries[level]], data),
      ]),
    ),
  }
}
