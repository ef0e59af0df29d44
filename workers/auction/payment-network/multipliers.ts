// The multipliers of the augmented Lagrangian (Eq. 33-35) between steps: one for each slot that an ad may win, and one
// for ads that truth leaves out.

import type { StageProgress } from '../../ranker/stage-training.ts'
import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'

/** Defaults as RegretNet's published code has them. */
export interface MultiplierSchedule {
  /** Of all multipliers at the start. */
  readonly lambda: number
  readonly rho: number
  /** Steps between updates of lambda. */
  readonly lambdaEvery: number
  /** Steps between increases of rho. */
  readonly rhoEvery: number
  readonly rhoStep: number
}

export const multiplierDefaults: MultiplierSchedule = {
  lambda: 5,
  rho: 1,
  lambdaEvery: 100,
  rhoEvery: 10_000,
  rhoStep: 5,
}

type Extra = StageProgress['extra']

/** What a checkpoint holds: lambda by group, rho, and the regrets by group summed since lambda last changed. */
export const multipliersStart = (groups: number, { lambda, rho }: MultiplierSchedule): Extra => ({
  lambda: new Array<number>(groups).fill(lambda),
  rho: [rho],
  regret: new Array<number>(groups).fill(0),
})

/**
 * After a step: lambda ← lambda + rho · mean regret of the group since the last update (Eq. 35), then rho by its own
 * schedule.
 * @param steps taken so far, this one included
 */
export const multipliersAfter = (
  { lambda, rho: [rho], regret }: Extra,
  regrets: readonly number[],
  steps: number,
  schedule: MultiplierSchedule,
): Extra => {
  const sums = regret.map((sum, group) => sum + regrets[group])
  const updates = steps % schedule.lambdaEvery === 0
  return {
    lambda: updates ? lambda.map((value, group) => value + (rho * sums[group]) / schedule.lambdaEvery) : lambda,
    rho: [steps % schedule.rhoEvery === 0 ? rho + schedule.rhoStep : rho],
    regret: updates ? sums.map(() => 0) : sums,
  }
}

/** −revenue + λ·regret + ρ/2·regret² of each sample (Eq. 33). */
export const augmentedLagrangian = (revenue: Value, regret: Value, lambda: Value, rho: Value): Value => {
  const penalty = op.add(op.mul(lambda, regret), op.mul(op.scale(rho, 0.5), op.square(regret)))
  return op.sub(penalty, revenue)
}
