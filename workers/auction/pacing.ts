// Budgets over a horizon, spread by pacing: who takes part in a page view, and with which bid. The state is plain numbers
// and all functions are pure, so that a log replayed gives the same ads.

import { Random } from '../tensor/random.ts'
import type { AuctionRequest } from './auction.ts'

/**
 * - None: an advertiser takes part with its bid until its budget is spent.
 * - Throttling: it takes part in a share of the page views, drawn by a hash of request and advertiser.
 * - Multiplicative: it takes part in all, with its bid times a factor (Balseiro and Gur 2019, adaptive pacing).
 */
export const pacingMethods = ['None', 'Throttling', 'Multiplicative'] as const
export type PacingMethod = (typeof pacingMethods)[number]

export interface PacingOptions {
  readonly method: PacingMethod
  /** Length of the horizon in the unit of the times that are passed. */
  readonly horizon: number
  /** How often in the horizon factors are adapted; as good as every minute of a day, unless said. */
  readonly adaptations: number
  /** What an adaptation multiplies or divides a factor by at most; 1.1 in LinkedIn's pacing (Agarwal et al. 2014). */
  readonly step: number
  /** Least factor, above 0, so that an advertiser who overspent comes back. */
  readonly floor: number
}

export const pacingDefaults = { adaptations: 1000, step: 1.1, floor: 0.01 } as const

export interface PacingState {
  /** [advertisers], over the horizon; Infinity where there is no bound. */
  readonly budget: Float64Array
  /** [advertisers], so far. */
  readonly spent: Float64Array
  /** [advertisers], share of page views or factor of bids; 1 with method None. */
  readonly factor: Float64Array
  /** [advertisers], what was spent at the last adaptation. */
  readonly spentBefore: Float64Array
  /** Periods of the horizon, of which there are `adaptations`, up to the last adaptation. */
  readonly adapted: number
}

export const startPacing = (budget: Float64Array): PacingState => ({
  budget,
  spent: new Float64Array(budget.length),
  factor: new Float64Array(budget.length).fill(1),
  spentBefore: new Float64Array(budget.length),
  adapted: 0,
})

/**
 * The state at a time from 0 to the horizon, its factors adapted where that has become due: by what may be spent a period
 * if the rest of the budget is to last, over what was spent in the last one, within a step each way and up to 1.
 */
export function adaptPacing(state: PacingState, time: number, options: PacingOptions): PacingState {
  const { method, horizon, adaptations, step, floor } = options
  const due = Math.min(adaptations, Math.floor((time / horizon) * adaptations))
  if (method === 'None' || due <= state.adapted) return state
  const periods = due - state.adapted
  const left = adaptations - state.adapted
  const factor = state.factor.map((each, advertiser) => {
    const before = state.spentBefore[advertiser]
    const allowed = ((state.budget[advertiser] - before) * periods) / left
    const ratio = allowed / (state.spent[advertiser] - before)
    const change = Math.min(step ** periods, Math.max(step ** -periods, ratio || 0))
    return Math.min(1, Math.max(floor, each * change))
  })
  return { ...state, factor, spentBefore: state.spent, adapted: due }
}

/** Ads of the request that take part: indices into its ads, and their bids. */
export interface Participation {
  readonly ads: readonly number[]
  /** Of `ads`. */
  readonly bids: Float64Array
}

export interface EligibilityOptions extends Pick<PacingOptions, 'method'> {
  /** [advertisers], what page views that are not charged yet may still cost; absent: there are none. */
  readonly held?: Float64Array
}

/**
 * Who takes part. An advertiser whose budget is spent does not, nor one whose page views in flight may spend the rest: so
 * nobody is ever over budget by more than the charges of one page view. All ads of an advertiser share its draw.
 * @param key of the request: the same key gives the same draws
 */
export function eligibleAds(
  state: PacingState,
  { advertisers, bids }: Pick<AuctionRequest, 'advertisers' | 'bids'>,
  key: string,
  { method, held }: EligibilityOptions,
): Participation {
  const draws = method === 'Throttling' ? drawsOf(key, state.factor) : undefined
  const ads = Array.from(advertisers.keys()).filter((ad) => {
    const advertiser = advertisers[ad]
    const taken = state.spent[advertiser] + (held?.[advertiser] ?? 0)
    if (!(taken < state.budget[advertiser])) return false
    return draws === undefined || draws[advertiser] < state.factor[advertiser]
  })
  const factorOf = (ad: number) => (method === 'Multiplicative' ? state.factor[advertisers[ad]] : 1)
  return { ads, bids: Float64Array.from(ads, (ad) => bids[ad] * factorOf(ad)) }
}

/** [advertisers], in [0, 1), the same for the same key; undefined where all take part. */
function drawsOf(key: string, factors: Float64Array): Float64Array | undefined {
  if (factors.every((factor) => factor >= 1)) return undefined
  const random = new Random('pacing', key)
  return Float64Array.from(factors, () => random.uniform())
}

/** The request with those who take part alone. */
export const paced = (request: AuctionRequest, { ads, bids }: Participation): AuctionRequest => ({
  ...request,
  ads: Uint32Array.from(ads, (ad) => request.ads[ad]),
  advertisers: Uint32Array.from(ads, (ad) => request.advertisers[ad]),
  bids,
  ...(request.creatives === undefined ? {} : { creatives: ads.map((ad) => request.creatives?.[ad]) }),
  ...(request.adReserves === undefined
    ? {}
    : { adReserves: Float64Array.from(ads, (ad) => request.adReserves?.[ad] ?? 0) }),
})

export interface Charge {
  readonly advertiser: number
  /** In the unit of budgets. */
  readonly amount: number
}

/** The state after charges, of clicks or of expected clicks as the caller accounts. */
export function charge(state: PacingState, charges: readonly Charge[]): PacingState {
  if (charges.length === 0) return state
  const spent = state.spent.slice()
  for (const { advertiser, amount } of charges) spent[advertiser] += amount
  return { ...state, spent }
}
