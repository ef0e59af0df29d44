// What a bidder could gain by other bids, found by search on the mechanism as it is: allocation, choice of the list,
// clicks and price are computed anew for every report tried. Nothing here is shared with any training.

import { Random } from '../../tensor/random.ts'
import type { AuctionRequest } from '../auction.ts'
import {
  type BidOutcome,
  type Mechanism,
  outcomesOf,
  outcomesUnder,
  ownClicks,
  type SlotClicks,
} from '../bid-outcomes.ts'
import { climb, type GradientBudget } from './climb.ts'
import {
  criticalMisreports,
  fineMultipliers,
  publishedMultipliers,
  type Report,
  randomMisreports,
} from './misreports.ts'
import { type PatternBudget, patternSearch } from './pattern-search.ts'
import { bestOf, type Outcome, type Search, type Trial, type TryReports } from './search.ts'

export interface AuditedMechanism extends Mechanism {
  /** As the judge expects them: a held-out model, or a simulator's truth. Absent: as the mechanism itself does. */
  readonly clicks?: SlotClicks
}

export interface AuditCase {
  /** Bids as they are placed; regret is what other bids gain over these. */
  readonly request: AuctionRequest
  /** Private value per click of each ad; its bid, where absent. */
  readonly values?: Float64Array
  /** Ads of each bidder to audit, in the order of rows; absent: every ad for itself. */
  readonly bidders?: readonly (readonly number[])[]
}

export interface SearchBudget extends PatternBudget, GradientBudget {
  /** Random reports, log-uniform in [0.01, 3] of the values. */
  readonly starts: number
}

export interface AuditOptions extends SearchBudget {
  readonly seed: number
  /** Times the values, the smallest first; the published ten, times the bids, are tried in any case. */
  readonly multipliers: readonly number[]
  /** Rivals of each ad at whose ties bids are tried. */
  readonly rivals: number
  /** Relative exposure by slot, in which pCTR of different slots are compared at ties; absent: 1 everywhere. */
  readonly exposure?: Float64Array
  /** Questions to the mechanism at once. */
  readonly batch: number
  /** After every case, with the number of those done. */
  readonly onCase?: (done: number) => void
}

export const auditDefaults: AuditOptions = {
  seed: 1,
  multipliers: fineMultipliers,
  rivals: Number.POSITIVE_INFINITY,
  starts: 32,
  refined: 8,
  rounds: 10,
  climbs: 4,
  steps: 12,
  batch: 1024,
}

/**
 * One bidder of one page view. Money per page view, but for bids, values and prices, which are per click. Of a bidder of
 * several ads `bid`, `bestBid` and `value` are of the first, `clicks` those of all, and `price` is what one of these costs.
 */
export interface AuditRow {
  /** Number of the case. */
  readonly request: number
  /** First ad of the bidder. */
  readonly ad: number
  readonly bid: number
  readonly value: number
  readonly listed: boolean
  readonly clicks: number
  readonly price: number
  /** (value - price) clicks. */
  readonly utility: number
  /** Value times clicks. */
  readonly valueClicks: number
  /** Most that a report tried gains over the utility; never below 0. */
  readonly regret: number
  readonly bestBid: number
  /** Value times clicks under the best report. */
  readonly bestValueClicks: number
  /** The same over the published ten multipliers alone. */
  readonly publishedRegret: number
  /** Listed under some multiple of the values and not under a larger one. */
  readonly listingViolation: boolean
  /** Less value times clicks under some multiple than under a smaller one. */
  readonly clickViolation: boolean
  /** Outcomes of ads, those of the own bids among them, whose price was above the bid. */
  readonly irViolations: number
  /** Reports tried. */
  readonly misreports: number
}

/** Audits the cases, in their order; rows by case and bidder. */
export async function audit(
  mechanism: AuditedMechanism,
  cases: readonly AuditCase[],
  options: AuditOptions = auditDefaults,
): Promise<AuditRow[]> {
  const rows: AuditRow[] = []
  for (const [index, auditCase] of cases.entries()) {
    rows.push(...(await auditOne(mechanism, auditCase, index, options)))
    options.onCase?.(index + 1)
  }
  return rows
}

async function auditOne(
  mechanism: AuditedMechanism,
  { request, values = request.bids, bidders = Array.from(request.ads.keys(), (ad) => [ad]) }: AuditCase,
  index: number,
  options: AuditOptions,
): Promise<AuditRow[]> {
  const [allocation] = await mechanism.allocator.allocate([request])
  const [outcome] = await outcomesOf(mechanism, judgesOf(mechanism), [{ request, allocation }])
  const searches = bidders.map((ads): Search => {
    const own = { ads, values: Float64Array.from(ads, (ad) => values[ad]) }
    const report = Float64Array.from(ads, (ad) => request.bids[ad])
    return { ...own, truth: trialOf(own, report, outcome), trials: [] }
  })
  const ask: TryReports = (reportsOf) => tryReports(mechanism, request, searches, reportsOf, options.batch)

  await ask(({ truth, values: own }) => multiplesOf(truth.report, own, options.multipliers))
  const regular = searches.map(({ trials }) => trials.length)
  const random = new Random(options.seed, 'misreports', index)
  await ask((search) => [
    ...criticalMisreports(request, allocation, search.ads, { ...options, margin: 1e-5 }),
    ...randomMisreports(random, options.starts, scaleOf(search)),
  ])
  await climb(searches, ask, scaleOf, new Random(options.seed, 'climbs', index), options)
  await patternSearch(searches, ask, options)
  return searches.map((search, place) => rowOf(index, search, regular[place]))
}

