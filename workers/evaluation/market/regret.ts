// What an ad could have gained by bidding a multiple of its bid, with list, prices and clicks computed anew under every
// bid (EGA-V2, Eq. 6): one row an ad of a request. The ten multipliers give a lower bound of regret; the search of
// `workers/auction` (its rows come through `RegretSearch`) looks further.

import { Random } from '../../tensor/random.ts'
import { type BidOutcome, outcomesUnder } from './bid-outcomes.ts'
import type { Judge, JudgeName } from './judge.ts'
import { type Mechanism, type SlotClicks, slotClicks } from './mechanism.ts'
import { judgedColumn } from './outcomes.ts'
import type { MarketRequest } from './requests.ts'
import { appendRow, emptyTable, type Table } from './table.ts'

/** γ of EGA-V2 (Sec. 5.1): 0.2, 0.4, ..., 2.0. */
export const misreportMultipliers: readonly number[] = Array.from({ length: 10 }, (_, j) => (2 * (j + 1)) / 10)

/** Clicks may fall by this share without counting as fewer: predictions are rounded to 32 bits. */
const clickTolerance = 1e-5

/** Columns of a row whoever judges it. `weight`: how many ads of the request it stands for. */
const regretColumns = ['request', 'ad', 'listed', 'weight', 'bid', 'value'] as const

/**
 * What a judge says of a row, in money per page view. `utility`: (value - price) clicks under the own bid; `valueClicks`:
 * value times clicks there; `regret`: the most that a multiple gains over the utility; `bestValueClicks`: value times
 * clicks under the best multiple; `violation`: 1 where a larger multiple gets fewer clicks than a smaller one.
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
 * An independent search for the bids that gain most under these clicks, as `workers/auction/regret` makes one; its rows
 * fit.
 */
export type RegretSearch = (
  searched: {
    readonly request: MarketRequest['auction']
    readonly values: Float64Array
    readonly ads: readonly number[]
  },
  clicks: SlotClicks,
) => Promise<readonly { readonly ad: number; readonly regret: number }[]>

export interface RegretOptions {
  /** Losers of a request that are probed, drawn by seed; each stands for as many as were not. Winners all are. */
  readonly losers: number
  readonly seed: number
  readonly search?: RegretSearch | undefined
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
  const [own] = await outcomesUnder(mechanism, judges, request, [auction.bids])
  const probed = chooseAds(new Set(own.ads.keys()), auction.ads.length, options, request.index)
  const misreports = probed.flatMap(({ ad }) =>
    misreportMultipliers.map((multiplier) => ({ ad, bids: auction.bids.with(ad, multiplier * auction.bids[ad]) })),
  )
  const outcomes = await outcomesUnder(
    mechanism,
    judges,
    request,
    misreports.map(({ bids }) => bids),
    misreports.map(({ ad }) => [ad]),
  )
  const ads = probed.map(({ ad }) => ad)
  const found: ReadonlyMap<number, number>[] = []
  for (const judge of judges) found.push(await searchRegrets(request, ads, judge, options.search))
  probed.forEach(({ ad, weight, listed }, index) => {
    const steps = misreportMultipliers.length
    const under = outcomes.slice(index * steps, (index + 1) * steps)
    const judged = judges.flatMap(({ name }, judge) => {
      const seen = (outcome: BidOutcome) => outcomeFor(outcome, judge, ad)
      const searchRegret = found[judge].get(ad) ?? Number.NaN
      const said = { ...regretOf(values[ad], seen(own), under.map(seen)), searchRegret }
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

interface ProbedAd {
  readonly ad: number
  readonly listed: boolean
  readonly weight: number
}

function chooseAds(
  listed: ReadonlySet<number>,
  count: number,
  { losers, seed }: RegretOptions,
  index: number,
): ProbedAd[] {
  const all = Array.from({ length: count }, (_, ad) => ad)
  const losing = all.filter((ad) => !listed.has(ad))
  const drawn = new Random(seed, 'audited-losers', index).shuffle(losing.slice()).slice(0, losers)
  return [
    ...all.filter((ad) => listed.has(ad)).map((ad) => ({ ad, listed: true, weight: 1 })),
    ...drawn.sort((a, b) => a - b).map((ad) => ({ ad, listed: false, weight: losing.length / drawn.length })),
  ]
}

/** Of one ad under one vector of bids, by one judge. */
interface JudgedOutcome {
  readonly clicks: number
  readonly price: number
}

function outcomeFor({ ads }: BidOutcome, judge: number, ad: number): JudgedOutcome {
  const found = ads.get(ad)
  return found === undefined ? { clicks: 0, price: 0 } : { clicks: found.clicks[judge], price: found.price }
}

/** @param under outcomes by multiplier, the smallest first */
export function regretOf(
  value: number,
  own: JudgedOutcome,
  under: readonly JudgedOutcome[],
): Record<JudgedRegretColumn, number> {
  const utilityOf = ({ clicks, price }: JudgedOutcome): number => (value - price) * clicks
  const best = under.reduce((kept, one) => (utilityOf(one) > utilityOf(kept) ? one : kept), own)
  let most = 0
  let violation = 0
  for (const { clicks } of under) {
    if (clicks < most * (1 - clickTolerance)) violation = 1
    most = Math.max(most, clicks)
  }
  return {
    utility: utilityOf(own),
    valueClicks: value * own.clicks,
    regret: utilityOf(best) - utilityOf(own),
    bestValueClicks: value * best.clicks,
    violation,
  }
}

async function searchRegrets(
  { auction, values, user }: MarketRequest,
  ads: readonly number[],
  judge: Judge,
  search: RegretSearch | undefined,
): Promise<ReadonlyMap<number, number>> {
  const rows = (await search?.({ request: auction, values, ads }, slotClicks(judge, user))) ?? []
  return new Map(rows.map(({ ad, regret }) => [ad, regret]))
}
