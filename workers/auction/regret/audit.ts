// What an advertiser could gain by another bid, found by search on the mechanism as it is: allocation, choice of the
// list, clicks and price are computed anew for every bid tried. Nothing here is shared with any training.

import { Random } from '../../tensor/random.ts'
import type { AuctionRequest } from '../auction.ts'
import type { BidQuestion } from '../payments/ask-under-bids.ts'
import { type Mechanism, type Outcome, outcomesOf, outcomesUnder } from './mechanism.ts'
import { criticalMisreports, fineMultipliers, publishedMultipliers, randomMisreports } from './misreports.ts'

export interface AuditCase {
  /** Bids as they are placed; regret is what another bid gains over these. */
  readonly request: AuctionRequest
  /** Private value per click of each ad; its bid, where absent. */
  readonly values?: Float64Array
  /** Ads to audit; all where absent. */
  readonly ads?: readonly number[]
}

export interface SearchBudget {
  /** Random bids, log-uniform in [0.01, 3] of the value. */
  readonly starts: number
  /** Of all bids tried, the best so many become starts of a pattern search. */
  readonly refined: number
  /** Of the pattern search, each of which tries two bids beside every start and halves the step. */
  readonly rounds: number
}

export interface AuditOptions extends SearchBudget {
  readonly seed: number
  /** Times the value; the published ten, times the bid, are tried in any case. */
  readonly multipliers: readonly number[]
  /** Rivals at whose ties bids are tried. */
  readonly rivals: number
  /** Relative exposure by slot, in which pCTR of different slots are compared at ties; absent: 1 everywhere. */
  readonly exposure?: Float64Array
  /**
   * Bids that another search found, a gradient search on a differentiable stand-in for one (`gradientSearch`); they are
   * judged on the mechanism like all others.
   */
  readonly proposals?: (request: AuctionRequest, ad: number, value: number) => Promise<readonly number[]>
  /** Number of the first case in rows and seeds; 0 where absent. For audits that go on where another ended. */
  readonly firstCase?: number
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
  batch: 1024,
}

/** One ad of one page view. Money per page view, but for bids, values and prices, which are per click. */
export interface AuditRow {
  /** Number of the case. */
  readonly request: number
  readonly ad: number
  readonly bid: number
  readonly value: number
  readonly listed: boolean
  readonly clicks: number
  readonly price: number
  /** (value - price) clicks. */
  readonly utility: number
  /** Most that a bid tried gains over the utility; never below 0. */
  readonly regret: number
  readonly bestBid: number
  /** Clicks under the best bid. */
  readonly bestClicks: number
  /** The same over the published ten multipliers alone. */
  readonly publishedRegret: number
  /** Listed under some multiple of the value and not under a larger one. */
  readonly listingViolation: boolean
  /** Fewer clicks under some multiple than under a smaller one. */
  readonly clickViolation: boolean
  /** Outcomes, the own bid's among them, whose price was above the bid. */
  readonly irViolations: number
  /** Bids tried. */
  readonly misreports: number
}

interface Trial {
  readonly bid: number
  readonly utility: number
  readonly outcome: Outcome
}

interface Search {
  readonly request: AuctionRequest
  readonly ad: number
  readonly value: number
  readonly truth: Trial
  readonly trials: Trial[]
}

/** Audits the cases, in their order; rows by case and ad. */
export async function audit(
  mechanism: Mechanism,
  cases: readonly AuditCase[],
  options: AuditOptions = auditDefaults,
): Promise<AuditRow[]> {
  const rows: AuditRow[] = []
  for (const [index, auditCase] of cases.entries()) {
    rows.push(...(await auditOne(mechanism, auditCase, (options.firstCase ?? 0) + index, options)))
    options.onCase?.(index + 1)
  }
  return rows
}

async function auditOne(
  mechanism: Mechanism,
  { request, values = request.bids, ads }: AuditCase,
  index: number,
  options: AuditOptions,
): Promise<AuditRow[]> {
  const { allocation, outcomes } = await outcomesOf(mechanism, request)
  const searches = (ads ?? Array.from(request.ads.keys())).map((ad): Search => {
    const trial = { bid: request.bids[ad], outcome: outcomes[ad], utility: utilityOf(outcomes[ad], values[ad]) }
    return { request, ad, value: values[ad], truth: trial, trials: [] }
  })
  const ask = (bidsOf: (search: Search) => readonly number[]) => tryBids(mechanism, searches, bidsOf, options.batch)

  await ask(({ ad, value }) => multiplesOf(request.bids[ad], value, options.multipliers))
  const regular = searches.map(({ trials }) => trials.length)
  const random = new Random(options.seed, 'misreports', index)
  const proposed = new Map<Search, readonly number[]>()
  for (const search of searches)
    proposed.set(search, (await options.proposals?.(request, search.ad, search.value)) ?? [])
  await ask((search) => [
    ...(proposed.get(search) ?? []),
    ...criticalMisreports(request, allocation, search.ad, { ...options, margin: 1e-5 }),
    ...randomMisreports(random, options.starts, scaleOf(search)),
  ])
  await patternSearch(searches, ask, options)
  return searches.map((search, place) => rowOf(index, search, regular[place]))
}

