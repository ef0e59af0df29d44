// Intervals by resampling users: the cases of one user are not independent of each other, so they are drawn together.
// All columns share their resamples, which makes every comparison between columns a paired one.

import { Random } from '../tensor/random.ts'

export interface Estimate {
  readonly mean: number
  /** Ends of the 95 % percentile interval. */
  readonly low: number
  readonly high: number
}

export interface Resamples {
  readonly samples: number
  /** Mean over all cases, by column. */
  readonly means: Float64Array
  /** Means of the resamples, by column. */
  readonly resampled: readonly Float64Array[]
}

export interface BootstrapOptions {
  readonly samples: number
  readonly seed: number
}

/**
 * Means of every column, over the cases as they are and over resamples of the users.
 * @param users user of each case
 * @param columns values by case, each as long as `users`
 */
export function bootstrap(users: Uint32Array, columns: readonly Float64Array[], options: BootstrapOptions): Resamples {
  const { sums, cases } = sumByUser(users, columns)
  const userCount = cases.length
  const random = new Random(options.seed, 'bootstrap')
  const resampled = columns.map(() => new Float64Array(options.samples))
  // How often each user is drawn comes first, for some samples at once: columns are then read in order, and not for each
  // sample anew.
  const drawn = new Float64Array(userCount * lanes)
  for (let start = 0; start < options.samples; start += lanes) {
    const count = Math.min(lanes, options.samples - start)
    drawn.fill(0)
    for (let lane = 0; lane < count; lane++)
      for (let draw = 0; draw < userCount; draw++) drawn[random.below(userCount) * lanes + lane]++
    const totals = innerProducts(drawn, cases)
    for (const [column, values] of sums.entries()) {
      const products = innerProducts(drawn, values)
      for (let lane = 0; lane < count; lane++) resampled[column][start + lane] = products[lane] / totals[lane]
    }
  }
  const means = Float64Array.from(columns, (values) => values.reduce((sum, value) => sum + value, 0) / users.length)
  return { samples: options.samples, means, resampled }
}

/** Samples that are summed at once. */
const lanes = 4

/** @param drawn [users, lanes] @param values [users] */
function innerProducts(drawn: Float64Array, values: Float64Array): readonly number[] {
  let [first, second, third, fourth] = [0, 0, 0, 0]
  for (let user = 0, at = 0; user < values.length; user++, at += lanes) {
    const value = values[user]
    first += drawn[at] * value
    second += drawn[at + 1] * value
    third += drawn[at + 2] * value
    fourth += drawn[at + 3] * value
  }
  return [first, second, third, fourth]
}

/** Users with cases, numbered by first appearance: sums [columns] of [users], and number of cases [users]. */
function sumByUser(users: Uint32Array, columns: readonly Float64Array[]) {
  const indexOf = new Map<number, number>()
  const rows = Uint32Array.from(users, (user) => {
    const known = indexOf.get(user) ?? indexOf.size
    indexOf.set(user, known)
    return known
  })
  const sumOf = (values: Float64Array | undefined): Float64Array => {
    const sums = new Float64Array(indexOf.size)
    rows.forEach((row, index) => {
      sums[row] += values === undefined ? 1 : values[index]
    })
    return sums
  }
  return { sums: columns.map(sumOf), cases: sumOf(undefined) }
}

/** Value below which a share of the sorted values lies, interpolated. */
export function percentile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1)
  const below = Math.floor(place)
  const above = Math.min(sorted.length - 1, below + 1)
  if (sorted[below] === sorted[above]) return sorted[below]
  return sorted[below] + (place - below) * (sorted[above] - sorted[below])
}

function estimate(mean: number, resampled: Float64Array): Estimate {
  const sorted = resampled.filter((value) => !Number.isNaN(value)).toSorted()
  if (sorted.length === 0) return { mean, low: Number.NaN, high: Number.NaN }
  return { mean, low: percentile(sorted, 0.025), high: percentile(sorted, 0.975) }
}

/** A function of the means of columns. NaN: it has no value; such resamples have no part in an interval. */
export type Statistic = (mean: (column: number) => number) => number

export const meanOf =
  (column: number): Statistic =>
  (mean) =>
    mean(column)

/** Sum of one column by the sum of another, as rates over a varying number of things are; nothing by nothing is NaN. */
export const ratioOf =
  (numerator: number, denominator: number): Statistic =>
  (mean) =>
    mean(numerator) / mean(denominator)

/** Values of a statistic: over all cases, and by resample. */
function valuesOf({ samples, means, resampled }: Resamples, statistic: Statistic) {
  const values = new Float64Array(samples)
  for (let sample = 0; sample < samples; sample++) values[sample] = statistic((column) => resampled[column][sample])
  return { value: statistic((column) => means[column]), values }
}

/** A statistic with its interval. */
export function estimateStatistic(resamples: Resamples, statistic: Statistic): Estimate {
  const { value, values } = valuesOf(resamples, statistic)
  return estimate(value, values)
}

/** How two values compare: their difference, or the gain of one over the other. */
type Comparing = (value: number, other: number) => number

function estimatePaired(resamples: Resamples, statistic: Statistic, other: Statistic, compare: Comparing): Estimate {
  const ours = valuesOf(resamples, statistic)
  const theirs = valuesOf(resamples, other)
  return estimate(
    compare(ours.value, theirs.value),
    ours.values.map((value, sample) => compare(value, theirs.values[sample])),
  )
}

const difference: Comparing = (value, other) => value - other

/** A gain over nothing is infinite, no gain over nothing is none. */
const relativeGain: Comparing = (value, base) =>
  value === base ? 0 : base === 0 ? Number.POSITIVE_INFINITY : (value - base) / base

/** `statistic - other`, paired. */
export const estimateStatisticDifference = (resamples: Resamples, statistic: Statistic, other: Statistic): Estimate =>
  estimatePaired(resamples, statistic, other, difference)

/** `statistic / other - 1`, paired: 0.1 is a tenth more. */
export const estimateStatisticGain = (resamples: Resamples, statistic: Statistic, other: Statistic): Estimate =>
  estimatePaired(resamples, statistic, other, relativeGain)

/** Mean of one column with its interval. */
export const estimateMean = (resamples: Resamples, column: number): Estimate =>
  estimateStatistic(resamples, meanOf(column))

/** `column - other`, paired. */
export const estimateDifference = (resamples: Resamples, column: number, other: number): Estimate =>
  estimateStatisticDifference(resamples, meanOf(column), meanOf(other))

/** `column / other - 1`, paired: 0.1 is a tenth more. */
export const estimateRelativeGain = (resamples: Resamples, column: number, other: number): Estimate =>
  estimateStatisticGain(resamples, meanOf(column), meanOf(other))
