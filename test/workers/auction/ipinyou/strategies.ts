// The bidders of the replay.

import { type Campaign, type Episodes, maxBid, type Strategy } from './replay.ts'

/** Bids in proportion to pCTR, `base` at the mean of training. */
export const linearBids =
  ({ clicks, impressions }: Campaign, base: number): Strategy =>
  (pCtr) =>
    Math.trunc((pCtr * base) / (clicks / impressions))

/** Bids what a click cost in training, times pCTR. */
export const clickCostBids =
  ({ cost, clicks }: Campaign): Strategy =>
  (pCtr) =>
    Math.trunc((pCtr * cost) / clicks)

/**
 * V [auctions, budget + 1]: expected clicks of the auctions left under the best bids, where market prices come from the
 * counts of training, smoothed by one each, and every auction has the mean pCTR.
 */
export function valueFunction(
  { priceCounts, clicks, impressions }: Campaign,
  { length, budget }: Episodes,
): Float64Array[] {
  const total = priceCounts.reduce((sum, count) => sum + count, 0)
  const density = Float64Array.from(priceCounts, (count) => (count + 1) / (total + priceCounts.length))
  const mean = clicks / impressions
  const values = [new Float64Array(budget + 1)]
  let most = 0
  for (let auction = 1; auction < length; auction++) {
    const before = values[auction - 1]
    const value = new Float64Array(budget + 1)
    most += mean
    for (let left = 1; left <= budget; left++) {
      value[left] = valueWith(before, left, mean, density)
      if (Math.abs(value[left] - most) >= 1e-10) continue
      // A budget that buys all that there is: more of it buys no more.
      value.fill(most, left + 1)
      break
    }
    values.push(value)
  }
  return values
}

function valueWith(before: Float64Array, left: number, mean: number, density: Float64Array): number {
  const now = before[left]
  const highest = Math.min(left, maxBid)
  let value = now
  for (let price = 0; price <= highest; price++) {
    const gain = mean + before[left - price] - now
    if (gain < 0) break
    value += density[price] * gain
  }
  return value
}

/** Bids the most for which winning is worth what it leaves for later; pCTR as `pCtrOf` sees it. */
export const valueBids =
  (values: readonly Float64Array[], pCtrOf: (pCtr: number) => number): Strategy =>
  (pCtr, left, budget) => {
    const value = values[left - 1]
    const worth = pCtrOf(pCtr)
    const highest = Math.min(budget, maxBid)
    let bid = 0
    while (bid < highest && worth + value[budget - bid - 1] - value[budget] >= 0) bid++
    return bid
  }
