// The augmented Lagrangian that holds regret at zero while revenue is raised (Eq. 33 to 35 of EGA-V2; RegretNet, arXiv
// 1706.03459, section 4): multipliers and penalty between steps as plain numbers, the loss as a function of graph values.

import type { Value } from '../tensor/graph.ts'
import * as op from '../tensor/operators.ts'
import { float32, type Tensors } from '../tensor/session.ts'
import { sizeOf } from '../tensor/shapes.ts'

export interface LagrangianSchedule {
  /** λ at the start, of every regret. */
  readonly multiplier: number
  /** Steps between updates of λ. */
  readonly multiplierEvery: number
  /** ρ at the start. */
  readonly penalty: number
  /** What ρ grows by. */
  readonly penaltyGrowth: number
  /** Steps between the growths of ρ. */
  readonly penaltyEvery: number
}

/** As the RegretNet authors' code trains; regret has to be in the unit of values of order 1. */
export const lagrangianDefaults: LagrangianSchedule = {
  multiplier: 5,
  multiplierEvery: 100,
  penalty: 1,
  penaltyGrowth: 5,
  penaltyEvery: 10_000,
}

export interface LagrangianState {
  /** λ, one for each regret. */
  readonly multipliers: readonly number[]
  /** ρ. */
  readonly penalty: number
  /** Steps taken. */
  readonly step: number
  /** Sums of the regrets since λ was last updated. */
  readonly regret: readonly number[]
}

/** @param regrets how many there are: bidders, or slots */
export const startLagrangian = (regrets: number, schedule: LagrangianSchedule): LagrangianState => ({
  multipliers: new Array<number>(regrets).fill(schedule.multiplier),
  penalty: schedule.penalty,
  step: 0,
  regret: new Array<number>(regrets).fill(0),
})

/**
 * The state after a step that saw these regrets. When it is time, λ += ρ · rgt (Eq. 35), with the mean regret since the
 * last update in place of the last batch's, which is noisier, and ρ before its own growth.
 */
export function advanceLagrangian(
  state: LagrangianState,
  regrets: ArrayLike<number>,
  schedule: LagrangianSchedule,
): LagrangianState {
  const { multiplierEvery, penaltyEvery, penaltyGrowth } = schedule
  const step = state.step + 1
  const sums = state.regret.map((sum, index) => sum + regrets[index])
  const updates = step % multiplierEvery === 0
  const penalty = state.penalty + (step % penaltyEvery === 0 ? penaltyGrowth : 0)
  if (!updates) return { ...state, step, regret: sums, penalty }
  const multipliers = state.multipliers.map(
    (multiplier, index) => multiplier + (state.penalty * sums[index]) / multiplierEvery,
  )
  return { multipliers, penalty, step, regret: sums.map(() => 0) }
}

/** The state in numbers, as checkpoints hold it (`StageProgress.extra`). */
export const lagrangianExtra = ({ multipliers, penalty, step, regret }: LagrangianState) => ({
  lagrangianMultipliers: multipliers,
  lagrangianRegret: regret,
  lagrangianPenalty: [penalty],
  lagrangianStep: [step],
})

/** What `lagrangianExtra` gave. */
export function lagrangianFrom(extra: Readonly<Record<string, readonly number[]>>): LagrangianState {
  const { lagrangianMultipliers, lagrangianRegret, lagrangianPenalty, lagrangianStep } = extra
  if (!lagrangianMultipliers || !lagrangianRegret || !lagrangianPenalty || !lagrangianStep)
    throw new Error('The checkpoint holds no multipliers: it is of another stage')
  return {
    multipliers: lagrangianMultipliers,
    regret: lagrangianRegret,
    penalty: lagrangianPenalty[0],
    step: lagrangianStep[0],
  }
}

/** Inputs that the loss needs at a step: multipliers [regrets], penalty []. */
export const lagrangianInputs = ({ multipliers, penalty }: LagrangianState): Tensors => ({
  multipliers: float32([multipliers.length], multipliers),
  penalty: float32([], [penalty]),
})

export interface LagrangianTerms {
  /** []. */
  readonly revenue: Value
  /**
   * None below 0. As means over the batch, [regrets], RegretNet's form; or row by row, [rows, regrets], as EGA-V2 prints
   * it: squared before it is averaged, so that a few large regrets weigh more than many small ones.
   */
  readonly regret: Value
  /** [regrets]. */
  readonly multipliers: Value
  /** []. */
  readonly penalty: Value
}

/** −revenue + Σ λ rgt + (ρ/2) Σ rgt², sums over regrets and means over rows: a scalar. */
export const lagrangianLoss = ({ revenue, regret, multipliers, penalty }: LagrangianTerms): Value => {
  const rows = sizeOf(regret.shape.slice(0, -1))
  const linear = op.reduceSum(op.mul(regret, multipliers))
  const quadratic = op.mul(op.scale(penalty, 0.5), op.reduceSum(op.square(regret)))
  return op.sub(op.scale(op.add(linear, quadratic), 1 / rows), op.reshape(revenue, []))
}

const metricName = (index: number): string => `regret${index}`

/** Mean regrets [regrets] or [rows, regrets] as metrics of a step, which are single numbers. */
export const regretMetrics = (regret: Value): Record<string, Value> => {
  const regrets = Number(regret.shape[regret.shape.length - 1])
  const means = op.reduceMean(op.reshape(regret, [-1, regrets]), [0])
  const each = op.split(means, 0, new Array<number>(regrets).fill(1))
  return Object.fromEntries(each.map((value, index) => [metricName(index), op.reshape(value, [])]))
}

/** What a step with `regretMetrics` put out, for `advanceLagrangian`. */
export const regretsFrom = (outputs: Readonly<Record<string, number>>, { multipliers }: LagrangianState): number[] =>
  multipliers.map((_, index) => outputs[metricName(index)])
