import { describe, expect, test } from 'vitest'
import { lagrangianDefaults, startLagrangian } from '../../../workers/auction/lagrangian.ts'
import { regretLoss, regretOf, regretsOf } from '../../../workers/auction/regret-loss.ts'
import { gradients } from '../../../workers/tensor/autodiff.ts'
import * as op from '../../../workers/tensor/operators.ts'
import { float32 } from '../../../workers/tensor/session.ts'
import { evaluate } from '../tensor/support/run-graph.ts'

describe('regret', () => {
  const utilities = float32([3, 3], [0.2, 0.5, 0.1, 0.4, 0.7, 0.6, -1, 0.25, -2])

  test('is what the best variant gains over truth, and nothing where truth is best', async () => {
    const { regret } = await evaluate({ utilities }, ({ utilities }) => ({ regret: regretOf(utilities, 0) }))
    ;[0.3, 0.3, 1.25].forEach((gain, sample) => {
      expect(regret.data[sample]).toBeCloseTo(gain, 6)
    })
    const { none } = await evaluate({ utilities }, ({ utilities }) => ({ none: regretOf(utilities, 1) }))
    expect([...none.data]).toEqual([0, 0, 0])
  })

  test('falls as truth gains and as the best variant loses; others, and truth where it is best, do not move it', async () => {
    const slopes = async (truth: number) => {
      const { slope } = await evaluate({ utilities }, ({ utilities }) => {
        const [slope] = gradients(op.reduceSum(regretOf(utilities, truth)), [utilities])
        return { slope }
      })
      return [...slope.data]
    }
    expect(await slopes(2)).toEqual([0, 1, -1, 0, 1, -1, 0, 1, -1])
    expect(await slopes(1)).toEqual(new Array(9).fill(0))
  })
})

describe('the loss of three samples, two in the first of two groups', () => {
  const inputs = {
    paid: float32([3], [0.5, 0.25, 1]),
    missed: float32([3], [0.1, 0.3, 0.2]),
    lambda: float32([3], [5, 5, 7]),
    rho: float32([], [4]),
    weight: float32([3], [0.5, 0.25, 0.25]),
    membership: float32([3, 2], [0.75, 0, 0.25, 0, 0, 1]),
    unit: float32([], [2]),
  }
  const found = () =>
    evaluate(inputs, ({ paid, missed, lambda, rho, weight, membership, unit }) => {
      const { loss, metrics } = regretLoss({ revenue: paid, regret: missed }, { lambda, rho, weight, membership, unit })
      const [toRevenue, toRegret] = gradients(loss, [paid, missed])
      return { loss, toRevenue, toRegret, ...metrics }
    })

  test('is by hand that of each over the unit, squared before it is averaged', async () => {
    const { loss } = await found()
    const first = -1 + 5 * 0.2 + 2 * 0.2 ** 2
    const second = -0.5 + 5 * 0.6 + 2 * 0.6 ** 2
    const third = -2 + 7 * 0.4 + 2 * 0.4 ** 2
    expect(loss.data[0]).toBeCloseTo(0.5 * first + 0.25 * second + 0.25 * third, 5)
  })

  test('rises with regret by the multiplier and, the more there is, by the penalty', async () => {
    const { toRevenue, toRegret } = await found()
    expect([...toRevenue.data]).toEqual([-1, -0.5, -0.5])
    ;[(5 + 4 * 0.2) * 1, (5 + 4 * 0.6) * 0.5, (7 + 4 * 0.4) * 0.5].forEach((slope, sample) => {
      expect(toRegret.data[sample]).toBeCloseTo(slope, 5)
    })
  })

  test('tells means as they were given, and of groups over the unit', async () => {
    const outputs = await found()
    expect(outputs.revenue.data[0]).toBeCloseTo(0.25 + 0.0625 + 0.25, 6)
    expect(outputs.regret.data[0]).toBeCloseTo(0.05 + 0.075 + 0.05, 6)
    const regrets = regretsOf(startLagrangian(2, lagrangianDefaults), (metric) => Number(outputs[metric].data[0]))
    expect(regrets[0]).toBeCloseTo(2 * (0.75 * 0.1 + 0.25 * 0.3), 6)
    expect(regrets[1]).toBeCloseTo(2 * 0.2, 6)
  })
})
