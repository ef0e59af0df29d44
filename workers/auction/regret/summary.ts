// What an audit found, over page views, with intervals by resampling them.

import { bootstrap, type Estimate, percentile, type Resamples } from '../../evaluation/bootstrap.ts'
import type { AuditRow } from './audit.ts'

export interface SummaryOptions {
  /**
   * Winners whose utility is not above it are left out of Ψ, whose denominators go to 0 where a price comes close to the
   * value; in money per page view.
   */
  readonly utilityFloor: number
  /** Resamples of the page views. */
  readonly samples: number
  readonly seed: number
}

export interface AuditSummary {
  readonly requests: number
  /** Rows: ads by page view, winners and losers. */
  readonly ads: number
  readonly winners: number
  /** Bids tried in all. */
  readonly misreports: number
  /** Per ad, in money per page view, over all bids tried. */
  readonly regret: { readonly mean: Estimate; readonly p95: number; readonly max: number }
  /** Mean per ad over the published ten multipliers. */
  readonly publishedRegret: Estimate
  /** Sum of regret by sum of utility. */
  readonly regretToUtility: Estimate
  /** EGA-V2's Ψ over the published ten multipliers: regret by utility of winners with a utility above the floor. */
  readonly psi: {
    /** Mean over pairs of a winner and a page view. */
    readonly mean: Estimate
    /** As printed: summed over the winners of a page view, averaged over page views. */
    readonly sum: Estimate
    readonly kept: number
    /** Winners at or below the floor. */
    readonly dropped: number
    readonly utilityFloor: number
  }
  /** Share of ads whose regret is above 1 % of value times clicks (under the best bid, where they won none). */
  readonly aboveOnePercent: Estimate
  readonly irViolations: number
  /** Shares of ads. */
  readonly listingViolations: number
  readonly clickViolations: number
}

export function summarize(rows: readonly AuditRow[], { utilityFloor, samples, seed }: SummaryOptions): AuditSummary {
  const kept = (row: AuditRow): boolean => row.listed && row.utility > utilityFloor
  const firstOfRequest = new Map(rows.toReversed().map((row) => [row.request, row]))
  const columns = {
    ads: () => 1,
    requests: (row) => Number(firstOfRequest.get(row.request) === row),
    regret: (row) => row.regret,
    publishedRegret: (row) => row.publishedRegret,
    utility: (row) => row.utility,
    kept: (row) => Number(kept(row)),
    psi: (row) => (kept(row) ? row.publishedRegret / row.utility : 0),
    aboveOnePercent: (row) => Number(row.regret > 0.01 * (row.listed ? row.valueClicks : row.bestValueClicks)),
  } satisfies Record<string, (row: AuditRow) => number>
  type Column = keyof typeof columns
  const names = Object.keys(columns) as Column[]
  const resamples = bootstrap(
    Uint32Array.from(rows, ({ request }) => request),
    names.map((name) => Float64Array.from(rows, columns[name])),
    { samples, seed },
  )
  const perSum = (top: Column, bottom: Column): Estimate => ratio(resamples, names.indexOf(top), names.indexOf(bottom))
  const count = (of: (row: AuditRow) => boolean): number => rows.filter(of).length
  const sorted = Float64Array.from(rows, ({ regret }) => regret).toSorted()
  const winners = count(({ listed }) => listed)
  return {
    requests: firstOfRequest.size,
    ads: rows.length,
    winners,
    misreports: rows.reduce((sum, { misreports }) => sum + misreports, 0),
    regret: { mean: perSum('regret', 'ads'), p95: percentile(sorted, 0.95), max: sorted[sorted.length - 1] },
    publishedRegret: perSum('publishedRegret', 'ads'),
    regretToUtility: perSum('regret', 'utility'),
    psi: {
      mean: perSum('psi', 'kept'),
      sum: perSum('psi', 'requests'),
      kept: count(kept),
      dropped: winners - count(kept),
      utilityFloor,
    },
    aboveOnePercent: perSum('aboveOnePercent', 'ads'),
    irViolations: rows.reduce((sum, { irViolations }) => sum + irViolations, 0),
    listingViolations: count(({ listingViolation }) => listingViolation) / rows.length,
    clickViolations: count(({ clickViolation }) => clickViolation) / rows.length,
  }
}

/** Sum of one column by sum of another, 0 by 0 being 0, with its percentile interval. */
function ratio({ means, resampled }: Resamples, column: number, by: number): Estimate {
  const share = (top: number, bottom: number): number => (top === 0 ? 0 : top / bottom)
  const sorted = resampled[column].map((value, sample) => share(value, resampled[by][sample])).toSorted()
  return {
    mean: share(means[column], means[by]),
    low: percentile(sorted, 0.025),
    high: percentile(sorted, 0.975),
  }
}
