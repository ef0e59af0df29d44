// The augmented Lagrangian that holds regret at zero while revenue is raised (Eq. 33 to 35 of EGA-V2; RegretNet, arXiv
// 1706.03459, section 4): multipliers and penalty between steps, as plain numbers. The loss is in regret-loss.ts.

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

/** @param regrets how many there are: groups of samples, by bidder or by slot */
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
