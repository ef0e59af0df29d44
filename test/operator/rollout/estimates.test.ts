import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { difference, proportion, quantile, ratio, stabilityIndex, zOf } from '../../../operator/rollout/estimates.ts'
import { normalQuantile, studentQuantile } from '../../../operator/rollout/quantiles.ts'
import { seededRandom } from '../../support/fake-clock.ts'

describe('quantiles', () => {
  test.each([
    [0.5, 0],
    [0.975, 1.959963984540054],
    [0.995, 2.5758293035489004],
    [0.01, -2.3263478740408408],
    [0.0001, -3.719016485455709],
  ])('of the normal distribution at %s', (p, expected) => {
    expect(normalQuantile(p)).toBeCloseTo(expected, 7)
  })

  // Tables of Student's t.
  test.each([
    [1, 0.975, 12.7062047],
    [2, 0.975, 4.3026527],
    [3, 0.975, 3.1824463],
    [5, 0.995, 4.032143],
    [10, 0.975, 2.2281389],
    [30, 0.95, 1.6972609],
    [1000, 0.975, 1.9623391],
  ])('of Student with %s degrees of freedom at %s', (freedom, p, expected) => {
    expect(studentQuantile(p, freedom) / expected).toBeCloseTo(1, 4)
  })

  test('of Student with a fraction of a degree are those of the whole ones below', () => {
    expect(studentQuantile(0.975, 2.9)).toBe(studentQuantile(0.975, 2))
  })
})

describe('a share', () => {
  // Newcombe (1998), two-sided intervals for the single proportion, method 3 (score).
  test.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])('%s of %s has the score interval', (successes, trials, low, high) => {
    const seen = proportion(successes, trials, 0.95)
    expect(seen.low).toBeCloseTo(low, 4)
    expect(seen.high).toBeCloseTo(high, 4)
  })

  // Newcombe (1998), interval estimation for the difference, method 10.
  test.each([
    [56, 70, 48, 80, 0.2, 0.0524, 0.3339],
    [9, 10, 3, 10, 0.6, 0.1705, 0.809],
    [10, 10, 0, 10, 1, 0.6075, 1],
  ])('%s of %s less %s of %s has the hybrid score interval', (a, n, b, m, value, low, high) => {
    const seen = difference(proportion(a, n, 0.95), proportion(b, m, 0.95), 1, 0.95)
    expect(seen.value).toBeCloseTo(value, 10)
    expect(seen.low).toBeCloseTo(low, 4)
    expect(seen.high).toBeCloseTo(high, 4)
  })

  test('holds the difference of true shares in 95 % of samples', () => {
    const random = seededRandom(7)
    const draw = (n: number, p: number) => Array.from({ length: n }, random).filter((value) => value < p).length
    let held = 0
    for (let sample = 0; sample < 1000; sample++) {
      const { low, high } = difference(
        proportion(draw(200, 0.05), 200, 0.95),
        proportion(draw(900, 0.03), 900, 0.95),
        1,
        0.95,
      )
      if (low <= 0.02 && 0.02 <= high) held++
    }
    expect(held).toBeGreaterThan(925)
    expect(held).toBeLessThan(980)
  })
})

