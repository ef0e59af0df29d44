// Budgets over the requests that are held again: who still takes part in each, by the pacing that serving has. Requests
// come one after the other in the order of the log. What was charged is read from the outcomes alone, so that a
// measurement that is taken up again goes on as if it had never stopped.

import {
  adaptPacing,
  type Charge,
  charge,
  eligibleAds,
  type PacingMethod,
  type PacingOptions,
  type PacingState,
  type Participation,
  paced,
  pacingDefaults,
  startPacing,
} from '../../auction/pacing.ts'
import type { Market } from '../../data/market/market.ts'
import { judgedColumn } from './outcomes.ts'
import type { MarketRequest } from './requests.ts'
import { rowCount, type Table } from './table.ts'

export interface BudgetOptions {
  readonly pacing: PacingMethod
  /** [advertisers], for all of the requests; Infinity where there is no bound. */
  readonly budget: Float64Array
}

/** What budgets did to the requests. */
export interface BudgetOutcome {
  /** Advertisers with a budget. */
  readonly advertisers: number
  /** Of these, who spent all of it. */
  readonly ranOut: number
  /** Of the sum of budgets, how much was spent. */
  readonly spentShare: number
  /** Of eligible ads, how many took no part. */
  readonly refusedShare: number
}

/** Requests between two adaptations: fewer tell more of chance than of the pace. */
const requestsPerAdaptation = 20

/** Takes requests through one by one: `admit` the next, then `settle` it once its rows are in the outcomes. */
export class BudgetReplay {
  /** Places in the sample, in the order of the log. */
  readonly order: readonly number[]
  readonly #requests: readonly MarketRequest[]
  readonly #market: Market
  readonly #options: PacingOptions
  #state: PacingState
  #step = 0
  /** Rows of the outcomes that are charged. */
  #rows = 0
  #eligible = 0
  #refused = 0

  constructor(requests: readonly MarketRequest[], market: Market, { pacing, budget }: BudgetOptions) {
    this.#requests = requests
    this.#market = market
    const horizon = requests.length
    const adaptations = Math.min(pacingDefaults.adaptations, Math.ceil(horizon / requestsPerAdaptation))
    this.#options = { ...pacingDefaults, method: pacing, horizon, adaptations }
    this.#state = startPacing(budget)
    const timeOf = (place: number): number => market.requests?.time?.[requests[place].index] ?? 0
    this.order = Array.from(requests.keys()).sort(
      (one, other) => timeOf(one) - timeOf(other) || requests[one].index - requests[other].index,
    )
  }

  /** The next request with those who take part, and the bids that pacing leaves them. */
  admit(): MarketRequest {
    const request = this.#requests[this.order[this.#step]]
    this.#state = adaptPacing(this.#state, this.#step, this.#options)
    const participation = eligibleAds(this.#state, request.auction, String(request.index), this.#options)
    this.#eligible += request.marketAds.length
    this.#refused += request.marketAds.length - participation.ads.length
    return withParticipants(request, participation)
  }

  /** Charges what the rows of the request say: payment times the model's pCTR, as serving does. */
  settle(outcomes: Table): void {
    this.#state = charge(this.#state, this.#chargesOf(this.order[this.#step], outcomes))
    this.#step++
  }

  outcome(): BudgetOutcome {
    const { budget, spent } = this.#state
    const bounded = Array.from(budget.keys()).filter((advertiser) => Number.isFinite(budget[advertiser]))
    const sumOf = (amounts: Float64Array): number => bounded.reduce((sum, advertiser) => sum + amounts[advertiser], 0)
    return {
      advertisers: bounded.length,
      ranOut: bounded.filter((advertiser) => spent[advertiser] >= budget[advertiser]).length,
      spentShare: shareOf(sumOf(spent), sumOf(budget)),
      refusedShare: shareOf(this.#refused, this.#eligible),
    }
  }

  #chargesOf(place: number, { columns, values }: Table): Charge[] {
    const charges: Charge[] = []
    const count = rowCount({ columns, values })
    const at = (column: string): number => values[this.#rows * columns.length + columns.indexOf(column)]
    for (; this.#rows < count && at('request') === place; this.#rows++) {
      const ad = at('ad')
      if (ad < 0) continue
      const amount = at('payment') * at(judgedColumn('Model', 'click'))
      charges.push({ advertiser: this.#market.ads.advertiser[ad], amount })
    }
    return charges
  }
}

const shareOf = (part: number, whole: number): number => (whole > 0 ? part / whole : 0)

/** Of requests whose rows are all there. */
export function budgetOutcome(
  requests: readonly MarketRequest[],
  market: Market,
  outcomes: Table,
  options: BudgetOptions,
): BudgetOutcome {
  const replay = new BudgetReplay(requests, market, options)
  for (const _ of replay.order) {
    replay.admit()
    replay.settle(outcomes)
  }
  return replay.outcome()
}

/** Caches know a request by its arrays: where all take part it keeps them. */
function withParticipants(request: MarketRequest, participation: Participation): MarketRequest {
  const { auction, marketAds, values } = request
  const { ads, bids } = participation
  if (ads.length < auction.ads.length)
    return {
      ...request,
      auction: paced(auction, participation),
      marketAds: Uint32Array.from(ads, (ad) => marketAds[ad]),
      values: Float64Array.from(ads, (ad) => values[ad]),
    }
  const isSame = bids.every((bid, ad) => bid === auction.bids[ad])
  return isSame ? request : { ...request, auction: { ...auction, bids } }
}
