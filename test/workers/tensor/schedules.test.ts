import fc from 'fast-check'
import { expect, test } from 'vitest'
import { learningRate, stepScalars } from '../../../workers/tensor/schedules.ts'

test('linear warm-up reaches the peak at its last step', () => {
  const schedule = { kind: 'constant', peak: 0.4, warmupSteps: 4 } as const
  expect([1, 2, 3, 4, 5, 100].map((step) => learningRate(schedule, step))).toEqual(
    [0.1, 0.2, 0.4 * 0.75, 0.4, 0.4, 0.4].map((x) => expect.closeTo(x, 12)),
  )
})

test('cosine: peak after warm-up, half-way in the middle, floor at the end and after it', () => {
  const schedule = { kind: 'cosine', peak: 1, warmupSteps: 10, totalSteps: 110, floor: 0.1 } as const
  expect(learningRate(schedule, 10)).toBeCloseTo(1, 12)
  expect(learningRate(schedule, 60)).toBeCloseTo(0.55, 12)
  expect(learningRate(schedule, 110)).toBeCloseTo(0.1, 12)
  expect(learningRate(schedule, 500)).toBeCloseTo(0.1, 12)
})

test('inverse square root: a quarter of the rate at sixteen times the warm-up', () => {
  const schedule = { kind: 'inverseSquareRoot', peak: 2, warmupSteps: 10 } as const
  expect(learningRate(schedule, 5)).toBe(1)
  expect(learningRate(schedule, 10)).toBe(2)
  expect(learningRate(schedule, 160)).toBeCloseTo(0.5, 12)
})

test('every schedule stays within 0 and its peak, and falls after warm-up', () => {
  const any = fc.record({
    peak: fc.double({ min: 1e-6, max: 1, noNaN: true }),
    warmupSteps: fc.integer({ min: 0, max: 50 }),
  })
  fc.assert(
    fc.property(any, fc.integer({ min: 1, max: 300 }), ({ peak, warmupSteps }, step) => {
      for (const kind of ['constant', 'cosine', 'inverseSquareRoot'] as const) {
        const schedule = { kind, peak, warmupSteps, totalSteps: 200 }
        const rate = learningRate(schedule, step)
        expect(rate).toBeGreaterThanOrEqual(0)
        expect(rate).toBeLessThanOrEqual(peak * (1 + 1e-12))
        if (step >= warmupSteps) expect(learningRate(schedule, step + 1)).toBeLessThanOrEqual(rate)
      }
    }),
  )
})

test('bias corrections undo the start at zero', () => {
  const { firstCorrection, secondCorrection } = stepScalars({ kind: 'constant', peak: 1 }, [0.9, 0.99], 2)
  expect(firstCorrection).toBeCloseTo(1 / 0.19, 9)
  expect(secondCorrection).toBeCloseTo(1 / 0.0199, 9)
})
