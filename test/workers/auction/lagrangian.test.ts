import { describe, expect, test } from 'vitest'
import {
  advanceLagrangian,
  lagrangianDefaults,
  lagrangianExtra,
  lagrangianFrom,
  startLagrangian,
} from '../../../workers/auction/lagrangian.ts'

const schedule = { multiplier: 5, multiplierEvery: 3, penalty: 2, penaltyGrowth: 10, penaltyEvery: 6 }
const advanced = (steps: number, regretOf: (step: number) => number[], start = startLagrangian(2, schedule)) => {
  let state = start
  for (let step = 1; step <= steps; step++) state = advanceLagrangian(state, regretOf(step), schedule)
  return state
}

describe('multipliers and penalty', () => {
  test('start as the schedule says', () => {
    expect(startLagrangian(2, lagrangianDefaults)).toEqual({ multipliers: [5, 5], penalty: 1, step: 0, regret: [0, 0] })
  })

  test('a multiplier grows by the penalty times the mean regret since its last update', () => {
    const regretOf = (step: number) => [0.1 * step, 0]
    expect(advanced(2, regretOf).multipliers).toEqual([5, 5])
    expect(advanced(3, regretOf).multipliers[0]).toBeCloseTo(5 + 2 * 0.2)
    const six = advanced(6, regretOf)
    // The penalty before its own growth, in the sixth step.
    expect(six.multipliers[0]).toBeCloseTo(5 + 2 * 0.2 + 2 * 0.5)
    expect(six.multipliers[1]).toBe(5)
    expect(six.penalty).toBe(12)
    expect(advanced(9, regretOf).multipliers[0]).toBeCloseTo(six.multipliers[0] + 12 * 0.8)
  })

  test('a checkpoint anywhere changes nothing', () => {
    const regretOf = (step: number) => [Math.sin(step) ** 2, 1 / step]
    const whole = advanced(20, regretOf)
    for (const half of [1, 3, 7, 12]) {
      const kept: unknown = JSON.parse(JSON.stringify(lagrangianExtra(advanced(half, regretOf))))
      const restored = lagrangianFrom(kept as Record<string, number[]>)
      expect(advanced(20 - half, (step) => regretOf(step + half), restored)).toEqual(whole)
    }
    expect(() => lagrangianFrom({})).toThrow('of another stage')
  })
})
