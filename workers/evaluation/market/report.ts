// From what was measured of a marketplace to numbers with intervals, beside the champion's where there is one.

import type { Bidder } from '../../../crds/auction-terms.ts'
import type { MarketSummary, MeasuredMetric, OffPolicySummary } from '../../../crds/jobs.ts'
import { type Comparison, championName } from '../evaluate.ts'
import { compareGroups, type MetricGroup, measureGroup, type ResampleOptions } from '../metric-group.ts'
import { type Estimator, estimatePolicy } from '../off-policy/estimate-policy.ts'
import type { SupportRule } from '../off-policy/support.ts'
import type { BudgetOutcome } from './budgets.ts'
import type { JudgeName } from './judge.ts'
import { loggedGroup } from './logged-lists.ts'
import { type PolicyActions, type PolicyTables, policyActions } from './logged-policy.ts'
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
  log: Pick<PolicyTables, 'clusters' | 'propensities' | 'creativeOffsets'>,
  options: OffPolicyOptions,
): OffPolicyReport {
  const policy = policyActions({ logged, outcomes, ...log })
  const { actions } = policy
  const { propensities } = log
  if (actions.user.length === 0) {
    const message = ['no exposed entry of the log counts', ...caveatsOf(policy, log)].join('; ')
    const nothing = { rows: 0, effectiveSamples: 0, effectivePositives: 0, meanWeight: 0 }
    return { metrics: [], summary: { supported: false, message, propensities, ...nothing } }
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
      message: [...(supported ? [basis] : refusals), ...caveatsOf(policy, log)].join('; '),
      propensities,
      rows,
      effectiveSamples,
      effectivePositives,
      meanWeight: meanWeight.mean,
    },
  }
}

function caveatsOf(
  { untold, beyondOwn, evenCreatives }: Omit<PolicyActions, 'actions'>,
  { propensities }: Pick<PolicyTables, 'propensities'>,
): string[] {
  const caveats: string[] = []
  const below = propensities === 'GivenBefore' ? ', or stand below one that has none' : ''
  if (untold > 0) caveats.push(`${untold} entries have no propensity${below}`)
  if (beyondOwn > 0) caveats.push(`${beyondOwn} entries stand in slots that the lists of the model leave empty`)
  if (evenCreatives > 0)
    caveats.push(
      `the model chose no creative for ${evenCreatives} entries that it shows too: each creative of their items is taken to be shown equally often`,
    )
  return caveats
}