const utilityOf = ({ clicks, price }: Outcome, value: number): number => (value - price) * clicks

/** What random bids are measured in: the value, or the bid of an ad that is worth nothing and bids all the same. */
const scaleOf = ({ value, truth }: Search): number => (value > 0 ? value : truth.bid)

/** The published ten of the bid first: `rowOf` counts on it. */
const multiplesOf = (bid: number, value: number, multipliers: readonly number[]): number[] => [
  ...publishedMultipliers.map((multiplier) => multiplier * bid),
  ...multipliers.map((multiplier) => multiplier * value),
]

/** Asks for all bids of all searches, in batches, and files the outcomes with their search. */
async function tryBids(
  mechanism: Mechanism,
  searches: readonly Search[],
  bidsOf: (search: Search) => readonly number[],
  batch: number,
): Promise<void> {
  const questions = searches.flatMap((search) =>
    bidsOf(search).map((bid): { search: Search; question: BidQuestion } => ({
      search,
      question: { request: search.request, ad: search.ad, bid },
    })),
  )
  for (let start = 0; start < questions.length; start += batch) {
    const asked = questions.slice(start, start + batch)
    const found = await outcomesUnder(
      mechanism,
      asked.map(({ question }) => question),
    )
    asked.forEach(({ search, question: { bid } }, place) => {
      const outcome = found[place]
      search.trials.push({ bid, outcome, utility: utilityOf(outcome, search.value) })
    })
  }
}

/** Around the best bids of each search, in steps of the bid's logarithm, all of one page view together. */
async function patternSearch(
  searches: readonly Search[],
  ask: (bidsOf: (search: Search) => readonly number[]) => Promise<void>,
  { refined, rounds }: SearchBudget,
): Promise<void> {
  if (refined === 0) return
  const centres = new Map(searches.map((search) => [search, bestOf(search.trials, refined)]))
  const centresOf = (search: Search): readonly Trial[] => centres.get(search) ?? []
  let step = 0.2
  for (let round = 0; round < rounds; round++, step /= 2) {
    const before = new Map(searches.map((search) => [search, search.trials.length]))
    await ask((search) => centresOf(search).flatMap(({ bid }) => [bid * Math.exp(-step), bid * Math.exp(step)]))
    for (const search of searches) {
      const fresh = search.trials.slice(before.get(search))
      const moved = centresOf(search).map(
        (centre, place) => bestOf([centre, fresh[2 * place], fresh[2 * place + 1]], 1)[0],
      )
      centres.set(search, moved)
    }
  }
}

/** The best, equals in the order of the trials. */
const bestOf = (trials: readonly Trial[], count: number): Trial[] =>
  trials.toSorted((a, b) => b.utility - a.utility).slice(0, count)

function rowOf(request: number, { ad, value, truth, trials }: Search, regular: number): AuditRow {
  const [best] = bestOf([truth, ...trials], 1)
  const published = Math.max(...trials.slice(0, publishedMultipliers.length).map(({ utility }) => utility))
  const { listed, clicks, price } = truth.outcome
  return {
    request,
    ad,
    bid: truth.bid,
    value,
    listed,
    clicks,
    price,
    utility: truth.utility,
    regret: best.utility - truth.utility,
    bestBid: best.bid,
    bestClicks: best.outcome.clicks,
    publishedRegret: Math.max(0, published - truth.utility),
    ...monotonicity([truth, ...trials.slice(0, regular)]),
    irViolations: [truth, ...trials].filter(({ bid, outcome }) => outcome.price > bid * (1 + 1e-9)).length,
    misreports: trials.length,
  }
}

/** Violations over regular bids alone, so that their number does not depend on the budget of the search. */
function monotonicity(trials: readonly Trial[]): { listingViolation: boolean; clickViolation: boolean } {
  const byBid = trials.toSorted((a, b) => a.bid - b.bid)
  const falls = (of: (trial: Trial) => number, slack: number): boolean => {
    let highest = 0
    return byBid.some((trial) => {
      const now = of(trial)
      const fell = now < highest * (1 - slack)
      highest = Math.max(highest, now)
      return fell
    })
  }
  return {
    listingViolation: falls(({ outcome }) => Number(outcome.listed), 0),
    clickViolation: falls(({ outcome }) => outcome.clicks, 1e-6),
  }
}
