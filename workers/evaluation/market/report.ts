// From what was measured of a marketplace to numbers with intervals, beside the champion's where there is one.

import type { Bidder } from '../../../crds/auction-terms.ts'
import type { MarketSummary, MeasuredMetric, OffPolicySummary } from '../../../crds/jobs.ts'
import { type Comparison, championName } from '../evaluate.ts'
import { compareGroups, type MetricGroup, measureGroup, type ResampleOptions } from '../metric-group.ts'
import { type Estimator, estimatePolicy } from '../off-policy/estimate-policy.ts'
import type { SupportRule } from '../off-policy/support.ts'
import type { BudgetOutcome } from './budgets.ts'
import type { JudgeName } from './judge.ts'
import { loggedActions, loggedGroup } from './logged-lists.ts'
import type { MarketProgress } from './measure.ts'
import { outcomeGroup } from './outcome-metrics.ts'
import { regretGroup } from './regret-metrics.ts'
import type { Sampled } from './sampling-rule.ts'
import { rowCount } from './table.ts'

/** One mechanism, measured to the end. */
export interface MeasuredMarket {
  readonly progress: MarketProgress
  readonly sampled: Sampled
  readonly paymentRule: string
}

export interface ReportOptions extends ResampleOptions {
  /** [requests], what is drawn together. */
  readonly clusters: Uint32Array
  readonly judges: readonly JudgeName[]
  readonly utilityFloor: number
  /** Whether a search for better bids was made. */
  readonly searched: boolean
}

export interface MarketReport {
  readonly metrics: MeasuredMetric[]
  readonly comparisons: readonly Comparison[]
  readonly unmeasured: readonly string[]
}

function groupsOf({ progress }: MeasuredMarket, options: ReportOptions): MetricGroup[] {
  const { clusters, utilityFloor, searched } = options
  // Those who know most come first: the first metric is the one that stands for all in a table.
  const judges = options.judges.toReversed()
  const audited = clusters.subarray(0, progress.audited)
  return [
    outcomeGroup(progress.outcomes, clusters, judges),
    regretGroup(progress.regrets, audited, judges, { utilityFloor, searched }),
    ...(rowCount(progress.logged) > 0 ? [loggedGroup(progress.logged, clusters)] : []),
  ]
}

export function reportMarket(
  model: MeasuredMarket,
  champion: MeasuredMarket | undefined,
  options: ReportOptions,
): MarketReport {
  const groups = groupsOf(model, options)
  const championGroups = champion === undefined ? [] : groupsOf(champion, options)
  const measures = [
    ...groups.map((group) => measureGroup(group, '', options)),
    ...championGroups.map((group) => measureGroup(group, championName, options)),
  ]
  return {
    metrics: measures.flatMap(({ metrics }) => metrics),
    unmeasured: measures.flatMap(({ unmeasured }) => unmeasured),
    comparisons: championGroups.flatMap((other, index) =>
      index < groups.length ? compareGroups(groups[index], other, championName, options) : [],
    ),
  }
}

/** Of the sample. */
interface MarketFacts {
  readonly skipped: number
  readonly bidder: Bidder
  /** Undefined where nobody runs out of budget. */
  readonly budgets: BudgetOutcome | undefined
}

export function summarizeMarket(
  { progress, sampled, paymentRule }: MeasuredMarket,
  { unmeasured }: MarketReport,
  { clusters, judges }: ReportOptions,
  { skipped, bidder, budgets }: MarketFacts,
): MarketSummary {
  const { rounds, moved } = progress.responses
  return {
    requests: clusters.length,
    skipped,
    paymentRule,
    judges: [...judges],
    audited: sampled.requests,
    bidder,
    auditEnded: sampled.ended,
    ...(Number.isFinite(sampled.halfWidth) ? { auditHalfWidth: sampled.halfWidth } : {}),
    ...(rounds > 0 ? { biddingRounds: rounds, biddersMoved: moved } : {}),
    ...(budgets === undefined ? {} : { budgets }),
    unmeasured: [...unmeasured],
  }
}

export interface OffPolicyOptions extends ResampleOptions {
  readonly estimators: readonly Estimator[]
  readonly clip: number
  readonly rule: SupportRule
}

export interface OffPolicyReport {
  /** Empty where the log supports no conclusion. */
  readonly metrics: MeasuredMetric[]
  readonly summary: OffPolicySummary
}

/** Clicks per impression of the mechanism's lists, from the lists of the log. */
export function reportOffPolicy(
  { logged, outcomes }: MarketProgress,
  clusters: Uint32Array,
  options: OffPolicyOptions,
): OffPolicyReport {
  const actions = loggedActions(logged, outcomes, clusters)
  if (actions.user.length === 0) {
    const message = 'no exposed entry of the log has a propensity'
    const nothing = { rows: 0, effectiveSamples: 0, effectivePositives: 0, meanWeight: 0 }
    return { metrics: [], summary: { supported: false, message, ...nothing } }
  }
  const { estimates, conclusion, rows, meanWeight } = estimatePolicy(actions, options)
  const { supported, refusals, effectiveSamples, effectivePositives } = conclusion
  const metrics = Array.from(estimates, ([name, { mean, low, high }]) => ({
    name: `OffPolicy/${name}`,
    value: mean,
    low,
    high,
  }))
  const basis = `${Math.floor(effectivePositives)} effective clicks in ${Math.floor(effectiveSamples)} effective samples`
  return {
    metrics: supported ? metrics : [],
    summary: {
      supported,
      message: supported ? basis : refusals.join('; '),
      rows,
      effectiveSamples,
      effectivePositives,
      meanWeight: meanWeight.mean,
    },
  }
}