const nothing: Outcome = { listed: false, clicks: 0, price: 0 }

function trialOf({ ads, values }: Pick<Search, 'ads' | 'values'>, report: Report, found: BidOutcome): Trial {
  const outcomes = ads.map((ad): Outcome => {
    const got = found.get(ad)
    return got === undefined ? nothing : { listed: true, clicks: got.clicks[0], price: got.price }
  })
  return {
    report,
    outcomes,
    utility: outcomes.reduce((sum, { clicks, price }, place) => sum + (values[place] - price) * clicks, 0),
    valueClicks: outcomes.reduce((sum, { clicks }, place) => sum + values[place] * clicks, 0),
  }
}

/** What reports are measured in: the values, or the bid of an ad that is worth nothing and bids all the same. */
const scaleOf = ({ values, truth: { report } }: Search): Report =>
  values.map((value, place) => (value > 0 ? value : report[place]))

/** The published ten of the bids first: `rowOf` counts on it. */
const multiplesOf = (bids: Report, values: Report, multipliers: readonly number[]): Report[] => [
  ...publishedMultipliers.map((multiplier) => bids.map((bid) => multiplier * bid)),
  ...multipliers.map((multiplier) => values.map((value) => multiplier * value)),
]

const judgesOf = ({ clicks = ownClicks }: AuditedMechanism): SlotClicks[] => [clicks]

function withReport(bids: Float64Array, ads: readonly number[], report: Report): Float64Array {
  const changed = bids.slice()
  ads.forEach((ad, place) => {
    changed[ad] = report[place]
  })
  return changed
}

/** Asks for all reports of all searches, in batches, and files the outcomes with their search. */
async function tryReports(
  mechanism: AuditedMechanism,
  request: AuctionRequest,
  searches: readonly Search[],
  reportsOf: (search: Search) => readonly Report[],
  batch: number,
): Promise<void> {
  const questions = searches.flatMap((search) =>
    reportsOf(search).map((report) => ({ search, ads: search.ads, report })),
  )
  for (let start = 0; start < questions.length; start += batch) {
    const asked = questions.slice(start, start + batch)
    const wanted = asked.map(({ ads, report }) => ({ ads, bids: withReport(request.bids, ads, report) }))
    const found = await outcomesUnder(mechanism, judgesOf(mechanism), request, wanted)
    asked.forEach(({ search, report }, place) => {
      search.trials.push(trialOf(search, report, found[place]))
    })
  }
}

function rowOf(request: number, { ads, values, truth, trials }: Search, regular: number): AuditRow {
  const [best] = bestOf([truth, ...trials], 1)
  const published = Math.max(...trials.slice(0, publishedMultipliers.length).map(({ utility }) => utility))
  const clicks = truth.outcomes.reduce((sum, outcome) => sum + outcome.clicks, 0)
  const paid = truth.outcomes.reduce((sum, outcome) => sum + outcome.clicks * outcome.price, 0)
  return {
    request,
    ad: ads[0],
    bid: truth.report[0],
    value: values[0],
    listed: isListed(truth),
    clicks,
    price: clicks > 0 ? paid / clicks : 0,
    utility: truth.utility,
    valueClicks: truth.valueClicks,
    regret: best.utility - truth.utility,
    bestBid: best.report[0],
    bestValueClicks: best.valueClicks,
    publishedRegret: Math.max(0, published - truth.utility),
    ...monotonicity(trials.slice(0, regular)),
    irViolations: [truth, ...trials].reduce((sum, trial) => sum + overcharges(trial), 0),
    misreports: trials.length,
  }
}

const isListed = ({ outcomes }: Trial): boolean => outcomes.some(({ listed }) => listed)

const overcharges = ({ report, outcomes }: Trial): number =>
  outcomes.filter(({ price }, place) => price > report[place] * (1 + 1e-9)).length

/** Violations over multiples alone, so that their number does not depend on the budget of the search. */
function monotonicity(regular: readonly Trial[]): { listingViolation: boolean; clickViolation: boolean } {
  // Multiples of bids and of values are families of their own: two reports of several ads need not be one above the other.
  const families = [regular.slice(0, publishedMultipliers.length), regular.slice(publishedMultipliers.length)]
  const falls = (of: (trial: Trial) => number, slack: number): boolean =>
    families.some((family) => {
      let highest = 0
      return family.some((trial) => {
        const now = of(trial)
        const fell = now < highest * (1 - slack)
        highest = Math.max(highest, now)
        return fell
      })
    })
  return {
    listingViolation: falls((trial) => Number(isListed(trial)), 0),
    clickViolation: falls(({ valueClicks }) => valueClicks, 1e-6),
  }
}
