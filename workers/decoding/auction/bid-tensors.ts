// Bids as inputs of the decoding graph. Rows of a batch whose lists are found alike share one search: what bids only choose
// among is then searched once, however many vectors of bids are asked.

import { entryWeights, type TokenBidding, weighingUnit } from '../../auction/token-bids.ts'
import type { Catalogue } from '../../ranker/catalogue.ts'
import { float32, int32, type Tensors } from '../../tensor/session.ts'
import { type Capacity, type PreparedRequest, requestInputs, table } from './request-tensors.ts'

/** log w of what is no entry: no share of any softmax. */
const noEntry = -1e9

/** A row of the batch: a request by its place among the prepared ones, and the bids of its ads. */
export interface BidRow {
  readonly request: number
  readonly bids: Float64Array
}

export interface BidOptions {
  readonly bidding: TokenBidding | 'None'
  /** Money that counts as a bid of 1; codes are weighed by bids in a unit of their own, `weighingUnit`. */
  readonly bidUnit: number
}

/** Bids over the unit; those below the ad's own reserve are below zero, where no reserve of a slot lets them in. */
const eligibleUnits = ({ request: { adReserves } }: PreparedRequest, bids: Float64Array, bidUnit: number) =>
  bids.map((bid, ad) => (bid < (adReserves?.[ad] ?? 0) ? -1 : bid / bidUnit))

/** What weighs the codes, over the unit of that: the bids of the row, or what its ads are expected to bid. */
function weighingUnits(
  { expected }: PreparedRequest,
  bids: Float64Array,
  units: Float64Array,
  { bidding, bidUnit }: BidOptions,
): Float64Array {
  const isExpected = bidding !== 'None' && bidding.bids === 'Expected'
  const weighing = isExpected ? expected : bids
  if (weighing === undefined) throw new TypeError('A request that is searched by expected bids needs them')
  const unit = weighingUnit(bidding, bidUnit)
  return units.map((each, ad) => (each < 0 ? each : weighing[ad] / unit))
}

const bytes = (values: Float64Array | Uint8Array): string =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('latin1')

/** Equal for rows whose lists are found alike: by what weighs their codes, and by the slots that each ad may have. */
function searchKey(prepared: PreparedRequest, bids: Float64Array, options: BidOptions): string {
  const { bidding, bidUnit } = options
  const units = eligibleUnits(prepared, bids, bidUnit)
  const { slotReserves, slots } = prepared.request
  const reserves = Array.from(slotReserves?.subarray(0, slots) ?? [])
  const allowed = Uint8Array.from(units, (unit) =>
    unit < 0 ? 0 : 1 + reserves.filter((reserve) => unit * bidUnit >= reserve).length,
  )
  if (bidding === 'None') return bytes(allowed)
  const weighing = weighingUnits(prepared, bids, units, options)
  // To the power of 0 all that bid anything weigh the same.
  return bytes(allowed) + bytes(bidding.alpha === 0 ? weighing.map((unit) => Number(unit > 0)) : weighing)
}

export interface Searches {
  /** The first row of each search. */
  readonly rows: readonly BidRow[]
  /** Search of each row of the batch. */
  readonly of: Int32Array
}

/** The searches that the rows of a batch need, in the order of their first rows. */
export function searchesOf(
  prepared: readonly PreparedRequest[],
  rows: readonly BidRow[],
  options: BidOptions,
): Searches {
  // A request that is asked once, as serving asks, has nobody to share a search with.
  if (rows.length === prepared.length && rows.every(({ request }, row) => request === row))
    return { rows, of: Int32Array.from(rows.keys()) }
  const searches: BidRow[] = []
  const known = new Map<string, number>()
  const of = Int32Array.from(rows, (row) => {
    const key = `${row.request}:${searchKey(prepared[row.request], row.bids, options)}`
    const found = known.get(key)
    if (found !== undefined) return found
    known.set(key, searches.length)
    return searches.push(row) - 1
  })
  return { rows: searches, of }
}

/** What depends on bids, by search. */
export function searchTensors(
  prepared: readonly PreparedRequest[],
  rows: readonly BidRow[],
  capacity: Capacity,
  options: BidOptions,
  { trie, codebookSizes }: Pick<Catalogue, 'trie' | 'codebookSizes'>,
): Tensors {
  const { bidding, bidUnit } = options
  const { columns } = capacity
  const bid = table(rows.length, columns, 0)
  const reserve = table(rows.length, capacity.slots, 0)
  const weights = capacity.entries.map((size) => table(rows.length, size, noEntry))
  for (const [row, { request: place, bids }] of rows.entries()) {
    const { request, levels } = prepared[place]
    const units = eligibleUnits(prepared[place], bids, bidUnit)
    bid.row(row).set(units)
    if (request.slotReserves !== undefined)
      reserve.row(row).set(request.slotReserves.subarray(0, capacity.slots).map((each) => each / bidUnit))
    const weighing = weighingUnits(prepared[place], bids, units, options)
    const codes = { token: trie.token }
    for (const [level, trieLevel] of levels.entries())
      weights[level].row(row).set(entryWeights(trieLevel, weighing, bidding, { ...codes, size: codebookSizes[level] }))
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

/** What depends on bids, by row of the batch: its search, and the bids that choose among the lists of it. */
export function rowTensors(
  rows: readonly BidRow[],
  searchOf: Int32Array,
  { columns }: Capacity,
  bidUnit: number,
): Tensors {
  const bid = table(rows.length, columns, 0)
  for (const [row, { bids }] of rows.entries()) bid.row(row).set(bids.map((each) => each / bidUnit))
  return {
    [requestInputs.search]: int32([rows.length], searchOf),
    [requestInputs.rowBid]: float32([rows.length, columns], bid.data),
  }
}