describe('a mean', () => {
  test('of equal weights is that of Student', () => {
    const values = [4, 6, 5, 7, 8]
    const seen = ratio(
      values.map((value) => ({ value, weight: 1 })),
      0.95,
    )
    // Mean 6, standard error sqrt(2.5 / 5), t(0.975, 4) = 2.776445.
    const half = 2.776445 * Math.sqrt(0.5)
    expect(seen.value).toBe(6)
    expect(seen.low).toBeCloseTo(6 - half, 4)
    expect(seen.high).toBeCloseTo(6 + half, 4)
  })

  test('less another has the interval of Welch', () => {
    const mean = (values: number[]) =>
      ratio(
        values.map((value) => ({ value, weight: 1 })),
        0.95,
      )
    const a = [27.5, 21, 19, 23.6, 17, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19, 21.7, 21.4]
    const b = [27.1, 22, 20.8, 23.4, 23.4, 23.5, 25.8, 22, 24.8, 20.2, 21.9, 22.1, 22.9, 30.5, 24.4]
    const variance = (values: number[]) => {
      const middle = values.reduce((sum, value) => sum + value, 0) / values.length
      return values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1)
    }
    const [va, vb] = [variance(a) / a.length, variance(b) / b.length]
    const freedom = (va + vb) ** 2 / (va ** 2 / 14 + vb ** 2 / 14)
    const half = studentQuantile(0.975, freedom) * Math.sqrt(va + vb)
    const seen = difference(mean(a), mean(b), 1, 0.95)
    expect(seen.spread?.freedom).toBeCloseTo(freedom, 6)
    expect(seen.high - seen.low).toBeCloseTo(2 * half, 6)
    expect(seen.high).toBeLessThan(0)
  })

  test('of one part is not known', () => {
    expect(ratio([{ value: 3, weight: 2 }], 0.95)).toMatchObject({ value: 1.5, low: -Infinity, high: Infinity })
  })

  test('is by weight, and parts of no weight count for nothing', () => {
    const parts = [
      { value: 10, weight: 10 },
      { value: 0, weight: 30 },
      { value: 0, weight: 0 },
    ]
    expect(ratio(parts, 0.95).value).toBe(0.25)
  })
})

describe('a quantile', () => {
  const uniform = Array.from({ length: 10 }, (_, i) => ({ upTo: (i + 1) / 10, count: (i + 1) * 1000 }))
  const buckets = [...uniform, { upTo: Number.POSITIVE_INFINITY, count: 10_000 }]

  test('of a uniform distribution is its share, within the interval of its rank', () => {
    const seen = quantile(buckets, 0.95, 0.95)
    const half = zOf(0.95) * Math.sqrt((0.95 * 0.05) / 10_000)
    expect(seen.value).toBeCloseTo(0.95, 10)
    expect(seen.low).toBeCloseTo(0.95 - half, 10)
    expect(seen.high).toBeCloseTo(0.95 + half, 10)
  })

  test('of few values is open upwards, and beyond the last bound it is not known', () => {
    const few = [
      { upTo: 1, count: 5 },
      { upTo: Number.POSITIVE_INFINITY, count: 5 },
    ]
    expect(quantile(few, 0.95, 0.95).high).toBe(Number.POSITIVE_INFINITY)
    const beyond = [
      { upTo: 1, count: 1 },
      { upTo: Number.POSITIVE_INFINITY, count: 1000 },
    ]
    expect(quantile(beyond, 0.95, 0.95).value).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('the stability index', () => {
  test('of large counts is its closed form', () => {
    const [expected, actual] = [
      [5_000_000, 5_000_000],
      [4_000_000, 6_000_000],
    ]
    const form = (0.4 - 0.5) * Math.log(0.4 / 0.5) + (0.6 - 0.5) * Math.log(0.6 / 0.5)
    const seen = stabilityIndex(expected, actual, 0.95)
    expect(seen.value).toBeCloseTo(form, 5)
    expect(seen.low).toBeLessThan(form)
    expect(seen.high).toBeGreaterThan(form)
    expect(seen.high - seen.low).toBeLessThan(0.001)
  })

  test('of equal populations is free of what small counts bring about', () => {
    const random = seededRandom(3)
    const draw = () => {
      const counts = Array.from({ length: 10 }, () => 0)
      for (let i = 0; i < 300; i++) {
        const place = Math.floor(random() * 10)
        counts[place] = (counts[place] ?? 0) + 1
      }
      return counts
    }
    let held = 0
    for (let sample = 0; sample < 500; sample++) if (stabilityIndex(draw(), draw(), 0.95).low === 0) held++
    expect(held).toBeGreaterThan(470)
  })

  test('is finite whatever is empty, and is nothing for the same counts', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1000), { minLength: 2, maxLength: 21 }), (counts) => {
        fc.pre(counts.some((count) => count > 0))
        expect(stabilityIndex(counts, counts, 0.95).value).toBeCloseTo(0, 10)
        const moved = [...counts.slice(1), counts[0] ?? 0]
        expect(Number.isFinite(stabilityIndex(counts, moved, 0.95).value)).toBe(true)
      }),
    )
  })
})
