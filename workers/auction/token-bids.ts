// Bids of ads as weights of codes: w(code) = b(code)^alpha + beta (Eq. 21), z = softmax(logit + log w) (Eq. 22). Organic
// items bid nothing, so their weight is beta; more beta makes less of the bids, and so of the ads.

import type { TrieLevel } from './candidate-trie.ts'

export interface TokenBidding {
  /** How much bids matter. */
  readonly alpha: number
  /** Weight of what bids nothing. */
  readonly beta: number
  /** Bid of a code from those of the eligible ads behind it. */
  readonly aggregate: 'Max' | 'Average'
  /**
   * Prefix: the ads below the code given the codes before it. Unconditional: all eligible ads with this code at this
   * level, whatever the codes before it (as Eq. 21 is printed).
   */
  readonly scope: 'Prefix' | 'Unconditional'
  /**
   * Request, or absent: the bids of the request. Expected: the mean logged bid of each ad; what lists there are to choose
   * from then does not move with any bid, and a price can be truthful on them.
   */
  readonly bids?: 'Request' | 'Expected'
  /** What counts as a bid of 1. MeanBid, or absent: the mean bid of training. Money: bids are taken as they are. */
  readonly unit?: 'MeanBid' | 'Money'
}

/**
 * Money that counts as a bid of 1 where codes are weighed.
 * @param bidUnit the mean bid of training, which everything else is counted in
 */
export const weighingUnit = (bidding: TokenBidding | 'None', bidUnit: number): number =>
  bidding !== 'None' && bidding.unit === 'Money' ? 1 : bidUnit

/** Weight of what has none: log of it is far below any difference of logits, and finite (0^0 counts as 0). */
const leastWeight = 1e-12

/** @param bid divided by `weighingUnit` */
export const logWeight = (bid: number, { alpha, beta }: Pick<TokenBidding, 'alpha' | 'beta'>): number =>
  Math.log(Math.max(leastWeight, (bid > 0 ? bid ** alpha : 0) + beta))

interface Sums {
  readonly value: Float64Array
  readonly ads: Uint32Array
}

/** Folds the bids of the eligible ads into groups. */
const fold = (groups: ArrayLike<number>, count: number, bids: ArrayLike<number>, average: boolean): Sums => {
  const value = new Float64Array(count)
  const ads = new Uint32Array(count)
  for (let ad = 0; ad < bids.length; ad++) {
    if (bids[ad] < 0) continue
    const group = groups[ad]
    value[group] = average ? value[group] + bids[ad] : Math.max(value[group], bids[ad])
    ads[group]++
  }
  if (average) for (let group = 0; group < count; group++) value[group] /= Math.max(1, ads[group])
  return { value, ads }
}

/**
 * log w of every entry of a level of a request's trie; an entry without an ad below it bids 0. Takes time in proportion
 * to entries and ads.
 * @param bidding None: every entry weighs the same
 * @param bids of the ads, which are the first of the candidates, divided by `weighingUnit`; below 0 of one that
 *   is not eligible
 * @param token code by entry of the catalogue's trie
 * @param size entries of the level's codebook
 */
export function entryWeights(
  { entry, path }: TrieLevel,
  bids: ArrayLike<number>,
  bidding: TokenBidding | 'None',
  { token, size }: { readonly token: ArrayLike<number>; readonly size: number },
): Float32Array {
  if (bidding === 'None') return new Float32Array(entry.length)
  const average = bidding.aggregate === 'Average'
  if (bidding.scope === 'Prefix') {
    const { value } = fold(path, entry.length, bids, average)
    return Float32Array.from(value, (bid) => logWeight(bid, bidding))
  }
  const codes = Int32Array.from({ length: bids.length }, (_, ad) => token[entry[path[ad]]])
  const { value } = fold(codes, size, bids, average)
  return Float32Array.from(entry, (each) => logWeight(value[token[each]], bidding))
}
