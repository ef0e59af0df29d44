import { normalQuantile, studentQuantile } from './quantiles.ts'

/** A number with the interval that the data leave open. */
export interface Estimate {
  value: number
  low: number
  high: number
  /** Of a mean: its squared standard error and the degrees of freedom of that. */
  spread?: { variance: number; freedom: number }
}

/** Standard normal quantile of a two-sided interval of this level. */
export const zOf = (level: number): number => normalQuantile((1 + level) / 2)

/** A share, with the score interval of Wilson (1927). */
export function proportion(successes: number, trials: number, level: number): Estimate {
  const z = zOf(level)
  const value = successes / trials
  const scale = 1 + (z * z) / trials
  const centre = (value + (z * z) / (2 * trials)) / scale
  const half = (z / scale) * Math.sqrt((value * (1 - value)) / trials + (z * z) / (4 * trials * trials))
  // Where all or none succeeded an end is exact, which rounding would hide from those who read it.
  return {
    value,
    low: successes === 0 ? 0 : Math.max(0, centre - half),
    high: successes === trials ? 1 : Math.min(1, centre + half),
  }
}

/**
 * Sum of values by sum of weights, over parts of the data that came about one after the other: a ratio estimator with its
 * linearised variance (Cochran, Sampling Techniques, section 6.4) and Student's interval. Fewer than two parts leave
 * everything open.
 */
export function ratio(parts: readonly { value: number; weight: number }[], level: number): Estimate {
  const used = parts.filter(({ weight }) => weight > 0)
  const weight = sum(used.map((part) => part.weight))
  const value = sum(used.map((part) => part.value)) / weight
  const n = used.length
  if (n < 2) return { value, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY }
  const squares = sum(used.map((part) => (part.value - value * part.weight) ** 2))
  const variance = ((n / (n - 1)) * squares) / weight ** 2
  const half = studentQuantile((1 + level) / 2, n - 1) * Math.sqrt(variance)
  return { value, low: value - half, high: value + half, spread: { variance, freedom: n - 1 } }
}

/** A histogram as Prometheus has it: the count of all values up to and including each upper bound, the last infinite. */
export type Buckets = readonly { upTo: number; count: number }[]

/**
 * A quantile by linear interpolation in its bucket, which is taken to begin at 0, between the quantiles at the ends of
 * the binomial interval of its rank (David and Nagaraja, Order Statistics, section 7.1).
 */
export function quantile(buckets: Buckets, share: number, level: number): Estimate {
  const total = buckets.at(-1)?.count ?? 0
  const half = zOf(level) * Math.sqrt((share * (1 - share)) / total)
  return {
    value: valueAtRank(buckets, share * total, total),
    low: valueAtRank(buckets, Math.max(0, share - half) * total, total),
    high: share + half >= 1 ? Number.POSITIVE_INFINITY : valueAtRank(buckets, (share + half) * total, total),
  }
}

function valueAtRank(buckets: Buckets, rank: number, total: number): number {
  if (total === 0) return Number.NaN
  const place = buckets.findIndex(({ count }) => count >= rank)
  const bucket = buckets[place]
  const below = buckets[place - 1] ?? { upTo: 0, count: 0 }
  if (!bucket || bucket.upTo === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY
  const within = bucket.count - below.count
  return within === 0 ? bucket.upTo : below.upTo + ((bucket.upTo - below.upTo) * (rank - below.count)) / within
}

/**
 * `a - factor * b` of independent estimates. Means have Welch's interval (1947); everything else has the interval that
 * recovers the variances from the two intervals (Zou and Donner 2008), which for shares and a factor of 1 is Newcombe's
 * hybrid score interval (1998, method 10).
 */
export function difference(a: Estimate, b: Estimate, factor: number, level: number): Estimate {
  const value = a.value - factor * b.value
  if (a.spread && b.spread) return welch(value, a.spread, b.spread, factor, level)
  return {
    value,
    low: value - Math.hypot(a.value - a.low, factor * (b.high - b.value)),
    high: value + Math.hypot(a.high - a.value, factor * (b.value - b.low)),
  }
}

type Spread = NonNullable<Estimate['spread']>

function welch(value: number, a: Spread, b: Spread, factor: number, level: number): Estimate {
  const ofB = factor * factor * b.variance
  const variance = a.variance + ofB
  if (variance === 0) return { value, low: value, high: value }
  const freedom = variance ** 2 / (a.variance ** 2 / a.freedom + ofB ** 2 / b.freedom)
  const half = studentQuantile((1 + level) / 2, freedom) * Math.sqrt(variance)
  return { value, low: value - half, high: value + half, spread: { variance, freedom } }
}

/**
 * Population stability index of two histograms, sum of (a - e) ln(a / e) over the shares of buckets that either has
 * anything in, half a count being added to each. Between equal populations it is about chi-squared with a degree less than
 * buckets, times 1/n + 1/m (Yurdakul 2018); with a true index beyond that it is non-central, and the interval is that of
 * the centre by its normal approximation. So `value` is what people compute, and `low` and `high` are free of the part
 * that small counts alone bring about.
 */
export function stabilityIndex(expected: readonly number[], actual: readonly number[], level: number): Estimate {
  const used = expected.map((_, place) => place).filter((i) => (expected[i] ?? 0) + (actual[i] ?? 0) > 0)
  const [n, m] = [sum(expected), sum(actual)]
  const share = (counts: readonly number[], i: number) => ((counts[i] ?? 0) + 0.5) / (sum(counts) + used.length / 2)
  const terms = used.map((i) => {
    const [e, a] = [share(expected, i), share(actual, i)]
    return (a - e) * Math.log(a / e)
  })
  const value = sum(terms)
  const unit = 1 / n + 1 / m
  const freedom = Math.max(0, used.length - 1)
  const centre = value / unit - freedom
  const half = zOf(level) * Math.sqrt(2 * freedom + 4 * Math.max(0, centre))
  return { value, low: Math.max(0, (centre - half) * unit), high: Math.max(0, (centre + half) * unit) }
}

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
