import { expect, it } from 'vitest'
import type { Charge } from '../../../../workers/serving/auction/auction-model.ts'
import { BudgetHolds } from '../../../../workers/serving/auction/budget-holds.ts'

function scene() {
  const charged: Charge[] = []
  const holds = new BudgetHolds(2, (charges) => void charged.push(...charges))
  return { charged, holds, held: () => [...holds.held] }
}

it('holds the most until it is known what it costs, and charges that', () => {
  const { charged, holds, held } = scene()
  const hold = holds.open([
    { advertiser: 0, amount: 4 },
    { advertiser: 1, amount: 1 },
  ])
  const other = holds.open([{ advertiser: 0, amount: 2 }])
  expect(held()).toEqual([6, 1])
  hold.narrow([{ advertiser: 0, amount: 0.5 }])
  expect(held()).toEqual([2.5, 0])
  hold.settle()
  expect([held(), charged]).toEqual([[2, 0], [{ advertiser: 0, amount: 0.5 }]])
  other.release()
  expect([held(), charged.length]).toEqual([[0, 0], 1])
})

it('a hold that is closed changes nothing any more', () => {
  const { charged, holds, held } = scene()
  const hold = holds.open([{ advertiser: 0, amount: 4 }])
  hold.release()
  hold.narrow([{ advertiser: 0, amount: 3 }])
  hold.settle()
  const settled = holds.open([{ advertiser: 1, amount: 1 }])
  settled.settle()
  settled.settle()
  settled.release()
  expect([held(), charged]).toEqual([[0, 0], [{ advertiser: 1, amount: 1 }]])
})

it('nothing is left of rounding once all are closed', () => {
  const { holds, held } = scene()
  const open = [0.1, 0.2, 0.3].map((amount) => holds.open([{ advertiser: 0, amount }]))
  for (const hold of open) hold.release()
  expect(held()).toEqual([0, 0])
})
