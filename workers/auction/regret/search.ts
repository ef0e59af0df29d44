// What the searches for better bids share: reports that were tried, and how to try more.

import type { Report } from './misreports.ts'

/** What one ad got. */
export interface Outcome {
  readonly listed: boolean
  /** Expected clicks of the page view; 0 where it is not listed. */
  readonly clicks: number
  /** Per click. */
  readonly price: number
}

export interface Trial {
  readonly report: Report
  /** By ad of the bidder. */
  readonly outcomes: readonly Outcome[]
  /** Of the bidder, in money per page view. */
  readonly utility: number
  /** Value times clicks, likewise. */
  readonly valueClicks: number
}

/** For the better bids of one bidder of one page view. */
export interface Search {
  /** Of the bidder. */
  readonly ads: readonly number[]
  /** By ad of the bidder, per click. */
  readonly values: Report
  /** Under the bids as they are placed. */
  readonly truth: Trial
  /** Grow as reports are tried. */
  readonly trials: Trial[]
}

/** Tries reports of all searches of a page view together, and files them with their search, in their order. */
export type TryReports = (reportsOf: (search: Search) => readonly Report[]) => Promise<void>

/** The best, equals in the order of the trials. */
export const bestOf = (trials: readonly Trial[], count: number): Trial[] =>
  trials.toSorted((a, b) => b.utility - a.utility).slice(0, count)
