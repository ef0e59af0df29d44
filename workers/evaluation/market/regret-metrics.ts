// Incentive metrics from audited ads (EGA-V2, Sec. 5.1). Ψ divides by the utility, which goes to 0 as the price comes
// close to the value, and a few such ads decide it: only winners whose utility is above a floor count, how many were
// left out is told, and measures without that weakness stand beside it.

import type { GroupMetric, MeanOf, MetricGroup } from '../metric-group.ts'
import type { JudgeName } from './judge.ts'
import { judgedColumn } from './outcomes.ts'
import { ratioHalfWidth } from './sampling-rule.ts'
import { columnOf, rowCount, type Table } from './table.ts'

/** An audited ad as a judge sees it. */
interface AuditedAd {
  readonly listed: boolean
  /** Listed, and its utility above the floor. */
  readonly counts: boolean
  readonly weight: number
  readonly utility: number
  readonly valueClicks: number
  readonly regret: number
  readonly bestValueClicks: number
  readonly violation: number
  /** NaN of an ad of a request that was not searched. */
  readonly searchRegret: number
}

type Sums = Record<string, (ad: AuditedAd) => number>

const sums: Sums = {
  ads: ({ weight }) => weight,
  winners: ({ listed }) => Number(listed),
  pairs: ({ counts }) => Number(counts),
  psi: ({ counts, regret, utility }) => (counts ? regret / utility : 0),
  relative: ({ listed, regret, valueClicks }) => (listed && valueClicks > 0 ? regret / valueClicks : 0),
  winnersRegret: ({ listed, regret }) => (listed ? regret : 0),
  winnersUtility: ({ listed, utility }) => (listed ? utility : 0),
  regret: ({ weight, regret }) => weight * regret,
  gaining: ({ weight, regret, valueClicks, bestValueClicks }) =>
    weight * Number(regret > 0.01 * Math.max(valueClicks, bestValueClicks)),
  violations: ({ weight, violation }) => weight * violation,
}

const metricsOfJudge: Record<string, (mean: MeanOf) => number> = {
  Psi: (mean) => mean('psi') / mean('pairs'),
  PsiSum: (mean) => mean('psi'),
  PsiDropped: (mean) => 1 - mean('pairs') / mean('winners'),
  RelativeRegret: (mean) => mean('relative') / mean('winners'),
  RegretToUtility: (mean) => mean('winnersRegret') / mean('winnersUtility'),
  Regret: (mean) => mean('regret') / mean('ads'),
  RegretAbove1Percent: (mean) => mean('gaining') / mean('ads'),
  MonotonicityViolations: (mean) => mean('violations') / mean('ads'),
}

const isSearched = ({ searchRegret }: AuditedAd): boolean => !Number.isNaN(searchRegret)

/** By the search, which searches under the clicks of each judge, over the ads that it was made for. */
const searchSums: Sums = {
  searchAds: (ad) => (isSearched(ad) ? ad.weight : 0),
  searchPairs: (ad) => Number(isSearched(ad) && ad.counts),
  searchPsi: (ad) => (isSearched(ad) && ad.counts ? ad.searchRegret / ad.utility : 0),
  searchRegret: (ad) => (isSearched(ad) ? ad.weight * ad.searchRegret : 0),
  searchWinnersRegret: (ad) => (isSearched(ad) && ad.listed ? ad.searchRegret : 0),
  searchWinnersUtility: (ad) => (isSearched(ad) && ad.listed ? ad.utility : 0),
}

const searchMetrics: Record<string, (mean: MeanOf) => number> = {
  SearchPsi: (mean) => mean('searchPsi') / mean('searchPairs'),
  SearchRegret: (mean) => mean('searchRegret') / mean('searchAds'),
  SearchRegretToUtility: (mean) => mean('searchWinnersRegret') / mean('searchWinnersUtility'),
}

export interface RegretGroupOptions {
  /** Least utility of a winner that counts in Ψ, as a share of its value times its clicks: whatever the unit of money. */
  readonly utilityFloor: number
  /** Whether a search was made. */
  readonly searched: boolean
}

/** Sums over the audited ads of each of the first `clusters.length` requests. */
export function regretGroup(
  table: Table,
  clusters: Uint32Array,
  judges: readonly JudgeName[],
  { utilityFloor, searched }: RegretGroupOptions,
): MetricGroup {
  const columns = new Map<string, Float64Array>()
  const metrics: GroupMetric[] = []
  const requestOf = columnOf(table, 'request')
  for (const judge of judges) {
    const ads = auditedAds(table, judge, utilityFloor)
    for (const [name, of] of Object.entries({ ...sums, ...(searched ? searchSums : {}) })) {
      const column = new Float64Array(clusters.length)
      ads.forEach((ad, row) => {
        column[requestOf[row]] += of(ad)
      })
      columns.set(judgedColumn(judge, name), column)
    }
    for (const [name, value] of Object.entries({ ...metricsOfJudge, ...(searched ? searchMetrics : {}) })) {
      const read =
        (mean: MeanOf): MeanOf =>
        (column) =>
          mean(judgedColumn(judge, column))
      metrics.push({ name: judgedColumn(judge, name), value: (mean) => value(read(mean)) })
    }
  }
  return { clusters, columns, metrics }
}

/**
 * The widest half-width of Ψ among the judges, from the audited ads of the first `clusters.length` requests; without the
 * objects of a group, as it is asked for again and again.
 */
export function psiHalfWidth(
  { columns, values }: Table,
  clusters: Uint32Array,
  judges: readonly JudgeName[],
  floor: number,
): number {
  const width = columns.length
  const at = (name: string): number => columns.indexOf(name)
  const [request, listed] = [at('request'), at('listed')]
  const widths = judges.map((judge) => {
    const [utility, valueClicks, regret] = ['utility', 'valueClicks', 'regret'].map((name) =>
      at(judgedColumn(judge, name)),
    )
    const [psi, pairs] = [new Float64Array(clusters.length), new Float64Array(clusters.length)]
    for (let row = 0; row < values.length; row += width) {
      if (!countsInPsi(values[row + listed] === 1, values[row + utility], values[row + valueClicks], floor)) continue
      psi[values[row + request]] += values[row + regret] / values[row + utility]
      pairs[values[row + request]]++
    }
    return ratioHalfWidth(psi, pairs, clusters)
  })
  return Math.max(...widths)
}

/** Of a winner whose utility is above the floor, a share of its value times its clicks. */
const countsInPsi = (listed: boolean, utility: number, valueClicks: number, floor: number): boolean =>
  listed && utility > floor * valueClicks

function auditedAds(table: Table, judge: JudgeName, floor: number): AuditedAd[] {
  const fact = (name: string) => columnOf(table, name)
  const judged = (name: string) => columnOf(table, judgedColumn(judge, name))
  const [listed, weight] = ['listed', 'weight'].map(fact)
  const [utility, valueClicks] = ['utility', 'valueClicks'].map(judged)
  const [regret, bestValueClicks, violation, searchRegret] = [
    'regret',
    'bestValueClicks',
    'violation',
    'searchRegret',
  ].map(judged)
  return Array.from({ length: rowCount(table) }, (_, row) => ({
    listed: listed[row] === 1,
    counts: countsInPsi(listed[row] === 1, utility[row], valueClicks[row], floor),
    weight: weight[row],
    utility: utility[row],
    valueClicks: valueClicks[row],
    regret: regret[row],
    bestValueClicks: bestValueClicks[row],
    violation: violation[row],
    searchRegret: searchRegret[row],
  }))
}
