import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  bootstrap,
  estimateDifference,
  estimateMean,
  estimateRelativeGain,
  estimateStatistic,
  estimateStatisticDifference,
  estimateStatisticGain,
  percentile,
  ratioOf,
} from '../../../workers/evaluation/bootstrap.ts'
import { Random } from '../../../workers/tensor/random.ts'

const usersOf = (count: number) => Uint32Array.from({ length: count }, (_, index) => index)

/** Values of 0 and 1 with this share of ones. */
function coins(count: number, share: number, label: string): Float64Array {
  const random = new Random(label)
  return Float64Array.from({ length: count }, () => (random.uniform() < share ? 1 : 0))
}

test('percentiles are interpolated between neighbours', () => {
  expect(percentile(Float64Array.of(0, 10, 20, 30), 0.5)).toBe(15)
  expect(percentile(Float64Array.of(4), 0.975)).toBe(4)
  expect(percentile(Float64Array.of(1, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY), 0.9)).toBe(Infinity)
})

describe('intervals', () => {
  const options = { samples: 2000, seed: 1 }

  test('of a share are as wide as the normal approximation says', () => {
    const values = coins(2000, 0.2, 'share')
    const { mean, low, high } = estimateMean(bootstrap(usersOf(2000), [values], options), 0)
    const halfWidth = 1.96 * Math.sqrt((mean * (1 - mean)) / 2000)
    expect((high - low) / 2 / halfWidth).toBeGreaterThan(0.9)
    expect((high - low) / 2 / halfWidth).toBeLessThan(1.1)
  })

  test('treat the cases of one user as one: ten equal cases a user say no more than one', () => {
    const perUser = coins(300, 0.3, 'users')
    const users = Uint32Array.from({ length: 3000 }, (_, index) => Math.floor(index / 10))
    const values = Float64Array.from(users, (user) => perUser[user])
    const once = estimateMean(bootstrap(usersOf(300), [perUser], options), 0)
    const tenTimes = estimateMean(bootstrap(users, [values], options), 0)
    expect(tenTimes.mean).toBeCloseTo(once.mean, 12)
    expect(tenTimes.low).toBeCloseTo(once.low, 12)
    expect(tenTimes.high).toBeCloseTo(once.high, 12)
  })

  test('contain the mean, and a constant has no width', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 5, maxLength: 40 }),
        fc.nat(),
        (values, seed) => {
          const { mean, low, high } = estimateMean(
            bootstrap(usersOf(values.length), [Float64Array.from(values)], { samples: 400, seed }),
            0,
          )
          expect(low).toBeLessThanOrEqual(mean + 1e-12)
          expect(high).toBeGreaterThanOrEqual(mean - 1e-12)
          expect(low).toBeGreaterThanOrEqual(Math.min(...values) - 1e-12)
          expect(high).toBeLessThanOrEqual(Math.max(...values) + 1e-12)
        },
      ),
      { numRuns: 40 },
    )
    const constant = estimateMean(bootstrap(usersOf(9), [new Float64Array(9).fill(0.25)], options), 0)
    expect(constant).toEqual({ mean: 0.25, low: 0.25, high: 0.25 })
  })

  test('depend on the seed alone', () => {
    const values = coins(200, 0.4, 'seed')
    const run = (seed: number) => estimateMean(bootstrap(usersOf(200), [values], { samples: 200, seed }), 0)
    expect(run(3)).toEqual(run(3))
    expect(run(4)).not.toEqual(run(3))
  })
})

