import type { Allocation } from '../auction.ts'
import { bestWithout } from '../marginal-contribution.ts'

/**
 * The least bid with which the chosen list would still be the best of the candidate lists: below it the best one without
 * the ad is. It does not depend on the bid itself, as every list with the ad changes by it alike up to the ad's pCTR. 0
 * where all lists have the ad.
 */
export const listingBid = (allocation: Allocation, ad: number, slot: number, bid: number): number => {
  const { lists, chosen } = allocation
  const without = bestWithout(allocation, ad)
  const pCtr = lists.pCtr[chosen * lists.slots + slot]
  if (without === undefined || !(pCtr > 0)) return 0
  return Math.max(0, bid - (lists.reward[chosen] - without) / pCtr)
}
