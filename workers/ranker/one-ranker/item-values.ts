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

/**
 * Least value of anything that a model learns from, and of organic items wherever they are ranked [ours]: the logarithm of
 * a lesser one would drown quality. Auctions tell ads apart by bids far below it, down to `leastBid` there:
 * at a floor that bids reach an ad is listed whatever it bids, and the price that its rivals set is none of its own.
 */
export const leastValue = 0.01

export const organicValue = ({ organic }: Pick<ValueTerms, 'organic'>): number => Math.max(leastValue, organic)

/** Of a click on an ad with this bid in money; the mean where it is no number. */
export const bidValue = (bid: number, { bidUnit }: Pick<ValueTerms, 'bidUnit'>): number =>
  Math.max(leastValue, Number.isFinite(bid) ? bid / bidUnit : 1)

/** By item, of the ads that were eligible in a request, in their order. */
export function adValues({ ads, requests }: Pick<Market, 'ads' | 'requests'>, request: number, terms: ValueTerms) {
  const values = new Map<number, number>()
  const eligible = requests?.ads
  if (eligible === undefined) return values
  for (let entry = eligible.offsets[request]; entry < eligible.offsets[request + 1]; entry++)
    values.set(ads.item[eligible.ad[entry]], bidValue(eligible.bid[entry], terms))
  return values
}

/** By item, where no request is at hand: of ads by what they usually bid. */
export function usualValues(market: Market, itemCount: number, terms: ValueTerms): Float64Array {
  const values = new Float64Array(itemCount).fill(organicValue(terms))
  for (const [ad, bid] of usualBids(market).entries()) values[market.ads.item[ad]] = bidValue(bid, terms)
  return values
}
