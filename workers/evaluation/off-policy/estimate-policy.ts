// What a policy would have earned, from the log of another one.

import { bootstrap, type Estimate, estimateStatistic, meanOf, ratioOf, type Statistic } from '../bootstrap.ts'
import { clipWeights, effectiveCount, leastEffectiveCount, mostWeight } from './importance-weights.ts'
import { checkLoggedActions, type LoggedActions } from './logged-actions.ts'
import { type Conclusion, conclude, type SupportRule } from './support.ts'

/**
 * - `IPS` (Horvitz and Thompson 1952): (1/n) Σ w·r. Unbiased where nothing is clipped.
 * - `SNIPS` (Swaminathan and Joachims, NIPS 2015): Σ w·r / Σ w. Consistent; never outside the range of the rewards.
 * - `DR` (Dudík, Langford and Li, ICML 2011): (1/n) Σ [ q̂(target) + w·(r − q̂(logged)) ]. Unbiased where nothing is
 *   clipped, and right without any weight where the model of the rewards is.
 */
export type Estimator = 'IPS' | 'SNIPS' | 'DR'

export interface PolicyEstimateOptions {
  readonly estimators: readonly Estimator[]
  /** Largest importance weight; Infinity cuts none. */
  readonly clip: number
  readonly rule: SupportRule
  /** Resamples of the intervals. */
  readonly samples: number
  readonly seed: number
}

export interface PolicyEstimate {
  readonly rows: number
  /** Mean reward of an action with its 95 % interval over users, by estimator. Nothing to rely on where `conclusion` is refused. */
  readonly estimates: ReadonlyMap<Estimator, Estimate>
  /** What the logging policy earned. */
  readonly logged: Estimate
  /** Of the weights before clipping: about 1 where the propensities are right and the log covers the policy. */
  readonly meanWeight: Estimate
  readonly clippedRows: number
  readonly lostMass: number
  readonly conclusion: Conclusion
}

/** @throws LoggedActionsError; TypeError where DR is asked for without expected rewards */
export function estimatePolicy(actions: LoggedActions, options: PolicyEstimateOptions): PolicyEstimate {
  checkLoggedActions(actions)
  const { user, reward, weight: unclipped, expected } = actions
  const { values: weights, clipped, lostMass } = clipWeights(unclipped, options.clip)
  const weighted = reward.map((value, row) => weights[row] * value)
  const positive = weighted.map((value) => Math.max(0, value))
  // Column by column, as the statistics below count them.
  const columns = [reward, unclipped, weighted, weights]
  if (expected !== undefined)
    columns.push(expected.target.map((value, row) => value + weights[row] * (reward[row] - expected.logged[row])))
  else if (options.estimators.includes('DR')) throw new TypeError('DR needs the expected rewards of a model')
  const resamples = bootstrap(user, columns, options)
  const statistics: Record<Estimator, Statistic> = { IPS: meanOf(2), SNIPS: ratioOf(2, 3), DR: meanOf(4) }
  return {
    rows: user.length,
    estimates: new Map(options.estimators.map((name) => [name, estimateStatistic(resamples, statistics[name])])),
    logged: estimateStatistic(resamples, meanOf(0)),
    meanWeight: estimateStatistic(resamples, meanOf(1)),
    clippedRows: clipped,
    lostMass,
    conclusion: conclude(
      {
        // What may outweigh all else does so before it is clipped.
        effectiveSamples: unclipped.some((weight) => weight >= mostWeight)
          ? 1
          : leastEffectiveCount(weights, actions.depth),
        effectivePositives: effectiveCount(positive),
      },
      options.rule,
    ),
  }
}
