import type { Allocation } from '../auction.ts'
import { slotOf } from '../chosen-list.ts'

/**
 * What the others lose by the ad, per click of it: their worth in the best of the candidate lists for them, were the ad
 * worth nothing, less their worth in the chosen list. On a fixed set of lists truth is the best bid under this price
 * (Groves), it is no more than the bid, and the bid does not change it while the list stays.
 */
export const pivotPrice = ({ lists, chosen }: Allocation, ad: number, bid: number): number => {
  const worthOfOthers = (row: number): { readonly others: number; readonly pCtr: number } => {
    const slot = slotOf(lists, row, ad)
    const pCtr = slot < 0 ? 0 : lists.pCtr[row * lists.slots + slot]
    return { others: lists.reward[row] - bid * pCtr, pCtr }
  }
  const { others, pCtr } = worthOfOthers(chosen)
  if (!(pCtr > 0)) return 0
  let best = others
  for (let row = 0; row < lists.count; row++) best = Math.max(best, worthOfOthers(row).others)
  return (best - others) / pCtr
}
