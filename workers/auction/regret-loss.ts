// The loss that holds regret at zero while revenue is raised, sample by sample (Eq. 33 of EGA-V2), for whatever mechanism
// is learned: a payment network over a frozen allocation, or allocation and payment together. A sample is a bidder of a
// request; samples of a group share a multiplier. How multipliers move between steps is in lagrangian.ts.

import type { Value } from '../tensor/graph.ts'
import * as op from '../tensor/operators.ts'
import type { LagrangianState } from './lagrangian.ts'

/**
 * What the best variant gains over truth, of utilities [samples, variants]. Truth is one of the variants, so that this is
 * the ReLU of the gain and never negative.
 */
export const regretOf = (utilities: Value, truth: number): Value => {
  const best = op.reduceMax(utilities, [1])
  return op.sub(best, op.reshape(op.slice(utilities, 1, truth, truth + 1), best.shape))
}

/** Both [samples]. */
export interface SampleOutcomes {
  readonly revenue: Value
  readonly regret: Value
}

export interface RegretWeights {
  /** λ, that of each sample's group [samples]. */
  readonly lambda: Value
  /** ρ []. */
  readonly rho: Value
  /** By which means over samples are taken [samples]. */
  readonly weight: Value
  /** By which means over the samples of each group are [samples, groups]. */
  readonly membership: Value
  /** 1 over what revenue and regret are measured by inside the loss, so that λ and ρ mean the same whatever that is []. */
  readonly unit: Value
}

const metricName = (group: number): string => `regret.${group}`

/**
 * The mean of −revenue + λ · regret + ρ/2 · regret². Regrets are squared before they are averaged, so that a few large ones
 * weigh more than many small ones. Metrics: revenue and regret, means as they were given; for `regretsOf`, the mean regret of
 * each group, over the unit.
 */
export const regretLoss = (
  { revenue, regret }: SampleOutcomes,
  { lambda, rho, weight, membership, unit }: RegretWeights,
): { loss: Value; metrics: Record<string, Value> } => {
  const scaled = op.mul(regret, unit)
  const gained = op.mul(revenue, unit)
  const penalty = op.add(op.mul(lambda, scaled), op.mul(op.scale(rho, 0.5), op.square(scaled)))
  const lagrangian = op.sub(penalty, gained)
  const mean = (value: Value): Value => op.reduceSum(op.mul(value, weight))
  const [samples, groups] = membership.shape.map(Number)
  const ofGroups = op.gemm(op.reshape(scaled, [1, samples]), membership)
  const each = op.split(ofGroups, 1, new Array<number>(groups).fill(1))
  return {
    loss: mean(lagrangian),
    metrics: {
      revenue: mean(revenue),
      regret: mean(regret),
      ...Object.fromEntries(each.map((value, group) => [metricName(group), op.reshape(value, [])])),
    },
  }
}

/** The mean regret of each group in a step, for `advanceLagrangian`. @param metric of the step, by its name */
export const regretsOf = ({ multipliers }: LagrangianState, metric: (name: string) => number): number[] =>
  multipliers.map((_, group) => metric(metricName(group)))
