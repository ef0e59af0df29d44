// What a bidder could have gained by bidding a multiple of its bid, with list, prices and clicks computed anew under every
// bid (EGA-V2, Eq. 6): one row a bidder of a request, which is an ad, or an advertiser with all of its ads there. The ten
// multipliers give a lower bound of regret; the search of `workers/auction` (its rows come through `RegretSearch`) looks
// further.

import type { Bidder } from '../../../crds/auction-terms.ts'
import { type BidOutcome, type Mechanism, outcomesUnder, type SlotClicks } from '../../auction/bid-outcomes.ts'
import { adsByBidder, withMultiplied } from '../../auction/bidder.ts'
import { Random } from '../../tensor/random.ts'
import type { Judge, JudgeName } from './judge.ts'
import { judgedColumn } from './outcomes.ts'
import type { MarketRequest } from './requests.ts'
import { slotClicks } from './shown-list.ts'
import { appendRow, emptyTable, type Table } from './table.ts'

/** γ of EGA-V2 (Sec. 5.1): 0.2, 0.4, ..., 2.0. */
export const misreportMultipliers: readonly number[] = Array.from({ length: 10 }, (_, j) => (2 * (j + 1)) / 10)

/** Value times clicks may fall by this share without counting as less: predictions are rounded to 32 bits. */
const clickTolerance = 1e-5

/**
 * Columns of a row whoever judges it. `weight`: how many bidders of the request it stands for. `ad`, with its `bid` and
 * `value`: the first of the bidder's ads.
 */
const regretColumns = ['request', 'ad', 'listed', 'weight', 'bid', 'value'] as const

/**
 * What a judge says of a row, in money per page view. `utility`: (value - price) clicks under the own bid; `valueClicks`:
 * value times clicks there; `regret`: the most that a multiple gains over the utility; `bestValueClicks`: value times
 * clicks under the best multiple; `violation`: 1 where a larger multiple gets less of them than a smaller one.
 * `searchRegret`, by the search, stands beside them; NaN where there was none.
 */
const judgedRegretColumns = ['utility', 'valueClicks', 'regret', 'bestValueClicks', 'violation'] as const
type JudgedRegretColumn = (typeof judgedRegretColumns)[number]

export const regretTable = (judges: readonly JudgeName[]): Table =>
  emptyTable([
    ...regretColumns,
    ...judges.flatMap((judge) =>
      [...judgedRegretColumns, 'searchRegret' as const].map((column) => judgedColumn(judge, column)),
    ),
  ])

/**
 * An independent search for the bids that gain most under these clicks, as `workers/auction/regret` makes one; its rows,
 * which name the first ad of a bidder, fit.
 */
export type RegretSearch = (
  searched: {
    readonly request: MarketRequest['auction']
    readonly values: Float64Array
    /** Ads of each. */
    readonly bidders: readonly (readonly number[])[]
  },
  clicks: SlotClicks,
) => Promise<readonly { readonly ad: number; readonly regret: number }[]>

export interface RegretOptions {
  /** Losers of a request that are probed, drawn by seed; each stands for as many as were not. Winners all are. */
  readonly losers: number
  /** Absent: every ad for itself. */
  readonly bidder?: Bidder | undefined
  readonly seed: number
  readonly search?: RegretSearch | undefined
  /** Requests that are searched, the first ones. */
  readonly searchRequests?: number | undefined
}

