import { describe, expect, test } from 'vitest'
import {
  areaUnderCurve,
  calibrated,
  expectedCalibrationError,
  fitPlatt,
  identityScaling,
  logLoss,
  type Outcomes,
  sigmoid,
} from '../../../../workers/auction/reward-model/calibration.ts'
import { Random } from '../../../../workers/tensor/random.ts'

/** Outcomes drawn from sigmoid(slope · logit + intercept). */
const drawn = (count: number, { slope, intercept }: { slope: number; intercept: number }): Outcomes => {
  const random = new Random('outcomes', count)
  const logits = Float64Array.from({ length: count }, () => random.normal() * 1.5)
  const labels = Uint8Array.from(logits, (logit) => Number(random.uniform() < sigmoid(slope * logit + intercept)))
  return { logits, labels }
}

describe('Platt scaling', () => {
  test('finds the line that outcomes were drawn from', () => {
    const outcomes = drawn(40_000, { slope: 0.6, intercept: -1.2 })
    const found = fitPlatt(outcomes)
    expect(found.slope).toBeCloseTo(0.6, 1)
    expect(found.intercept).toBeCloseTo(-1.2, 1)
    const better = calibrated(outcomes, found)
    expect(expectedCalibrationError(outcomes)).toBeGreaterThan(0.15)
    expect(expectedCalibrationError(better)).toBeLessThan(0.01)
    expect(logLoss(better)).toBeLessThan(logLoss(outcomes))
    expect(areaUnderCurve(better)).toBe(areaUnderCurve(outcomes))
  })

  test('has a minimum of the log loss at the line', () => {
    const outcomes = drawn(5000, { slope: 1.4, intercept: 0.3 })
    const { slope, intercept } = fitPlatt(outcomes)
    const best = logLoss(calibrated(outcomes, { slope, intercept }))
    for (const [a, b] of [
      [0.05, 0],
      [-0.05, 0],
      [0, 0.05],
      [0, -0.05],
    ])
      expect(logLoss(calibrated(outcomes, { slope: slope + a, intercept: intercept + b }))).toBeGreaterThan(best)
  })

  test('never turns the order round: with misleading logits the intercept alone is fitted', () => {
    const { slope, intercept } = fitPlatt(drawn(2000, { slope: -1, intercept: -1 }))
    expect(slope).toBe(1)
    expect(intercept).toBeLessThan(-0.5)
  })

  test('stays finite where a line separates the outcomes, and is the identity for one kind of outcome', () => {
    const separable = { logits: Float64Array.of(-2, -1, 1, 2), labels: Uint8Array.of(0, 0, 1, 1) }
    const { slope, intercept } = fitPlatt(separable)
    expect(slope).toBeGreaterThan(0)
    expect(slope).toBeLessThan(20)
    expect(Number.isFinite(intercept)).toBe(true)
    expect(fitPlatt({ logits: Float64Array.of(1, 2), labels: Uint8Array.of(1, 1) })).toEqual(identityScaling)
    const constant = fitPlatt({
      logits: new Float64Array(10).fill(-3),
      labels: Uint8Array.from({ length: 10 }, (_, i) => i % 2),
    })
    expect(sigmoid(constant.slope * -3 + constant.intercept)).toBeCloseTo(0.5, 3)
  })
})

test('the calibration error is the mean gap of bins of equal size', () => {
  // Two bins of two: predictions 0.1 and 0.3 with outcomes 0, 1; 0.5 and 0.9 with outcomes 1, 1.
  const logits = Float64Array.from([0.9, 0.1, 0.5, 0.3], (p) => Math.log(p / (1 - p)))
  const labels = Uint8Array.of(1, 0, 1, 1)
  expect(expectedCalibrationError({ logits, labels }, 2)).toBeCloseTo(
    0.5 * Math.abs(0.2 - 0.5) + 0.5 * Math.abs(0.7 - 1),
  )
  expect(expectedCalibrationError({ logits: new Float64Array(), labels: new Uint8Array() })).toBe(0)
})

test('the area under the curve counts pairs in the right order, ties by half', () => {
  const random = new Random('auc')
  const logits = Float64Array.from({ length: 60 }, () => random.below(12))
  const labels = Uint8Array.from({ length: 60 }, () => random.below(2))
  let right = 0
  let pairs = 0
  for (const [one, logit] of logits.entries())
    for (const [zero, other] of logits.entries()) {
      if (labels[one] === 0 || labels[zero] === 1) continue
      right += logit > other ? 1 : logit === other ? 0.5 : 0
      pairs++
    }
  expect(areaUnderCurve({ logits, labels })).toBeCloseTo(right / pairs, 12)
  expect(areaUnderCurve({ logits, labels: new Uint8Array(60) })).toBeUndefined()
})
