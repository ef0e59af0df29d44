// What the eCPM of a candidate counts for in a graded NDCG. The eCPM itself would let one rich ad decide everything, so
// that the gain goes by its order: [ours] the paper names no gain.

import { percentile } from '../bootstrap.ts'

export const gainNames = ['RankNormalised', 'Quantile'] as const
export type GainName = (typeof gainNames)[number]

/** Gains of every list, from the eCPM of its candidates. */
export type Gain = (ecpm: readonly Float64Array[]) => Float64Array[]

/**
 * Share of the other candidates of the list whose eCPM is less, equals counting half: 0 for the least of a list, 1 for
 * the greatest.
 */
export const rankNormalisedGains: Gain = (ecpm) =>
  ecpm.map((values) => {
    const sorted = values.toSorted()
    const others = values.length - 1
    return values.map((value) => {
      const below = countWhile(sorted, (each) => each < value)
      const equal = countWhile(sorted, (each) => each <= value) - below - 1
      return others === 0 ? 0 : (below + equal / 2) / others
    })
  })

/**
 * 2^r - 1, where r is how many of the quantiles that cut the eCPM of all candidates of all lists into `levels` parts are
 * exceeded; equals have one gain, wherever a quantile falls among them.
 */
export const quantileGains =
  (levels: number): Gain =>
  (ecpm) => {
    const sorted = Float64Array.from(ecpm.flatMap((values) => [...values])).sort()
    const cuts = Float64Array.from({ length: levels - 1 }, (_, cut) => percentile(sorted, (cut + 1) / levels))
    return ecpm.map((values) => values.map((value) => 2 ** countWhile(cuts, (cut) => cut < value) - 1))
  }

/** Length of the first part of which this holds, in values where it holds for a first part alone. */
function countWhile(sorted: Float64Array, holds: (value: number) => boolean): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (holds(sorted[middle])) low = middle + 1
    else high = middle
  }
  return low
}
