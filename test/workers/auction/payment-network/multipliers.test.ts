import { expect, test } from 'vitest'
import {
  type MultiplierSchedule,
  multipliersAfter,
  multipliersStart,
} from '../../../../workers/auction/payment-network/multipliers.ts'

test('lambda grows by rho times the mean regret since it last grew, and rho by steps of its own', () => {
  const schedule: MultiplierSchedule = { lambda: 5, rho: 1, lambdaEvery: 2, rhoEvery: 3, rhoStep: 10 }
  let state = multipliersStart(2, schedule)
  expect(state).toEqual({ lambda: [5, 5], rho: [1], regret: [0, 0] })
  const regrets = [
    [0.1, 0],
    [0.3, 1],
    [0.2, 0],
    [0.4, 0],
  ]
  const seen = regrets.map((each, index) => {
    state = multipliersAfter(state, each, index + 1, schedule)
    return state
  })
  expect(seen[0]).toEqual({ lambda: [5, 5], rho: [1], regret: [0.1, 0] })
  expect(seen[1].lambda[0]).toBeCloseTo(5.2, 12)
  expect(seen[1].lambda[1]).toBeCloseTo(5.5, 12)
  expect(seen[1].regret).toEqual([0, 0])
  expect(seen[2].rho).toEqual([11])
  expect(seen[3].lambda[0]).toBeCloseTo(5.2 + 11 * 0.3, 12)
  expect(seen[3].lambda[1]).toBeCloseTo(5.5, 12)
})
