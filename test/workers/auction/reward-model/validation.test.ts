import { expect, test } from 'vitest'
import { sigmoid } from '../../../../workers/auction/reward-model/calibration.ts'
import type { Reward } from '../../../../workers/auction/reward-model/shape.ts'
import { type RequestOutcomes, validationMetrics } from '../../../../workers/auction/reward-model/validation.ts'
import { Random } from '../../../../workers/tensor/random.ts'

const requests = 4000

/** An entry a request, clicked as its logit says. */
const outcomes = (): RequestOutcomes => {
  const random = new Random('outcomes')
  const logits = Float64Array.from({ length: requests }, () => random.normal() - 1)
  return {
    logits,
    labels: Uint8Array.from(logits, (logit) => Number(random.uniform() < sigmoid(logit))),
    request: Uint32Array.from(logits.keys()),
  }
}

const metricsOf = (found: RequestOutcomes, calibration: 'None' | 'Platt') =>
  validationMetrics(new Map<Reward, RequestOutcomes>([['ctr', found]]), requests, calibration)

test('the calibrated loss forgives what calibration puts right, and nothing else', () => {
  const found = outcomes()
  const plain = metricsOf(found, 'Platt')
  // Thrice too sure, and of a rate that is too high; in the same order.
  const bold = metricsOf({ ...found, logits: found.logits.map((logit) => 3 * logit + 2) }, 'Platt')
  expect(bold['ctr.auc']).toBe(plain['ctr.auc'])
  expect(bold.validationLoss).toBeGreaterThan(plain.validationLoss + 0.1)
  expect(bold.calibratedLoss).toBeCloseTo(plain.calibratedLoss, 5)
  expect(plain.calibratedLoss).toBeCloseTo(plain.validationLoss, 2)
  const random = new Random('noise')
  const blurred = metricsOf({ ...found, logits: found.logits.map((logit) => logit + 2 * random.normal()) }, 'Platt')
  expect(blurred.calibratedLoss).toBeGreaterThan(plain.calibratedLoss + 0.01)
})

test('where nothing is calibrated it is the loss as it is', () => {
  const { validationLoss, calibratedLoss } = metricsOf(outcomes(), 'None')
  expect(calibratedLoss).toBe(validationLoss)
})
