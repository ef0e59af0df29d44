import { describe, expect, test } from 'vitest'
import {
  advanceLagrangian,
  type LagrangianState,
  lagrangianDefaults,
  lagrangianExtra,
  lagrangianFrom,
  lagrangianInputs,
  lagrangianLoss,
  regretMetrics,
  regretsFrom,
  startLagrangian,
} from '../../../workers/auction/lagrangian.ts'
import { gradients } from '../../../workers/tensor/autodiff.ts'
import { float32 } from '../../../workers/tensor/session.ts'
import { evaluate } from '../tensor/support/run-graph.ts'

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

test('loss and its gradients by hand', async () => {
  const state: LagrangianState = { multipliers: [5, 7], penalty: 4, step: 0, regret: [0, 0] }
  const inputs = { revenue: float32([], [0.5]), regret: float32([2], [0.1, 0.2]), ...lagrangianInputs(state) }
  const found = await evaluate(inputs, ({ revenue, regret, multipliers, penalty }) => {
    const loss = lagrangianLoss({ revenue, regret, multipliers, penalty })
    const [toRevenue, toRegret] = gradients(loss, [revenue, regret])
    return { loss, toRevenue, toRegret }
  })
  expect(found.loss.data[0]).toBeCloseTo(-0.5 + (0.5 + 1.4) + 2 * (0.01 + 0.04), 6)
  expect(found.toRevenue.data[0]).toBe(-1)
  // λ + ρ rgt.
  expect(found.toRegret.data[0]).toBeCloseTo(5.4, 5)
  expect(found.toRegret.data[1]).toBeCloseTo(7.8, 5)
})

test('row by row, regrets are squared before they are averaged', async () => {
  const state: LagrangianState = { multipliers: [5, 7], penalty: 4, step: 0, regret: [0, 0] }
  const inputs = {
    revenue: float32([], [0.5]),
    regret: float32([2, 2], [0.2, 0.4, 0, 0]),
    ...lagrangianInputs(state),
  }
  const { loss } = await evaluate(inputs, ({ revenue, regret, multipliers, penalty }) => ({
    loss: lagrangianLoss({ revenue, regret, multipliers, penalty }),
  }))
  expect(loss.data[0]).toBeCloseTo(-0.5 + (0.5 + 1.4) + 2 * (0.02 + 0.08), 6)
})

test('regrets come back from the metrics of a step', async () => {
  const found = await evaluate({ regret: float32([2, 3], [1, 2, 3, 5, 4, 3]) }, ({ regret }) => regretMetrics(regret))
  const outputs = Object.fromEntries(Object.entries(found).map(([name, { data }]) => [name, Number(data[0])]))
  expect(regretsFrom(outputs, startLagrangian(3, schedule))).toEqual([3, 3, 3])
  const single = await evaluate({ regret: float32([2], [1, 2]) }, ({ regret }) => regretMetrics(regret))
  expect(Object.values(single).map(({ data }) => data[0])).toEqual([1, 2])
})