/** Probes the winners and some losers of a request, `place`-th of the sample, and appends a row for each. */
export async function appendRegrets(
  table: Table,
  mechanism: Mechanism,
  judges: readonly Judge[],
  request: MarketRequest,
  place: number,
  options: RegretOptions,
): Promise<void> {
  const { auction, values, marketAds } = request
  const clicks = judges.map((judge) => slotClicks(judge, request.user))
  const [own] = await outcomesUnder(mechanism, clicks, auction, [{ bids: auction.bids }])
  const probed = chooseBidders(adsByBidder(auction, options.bidder), own, options, request.index)
  const misreports = probed.flatMap(({ ads }) =>
    misreportMultipliers.map((multiplier) => ({ ads, bids: withMultiplied(auction.bids, ads, multiplier) })),
  )
  const outcomes = await outcomesUnder(mechanism, clicks, auction, misreports)
  const search = place < (options.searchRequests ?? Number.POSITIVE_INFINITY) ? options.search : undefined
  const bidders = probed.map(({ ads }) => ads)
  const found: ReadonlyMap<number, number>[] = []
  for (const judged of clicks) found.push(await searchRegrets(request, bidders, judged, search))
  probed.forEach(({ ads, weight, listed }, index) => {
    const [ad] = ads
    const steps = misreportMultipliers.length
    const under = outcomes.slice(index * steps, (index + 1) * steps)
    const judged = judges.flatMap(({ name }, judge) => {
      const seen = (outcome: BidOutcome) => takingsOf(outcome, judge, ads, values)
      const searchRegret = found[judge].get(ad) ?? Number.NaN
      const said = { ...regretOf(seen(own), under.map(seen)), searchRegret }
      return Object.entries(said).map(([column, value]) => [judgedColumn(name, column), value])
    })
    appendRow(table, {
      request: place,
      ad: marketAds[ad],
      listed: Number(listed),
      weight,
      bid: auction.bids[ad],
      value: values[ad],
      ...Object.fromEntries(judged),
    })
  })
}

interface ProbedBidder {
  readonly ads: readonly number[]
  readonly listed: boolean
  readonly weight: number
}

function chooseBidders(
  bidders: readonly (readonly number[])[],
  shown: BidOutcome,
  { losers, seed }: RegretOptions,
  index: number,
): ProbedBidder[] {
  const isListed = (ads: readonly number[]): boolean => ads.some((ad) => shown.has(ad))
  const losing = bidders.filter((ads) => !isListed(ads))
  const drawn = new Random(seed, 'audited-losers', index).shuffle(losing.slice()).slice(0, losers)
  return [
    ...bidders.filter(isListed).map((ads) => ({ ads, listed: true, weight: 1 })),
    ...drawn.sort(([a], [b]) => a - b).map((ads) => ({ ads, listed: false, weight: losing.length / drawn.length })),
  ]
}

/** Of one bidder under one vector of bids, by one judge. */
interface Takings {
  readonly utility: number
  /** Value times clicks. */
  readonly valueClicks: number
}

function takingsOf(shown: BidOutcome, judge: number, ads: readonly number[], values: Float64Array): Takings {
  let [utility, valueClicks] = [0, 0]
  for (const ad of ads) {
    const found = shown.get(ad)
    if (found === undefined) continue
    utility += (values[ad] - found.price) * found.clicks[judge]
    valueClicks += values[ad] * found.clicks[judge]
  }
  return { utility, valueClicks }
}

/** @param under takings by multiplier, the smallest first */
export function regretOf(own: Takings, under: readonly Takings[]): Record<JudgedRegretColumn, number> {
  const best = under.reduce((kept, one) => (one.utility > kept.utility ? one : kept), own)
  let most = 0
  let violation = 0
  for (const { valueClicks } of under) {
    if (valueClicks < most * (1 - clickTolerance)) violation = 1
    most = Math.max(most, valueClicks)
  }
  return {
    ...own,
    regret: best.utility - own.utility,
    bestValueClicks: best.valueClicks,
    violation,
  }
}

async function searchRegrets(
  { auction, values }: MarketRequest,
  bidders: readonly (readonly number[])[],
  clicks: SlotClicks,
  search: RegretSearch | undefined,
): Promise<ReadonlyMap<number, number>> {
  const rows = (await search?.({ request: auction, values, bidders }, clicks)) ?? []
  return new Map(rows.map(({ ad, regret }) => [ad, regret]))
}
