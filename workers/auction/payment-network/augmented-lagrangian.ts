// The loss of Eq. 33 sample by sample: each sample has the multiplier of its group, one for each slot that an ad may win
// and one for ads that truth leaves out. How multipliers move between steps is in ../lagrangian.ts.

import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'

/** −revenue + λ·regret + ρ/2·regret² of each sample; all but `rho` [samples]. */
export const augmentedLagrangian = (revenue: Value, regret: Value, lambda: Value, rho: Value): Value => {
  const penalty = op.add(op.mul(lambda, regret), op.mul(op.scale(rho, 0.5), op.square(regret)))
  return op.sub(penalty, revenue)
}
