/** How far apart two distributions over the same bins are. */

/** A share below this counts as this much, so that a bin that was or became empty has a finite part in the index. */
export const leastShare = 1e-4

/**
 * Population stability index: the sum over bins of (actual - expected) ln(actual / expected), in shares of each
 * side's total. 0 for equal distributions, symmetric, never negative; by usage below 0.1 is little, above 0.25 much.
 * A side without anything counts as `leastShare` in every bin.
 * @param expected counts or shares by bin, none below 0
 * @param actual of the same bins
 * @throws RangeError when the numbers of bins differ: then the bins are not the same
 */
export function populationStabilityIndex(expected: readonly number[], actual: readonly number[]): number {
  if (expected.length !== actual.length)
    throw new RangeError(`${expected.length} and ${actual.length} bins cannot be compared; measure both the same way`)
  const before = sharesOf(expected)
  return sharesOf(actual).reduce((sum, share, bin) => sum + term(before[bin] ?? leastShare, share), 0)
}

const term = (expected: number, actual: number): number => (actual - expected) * Math.log(actual / expected)

function sharesOf(counts: readonly number[]): number[] {
  const total = counts.reduce((sum, count) => sum + count, 0)
  return counts.map((count) => Math.max(leastShare, total > 0 ? count / total : 0))
}
