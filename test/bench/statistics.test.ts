import fc from 'fast-check'
import { expect, test } from 'vitest'
import { estimateMean, quantile, ratioToPeer } from '../../bench/harness/statistics.ts'

test('the interval of 3 samples is Student’s with 2 degrees of freedom', () => {
  // Mean 2, standard deviation 1: half width 4.303 / sqrt(3).
  const { value, low, high } = estimateMean([1, 2, 3])
  expect(value).toBe(2)
  expect(low).toBeCloseTo(2 - 2.4843, 4)
  expect(high).toBeCloseTo(2 + 2.4843, 4)
})

test('a single sample has no interval, no sample no mean', () => {
  expect(estimateMean([7])).toEqual({ value: 7 })
  expect(() => estimateMean([])).toThrow(RangeError)
  expect(() => quantile([], 0.5)).toThrow(RangeError)
})

test('the interval holds the true mean about 95 times in 100', () => {
  // A linear congruential generator (Numerical Recipes): the test is the same each time.
  let state = 1
  const uniform = () => {
    state = (1664525 * state + 1013904223) % 2 ** 32
    return state / 2 ** 32
  }
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
  let held = 0
  for (let i = 0; i < 2000; i++) {
    const { low = Number.NaN, high = Number.NaN } = estimateMean(Array.from({ length: 5 }, normal))
    if (low <= 0 && 0 <= high) held++
  }
  // Binomial, 2000 trials of 0.95: standard deviation 9.7.
  expect(held).toBeGreaterThan(1900 - 40)
  expect(held).toBeLessThan(1900 + 40)
})

test('quantiles lie within the samples and grow with q', () => {
  expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5)
  expect(quantile([4, 1, 3, 2], 1)).toBe(4)
  const samples = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 50 })
  const share = fc.double({ min: 0, max: 1, noNaN: true })
  fc.assert(
    fc.property(samples, share, share, (values, p, q) => {
      const lower = quantile(values, Math.min(p, q))
      const upper = quantile(values, Math.max(p, q))
      expect(lower).toBeLessThanOrEqual(upper + 1e-6)
      expect(lower).toBeGreaterThanOrEqual(Math.min(...values) - 1e-6)
      expect(upper).toBeLessThanOrEqual(Math.max(...values) + 1e-6)
    }),
  )
})

test('a ratio is above 1 where Adloom is better', () => {
  expect(ratioToPeer(20, 10, 'higher')).toBe(2)
  expect(ratioToPeer(20, 10, 'lower')).toBe(0.5)
})
