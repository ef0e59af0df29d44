import type { AnalysisMetric } from '../../crds/rollout.ts'
import { type Counts, densities } from './counts.ts'
import { difference, type Estimate, proportion, quantile, ratio, stabilityIndex } from './estimates.ts'

/** What stable and canary did since an analysis began. */
export interface Evidence {
  stable: TrackEvidence
  canary: TrackEvidence
}

export interface TrackEvidence {
  counts: Counts
  /** The same in pieces, one after the other: only their spread tells how sure a mean is. */
  parts: readonly { requests: number; eventValue: number }[]
}

export type Verdict = 'Pass' | 'Fail' | 'Inconclusive'

export interface Judgement {
  verdict: Verdict
  canary?: Estimate
  stable?: Estimate
  message: string
}

/** Value of a metric with its interval; undefined as long as there is nothing to count. */
function estimate(metric: AnalysisMetric, { counts, parts }: TrackEvidence, level: number): Estimate | undefined {
  const share = (some: number, all: number) => (all > 0 ? proportion(Math.min(some, all), all, level) : undefined)
  switch (metric.type) {
    case 'ErrorRate':
      return share(counts.errors, counts.requests)
    case 'EmptyListShare':
      return share(counts.emptyLists, counts.lists)
    case 'ClickThroughRate':
      return share(counts.clicks, counts.impressions)
    case 'LatencyQuantile':
      return (counts.latency.at(-1)?.count ?? 0) > 0
        ? quantile(counts.latency, metric.quantilePercent / 100, level)
        : undefined
    case 'RevenuePerRequest':
      return counts.requests > 0
        ? ratio(
            parts.map(({ eventValue, requests }) => ({ value: eventValue, weight: requests })),
            level,
          )
        : undefined
    default:
      return undefined
  }
}

/**
 * A bound is kept when the whole interval keeps it, broken when the whole interval breaks it, and else it is not known. The
 * level of each of `count` looks is 1 - 0.05 / count (Bonferroni), so that all looks together are wrong in at most 5 % of
 * analyses.
 */
export function judge(metric: AnalysisMetric, evidence: Evidence): Judgement {
  const level = 1 - 0.05 / metric.count
  if (metric.type === 'ScoreDistribution') return judgeScores(metric, evidence, level)
  const canary = estimate(metric, evidence.canary, level)
  const stable = estimate(metric, evidence.stable, level)
  const known = { ...(canary ? { canary } : {}), ...(stable ? { stable } : {}) }
  if (!canary) return { ...known, verdict: 'Inconclusive', message: 'nothing to count at the canary yet' }
  const needsStable = metric.maxDifferenceToStable !== undefined || metric.minRelativeToStable !== undefined
  if (needsStable && !stable) return { ...known, verdict: 'Inconclusive', message: 'nothing to count at stable yet' }
  return { ...known, ...worst(boundsOf(metric, canary, stable, level)) }
}

/** A number that has no interval. */
export function judgeNumber(metric: AnalysisMetric, value: number): Judgement {
  const canary = { value, low: value, high: value }
  return { canary, ...worst(boundsOf(metric, canary, undefined, 0.95)) }
}

function judgeScores(metric: AnalysisMetric, { stable, canary }: Evidence, level: number): Judgement {
  const [expected, actual] = [densities(stable.counts.score), densities(canary.counts.score)]
  const isEmpty = (counts: number[]) => !counts.some((count) => count > 0)
  if (isEmpty(expected) || isEmpty(actual))
    return { verdict: 'Inconclusive', message: `no scores at ${isEmpty(actual) ? 'the canary' : 'stable'} yet` }
  const index = stabilityIndex(expected, actual, level)
  return { canary: index, ...worst(boundsOf(metric, index, undefined, level)) }
}

type Bound = Pick<Judgement, 'verdict' | 'message'>

function boundsOf(
  { max, min, maxDifferenceToStable, minRelativeToStable }: AnalysisMetric,
  canary: Estimate,
  stable: Estimate | undefined,
  level: number,
): Bound[] {
  const bounds: Bound[] = []
  if (max !== undefined) bounds.push(atMost(canary, Number(max), `the canary has`))
  if (min !== undefined) bounds.push(atLeast(canary, Number(min), `the canary has`))
  if (stable && maxDifferenceToStable !== undefined) {
    const more = difference(canary, stable, 1, level)
    bounds.push(atMost(more, Number(maxDifferenceToStable), 'canary minus stable is'))
  }
  if (stable && minRelativeToStable !== undefined) {
    const more = difference(canary, stable, Number(minRelativeToStable), level)
    bounds.push(atLeast(more, 0, `canary minus ${minRelativeToStable} times stable is`))
  }
  return bounds
}

function atMost(seen: Estimate, bound: number, what: string): Bound {
  const verdict = seen.high <= bound ? 'Pass' : seen.low > bound ? 'Fail' : 'Inconclusive'
  return { verdict, message: `${what} ${words(seen)}, at most ${bound} is allowed` }
}

function atLeast(seen: Estimate, bound: number, what: string): Bound {
  const verdict = seen.low >= bound ? 'Pass' : seen.high < bound ? 'Fail' : 'Inconclusive'
  return { verdict, message: `${what} ${words(seen)}, at least ${bound} is asked for` }
}

const severity: Verdict[] = ['Pass', 'Inconclusive', 'Fail']

function worst(bounds: readonly Bound[]): Bound {
  const none: Bound = { verdict: 'Inconclusive', message: 'no bound applies' }
  return bounds.toSorted((a, b) => severity.indexOf(b.verdict) - severity.indexOf(a.verdict))[0] ?? none
}

const words = ({ value, low, high }: Estimate): string =>
  low === high ? short(value) : `${short(value)} [${short(low)}, ${short(high)}]`

const short = (value: number): string => (Number.isFinite(value) ? String(Number(value.toPrecision(4))) : 'unknown')
