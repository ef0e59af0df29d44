// What a click on an item is worth to the platform, in units of the mean bid.

import type { Market } from '../../data/market/market.ts'
import { usualBids } from '../../data/market/usual-bids.ts'

export interface ValueTerms {
  /** Money that counts as a bid of 1. */
  readonly bidUnit: number
  /** Of a click on an organic item. */
  readonly organic: number
  /** Of a conversion. */
  readonly conversion: number
}

/** Ranking goes by the logarithm of values [ours]: least value of anything. */
export const leastValue = 0.01

export const organicValue = ({ organic }: Pick<ValueTerms, 'organic'>): number => Math.max(leastValue, organic)

/** Of a click on an ad with this bid in money; the mean where it is no number. */
export const bidValue = (bid: number, { bidUnit }: Pick<ValueTerms, 'bidUnit'>): number =>
  Math.max(leastValue, Number.isFinite(bid) ? bid / bidUnit : 1)

/** By item, where no request is at hand: of ads by what they usually bid. */
export function usualValues(market: Market, itemCount: number, terms: ValueTerms): Float64Array {
  const values = new Float64Array(itemCount).fill(organicValue(terms))
  for (const [ad, bid] of usualBids(market).entries()) values[market.ads.item[ad]] = bidValue(bid, terms)
  return values
}