describe('comparisons are paired', () => {
  const noisy = coins(1000, 0.5, 'noisy')
  const better = noisy.map((value, index) => (index % 50 === 0 ? 1 : value))
  const resamples = bootstrap(usersOf(1000), [better, noisy], { samples: 1000, seed: 1 })

  test('a small gain on the same cases is seen where single intervals overlap', () => {
    expect(estimateMean(resamples, 0).low).toBeLessThan(estimateMean(resamples, 1).high)
    const { mean, low } = estimateDifference(resamples, 0, 1)
    expect(mean).toBeCloseTo(better.reduce((sum, value, index) => sum + value - noisy[index], 0) / 1000, 12)
    expect(low).toBeGreaterThan(0)
  })

  test('a relative gain is the difference by the baseline', () => {
    const { mean, low, high } = estimateRelativeGain(resamples, 0, 1)
    expect(mean).toBeCloseTo(estimateDifference(resamples, 0, 1).mean / estimateMean(resamples, 1).mean, 12)
    expect(low).toBeLessThan(mean)
    expect(high).toBeGreaterThan(mean)
    expect(estimateRelativeGain(resamples, 0, 0)).toEqual({ mean: 0, low: 0, high: 0 })
  })

  test('a gain over nothing is infinite', () => {
    const nothing = bootstrap(usersOf(3), [new Float64Array(3).fill(1), new Float64Array(3)], { samples: 100, seed: 1 })
    expect(estimateRelativeGain(nothing, 0, 1)).toEqual({ mean: Infinity, low: Infinity, high: Infinity })
  })
})

describe('a ratio of sums', () => {
  /** Clicks by impressions, where cases have one to five impressions. */
  const random = new Random('ratios')
  const impressions = Float64Array.from({ length: 400 }, () => 1 + random.below(5))
  const clicks = impressions.map((count) => count * 0.25 + random.uniform() - 0.5)
  const more = clicks.map((value, index) => value + (index % 40 === 0 ? impressions[index] : 0))
  const resamples = bootstrap(usersOf(400), [clicks, impressions, more], { samples: 1000, seed: 2 })
  const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0)

  test('is that of all cases, and no mean of ratios', () => {
    const { mean, low, high } = estimateStatistic(resamples, ratioOf(0, 1))
    expect(mean).toBeCloseTo(sum(clicks) / sum(impressions), 12)
    expect(Math.abs(mean - sum(clicks.map((value, index) => value / impressions[index])) / 400)).toBeGreaterThan(1e-4)
    // Width by the delta method: the spread of the residuals by the mean of the denominator.
    const residuals = clicks.map((value, index) => value - mean * impressions[index])
    const deviation = Math.sqrt(sum(residuals.map((value) => value * value))) / sum(impressions)
    expect((high - low) / 2 / (1.96 * deviation)).toBeGreaterThan(0.9)
    expect((high - low) / 2 / (1.96 * deviation)).toBeLessThan(1.1)
  })

  test('compares in pairs', () => {
    const { mean, low } = estimateStatisticDifference(resamples, ratioOf(2, 1), ratioOf(0, 1))
    expect(mean).toBeCloseTo((sum(more) - sum(clicks)) / sum(impressions), 12)
    expect(low).toBeGreaterThan(0)
    expect(estimateStatistic(resamples, ratioOf(2, 1)).low).toBeLessThan(
      estimateStatistic(resamples, ratioOf(0, 1)).high,
    )
    const gain = estimateStatisticGain(resamples, ratioOf(2, 1), ratioOf(0, 1))
    expect(gain.mean).toBeCloseTo(sum(more) / sum(clicks) - 1, 12)
    expect(estimateStatisticGain(resamples, ratioOf(0, 1), ratioOf(0, 1))).toEqual({ mean: 0, low: 0, high: 0 })
  })

  test('of nothing by nothing has no value, and resamples without one have no part in the interval', () => {
    const rare = Float64Array.from({ length: 20 }, (_, index) => (index === 0 ? 1 : 0))
    const some = bootstrap(usersOf(20), [rare, new Float64Array(20)], { samples: 500, seed: 1 })
    expect(estimateStatistic(some, ratioOf(0, 0))).toEqual({ mean: 1, low: 1, high: 1 })
    expect(estimateStatistic(some, ratioOf(1, 1))).toEqual({ mean: Number.NaN, low: Number.NaN, high: Number.NaN })
  })
})
