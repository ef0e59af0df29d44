// Bids that a payment network is to make useless.

import type { Random } from '../../tensor/random.ts'
import { withMultiplied } from '../bidder.ts'

/**
 * `Published`: the multiples of the published metric, whatever the bidder. `Random`: other ones for each bidder, so that no
 * bids in between are left to try; of an advertiser with several ads every second one multiplies each by its own.
 */
export type Misreports = 'Published' | 'Random'

/** 0.2, 0.4, ..., 2, but for the truth. */
const publishedFactors: readonly number[] = [1, 2, 3, 4, 6, 7, 8, 9, 10].map((fifths) => fifths / 5)

/** Of each bidder. */
export const misreportCount = publishedFactors.length

/** Random factors are log-uniform in [lowest, lowest * span], one from each of as many parts. */
const [lowest, span] = [0.05, 60]

/** Bids of the request with those of the bidder's ads changed, `misreportCount` of them. */
export function misreportsOf(
  bids: Float64Array,
  ads: readonly number[],
  kind: Misreports,
  random: Random,
): Float64Array[] {
  if (kind === 'Published') return publishedFactors.map((factor) => withMultiplied(bids, ads, factor))
  return publishedFactors.map((_, part) => {
    if (ads.length > 1 && part % 2 === 1)
      return ads.reduce((changed, ad) => withMultiplied(changed, [ad], lowest * span ** random.uniform()), bids)
    return withMultiplied(bids, ads, lowest * span ** ((part + random.uniform()) / misreportCount))
  })
}
