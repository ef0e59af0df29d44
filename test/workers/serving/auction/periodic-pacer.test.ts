import { expect, it } from 'vitest'
import type { BudgetPlan } from '../../../../workers/serving/auction/auction-model.ts'
import { type PacingRules, PeriodicPacer } from '../../../../workers/serving/auction/periodic-pacer.ts'

interface Spending {
  readonly budget: Float64Array
  readonly spent: Float64Array
  readonly elapsed: number
}

/** Whoever has not spent its budget takes part, with its bid. */
const rules: PacingRules<Spending> = {
  start: (budget) => ({ budget, spent: new Float64Array(budget.length), elapsed: 0 }),
  adapt: (state, elapsed) => ({ ...state, elapsed }),
  admit: ({ budget, spent }, { advertisers, bids }, _key, _plan, held) => {
    const taken = (advertiser: number) => spent[advertiser] + held[advertiser]
    const ads = [...advertisers.keys()].filter((ad) => taken(advertisers[ad]) < budget[advertisers[ad]])
    return { ads, bids: Float64Array.from(ads, (ad) => bids[ad]) }
  },
  charge: (state, charges) => {
    const spent = state.spent.slice()
    for (const { advertiser, amount } of charges) spent[advertiser] += amount
    return { ...state, spent }
  },
}

const plan = (budgets: number[], periodSeconds = 100): BudgetPlan => ({
  pacing: 'None',
  periodSeconds,
  budgets: Float64Array.from(budgets),
})

function scene(startSeconds: number) {
  const clock = { seconds: startSeconds }
  const pacer = new PeriodicPacer(rules, 2, () => clock.seconds * 1000)
  const takePart = () => pacer.admit({ advertisers: Uint32Array.of(0, 1), bids: Float64Array.of(1, 1) }, 'q').ads
  const spend = (amount: number) => pacer.hold([{ advertiser: 0, amount }]).settle()
  return { clock, pacer, takePart, spend }
}

it('everybody takes part without budgets', () => {
  const { takePart, spend } = scene(0)
  spend(1e9)
  expect(takePart()).toEqual([0, 1])
})

it('a budget begins anew with each period', () => {
  const { clock, pacer, takePart, spend } = scene(1000)
  pacer.use(plan([10, Number.POSITIVE_INFINITY]))
  spend(9)
  expect(takePart()).toEqual([0, 1])
  spend(1)
  expect(takePart()).toEqual([1])
  clock.seconds = 1099.9
  expect(takePart()).toEqual([1])
  clock.seconds = 1100
  expect(takePart()).toEqual([0, 1])
})

it('what was spent stays spent under another plan of the same period', () => {
  const { pacer, takePart, spend } = scene(1000)
  pacer.use(plan([10, 10]))
  spend(6)
  pacer.use(plan([6, 10]))
  expect(takePart()).toEqual([1])
  pacer.use(plan([7, 10]))
  expect(takePart()).toEqual([0, 1])
})

it('what was spent stays spent where budgets are off for a part of the period, and so does what is spent meanwhile', () => {
  const { clock, pacer, takePart, spend } = scene(1000)
  pacer.use(plan([10, 10]))
  spend(6)
  pacer.use(undefined)
  spend(3)
  expect(takePart()).toEqual([0, 1])
  clock.seconds = 1050
  pacer.use(plan([10, 10]))
  expect(takePart()).toEqual([0, 1])
  spend(1)
  expect(takePart()).toEqual([1])
})

it('budgets that come back in a later period have what is not spent of that one', () => {
  const { clock, pacer, takePart, spend } = scene(1000)
  pacer.use(plan([10, 10]))
  spend(10)
  pacer.use(undefined)
  clock.seconds = 1150
  spend(4)
  pacer.use(plan([10, 10]))
  spend(5)
  expect(takePart()).toEqual([0, 1])
  spend(1)
  expect(takePart()).toEqual([1])
})

it('a process that starts in the middle of a period has the rest of its budget, and a whole one afterwards', () => {
  const { clock, pacer, takePart, spend } = scene(1075)
  pacer.use(plan([10, 10]))
  spend(2.4)
  expect(takePart()).toEqual([0, 1])
  spend(0.1)
  expect(takePart()).toEqual([1])
  clock.seconds = 1101
  spend(9)
  expect(takePart()).toEqual([0, 1])
})

it('a plan that comes in a period without requests has the whole budget of it', () => {
  const { clock, pacer, takePart, spend } = scene(1000)
  pacer.use(plan([10, 10]))
  clock.seconds = 1150
  pacer.use(plan([10, 10]))
  spend(9)
  expect(takePart()).toEqual([0, 1])
})

it('what is held counts until it is settled, in the period that has come meanwhile', () => {
  const { clock, pacer, takePart } = scene(1000)
  pacer.use(plan([10, 10]))
  const hold = pacer.hold([{ advertiser: 0, amount: 10 }])
  expect(takePart()).toEqual([1])
  clock.seconds = 1100
  expect(takePart()).toEqual([1])
  hold.narrow([{ advertiser: 0, amount: 9 }])
  expect(takePart()).toEqual([0, 1])
  hold.settle()
  pacer.hold([{ advertiser: 0, amount: 1 }]).settle()
  expect(takePart()).toEqual([1])
  clock.seconds = 1200
  expect(takePart()).toEqual([0, 1])
})
