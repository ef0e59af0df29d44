// What requests in flight may still cost: it counts against budgets before it is spent.

import type { BudgetHold, Charge } from './auction-model.ts'

export class BudgetHolds {
  /** [advertisers], by all that are open. */
  readonly held: Float64Array
  readonly #charge: (charges: readonly Charge[]) => void
  #open = 0

  /** @param charge told of what a hold is settled with */
  constructor(advertisers: number, charge: (charges: readonly Charge[]) => void) {
    this.held = new Float64Array(advertisers)
    this.#charge = charge
  }

  open(most: readonly Charge[]): BudgetHold {
    let charges = most
    let isOpen = true
    this.#open++
    this.#add(charges, 1)
    const close = (): boolean => {
      if (!isOpen) return false
      isOpen = false
      this.#add(charges, -1)
      // What rounding has left of many sums is nobody's.
      if (--this.#open === 0) this.held.fill(0)
      return true
    }
    return {
      narrow: (expected) => {
        if (!isOpen) return
        this.#add(charges, -1)
        charges = expected
        this.#add(charges, 1)
      },
      settle: () => {
        if (close()) this.#charge(charges)
      },
      release: () => void close(),
    }
  }

  #add(charges: readonly Charge[], sign: 1 | -1): void {
    for (const { advertiser, amount } of charges) this.held[advertiser] += sign * amount
  }
}
