// Budgets that begin anew with each period, over rules of pacing that know one period only.

import type { AuctionRequest } from '../../auction/auction.ts'
import type { Admission, BudgetHold, BudgetPacer, BudgetPlan, Charge } from './auction-model.ts'
import { BudgetHolds } from './budget-holds.ts'

/** Pacing within one period, as pure functions of a state (workers/auction/pacing.ts has them). */
export interface PacingRules<State> {
  /** @param budget [advertisers], what is left for the period; Infinity where there is no bound */
  start(budget: Float64Array): State
  /** @param elapsed share of the period that is over, 0 to 1 */
  adapt(state: State, elapsed: number, plan: BudgetPlan): State
  /** @param held [advertisers], what others may still spend */
  admit(
    state: State,
    ads: Pick<AuctionRequest, 'advertisers' | 'bids'>,
    key: string,
    plan: BudgetPlan,
    held: Float64Array,
  ): Admission
  charge(state: State, charges: readonly Charge[]): State
}

interface Period<State> {
  readonly plan: BudgetPlan
  /** Counted from 1970. */
  readonly number: number
  state: State
}

/**
 * State lies in the process: one that starts in the middle of a period takes only the rest of it for its own, so that a
 * Pod that is restarted again and again cannot spend the budget of a period with each life.
 */
export class PeriodicPacer<State> implements BudgetPacer {
  readonly #rules: PacingRules<State>
  readonly #now: () => number
  /** Those of a period that is over count in the next one, in which they will be charged. */
  readonly #holds: BudgetHolds
  /** The last that was asked for: charges of a period count while budgets are off, too, as they may come back in it. */
  #period: Period<State> | undefined
  #isOn = false
  /** [advertisers], in this period. */
  #spent = new Float64Array(0)
  /** Share of this period that was over when the process began with it. */
  #missed = 0

  /**
   * @param advertisers of the Dataset
   * @param now milliseconds since 1970
   */
  constructor(rules: PacingRules<State>, advertisers: number, now: () => number) {
    this.#rules = rules
    this.#now = now
    this.#holds = new BudgetHolds(advertisers, (charges) => this.#charge(charges))
  }

  use(plan: BudgetPlan | undefined): void {
    this.#isOn = plan !== undefined
    if (plan === undefined) return
    const number = this.#numberNow(plan)
    if (this.#period?.plan.periodSeconds !== plan.periodSeconds) this.#forget(plan, this.#elapsed(plan, number))
    else if (this.#period.number !== number) this.#forget(plan, 0)
    this.#begin(plan, number)
  }

  admit(ads: Pick<AuctionRequest, 'advertisers' | 'bids'>, key: string): Admission {
    const period = this.#isOn ? this.#present() : undefined
    if (period === undefined) return { ads: [...ads.advertisers.keys()], bids: Float64Array.from(ads.bids) }
    return this.#rules.admit(period.state, ads, key, period.plan, this.#holds.held)
  }

  hold(most: readonly Charge[]): BudgetHold {
    return this.#holds.open(most)
  }

  #charge(charges: readonly Charge[]): void {
    const period = this.#present()
    if (period === undefined) return
    for (const { advertiser, amount } of charges) this.#spent[advertiser] += amount
    period.state = this.#rules.charge(period.state, charges)
  }

  /** The state as of now; a period that is over has given way to the next one. */
  #present(): Period<State> | undefined {
    const { plan, number } = this.#period ?? {}
    if (plan === undefined) return undefined
    const now = this.#numberNow(plan)
    if (now !== number) {
      this.#forget(plan, 0)
      this.#begin(plan, now)
    }
    const period = this.#period
    if (period !== undefined) period.state = this.#rules.adapt(period.state, this.#elapsed(plan, now), plan)
    return period
  }

  #forget({ budgets }: BudgetPlan, missed: number): void {
    this.#spent = new Float64Array(budgets.length)
    this.#missed = missed
  }

  #begin(plan: BudgetPlan, number: number): void {
    const own = plan.budgets.map((budget) => budget * (1 - this.#missed))
    const spent = Array.from(this.#spent, (amount, advertiser) => ({ advertiser, amount }))
    const charges = spent.filter(({ amount }) => amount > 0)
    this.#period = { plan, number, state: this.#rules.charge(this.#rules.start(own), charges) }
  }

  readonly #numberNow = ({ periodSeconds }: BudgetPlan): number => Math.floor(this.#now() / 1000 / periodSeconds)

  readonly #elapsed = ({ periodSeconds }: BudgetPlan, number: number): number =>
    this.#now() / 1000 / periodSeconds - number
}
