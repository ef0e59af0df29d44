// Reading the list that an allocation shows: which ads are in it, where, and what they must pay at least.

import type { Allocation, AuctionRequest, CandidateLists } from './auction.ts'

/** Item of a candidate of a request (`CandidateLists.candidate`, 0 or above). */
export const itemOfCandidate = (
  { ads, organic }: Pick<AuctionRequest, 'ads' | 'organic'>,
  candidate: number,
): number => (candidate < ads.length ? ads[candidate] : organic[candidate - ads.length])

/** An ad of the chosen list. */
export interface ListedAd {
  readonly slot: number
  /** Index among the ads of the request. */
  readonly ad: number
  /** Probability of a click at this slot of this list; position and neighbours are in it. */
  readonly pCtr: number
}

/** Ads of one candidate list, in the order of slots. */
export function adsOfList(
  { candidate, pCtr, slots }: Pick<CandidateLists, 'candidate' | 'pCtr' | 'slots'>,
  row: number,
  ads: number,
): ListedAd[] {
  const listed: ListedAd[] = []
  for (let slot = 0; slot < slots; slot++) {
    const at = row * slots + slot
    if (candidate[at] >= 0 && candidate[at] < ads) listed.push({ slot, ad: candidate[at], pCtr: pCtr[at] })
  }
  return listed
}

export const listedAds = (request: AuctionRequest, { lists, chosen }: Allocation): ListedAd[] =>
  adsOfList(lists, chosen, request.ads.length)

/** Slot of the ad in one candidate list, -1 where it is not in it. */
export function slotOf({ candidate, slots }: CandidateLists, row: number, ad: number): number {
  for (let slot = 0; slot < slots; slot++) if (candidate[row * slots + slot] === ad) return slot
  return -1
}

export const isListed = ({ lists, chosen }: Allocation, ad: number): boolean => slotOf(lists, chosen, ad) >= 0

/** Least price per click of the ad at the slot. */
export const reserveOf = (
  { slotReserves, adReserves }: Pick<AuctionRequest, 'slotReserves' | 'adReserves'>,
  slot: number,
  ad: number,
): number => Math.max(slotReserves?.[slot] ?? 0, adReserves?.[ad] ?? 0)

/**
 * The price within reserve and bid. The bid comes last: whatever a rule or a broken allocation says, nobody pays more
 * than the own bid (individual rationality, Eq. 5).
 */
export const boundedPrice = (request: AuctionRequest, slot: number, ad: number, price: number): number =>
  Math.min(request.bids[ad], Math.max(reserveOf(request, slot, ad), price))
