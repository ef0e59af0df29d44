// The pacing of workers/auction within periods that follow one another.

import {
  adaptPacing,
  charge,
  eligibleAds,
  type PacingState,
  pacingDefaults,
  startPacing,
} from '../../auction/pacing.ts'
import type { BudgetPacer } from './auction-model.ts'
import { PeriodicPacer } from './periodic-pacer.ts'

/** @param now milliseconds since 1970 */
export const openBudgetPacer = (now: () => number): BudgetPacer =>
  new PeriodicPacer<PacingState>(
    {
      start: startPacing,
      adapt: (state, elapsed, { pacing }) =>
        adaptPacing(state, elapsed, { ...pacingDefaults, method: pacing, horizon: 1 }),
      admit: (state, ads, key, { pacing }) => eligibleAds(state, ads, key, { method: pacing }),
      charge,
    },
    now,
  )
