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

/**
 * @param advertisers of the Dataset
 * @param now milliseconds since 1970
 */
export const openBudgetPacer = (advertisers: number, now: () => number): BudgetPacer =>
  new PeriodicPacer<PacingState>(
    {
      start: startPacing,
      adapt: (state, elapsed, { pacing }) =>
        adaptPacing(state, elapsed, { ...pacingDefaults, method: pacing, horizon: 1 }),
      admit: (state, ads, key, { pacing }, held) => eligibleAds(state, ads, key, { method: pacing, held }),
      charge,
    },
    advertisers,
    now,
  )
