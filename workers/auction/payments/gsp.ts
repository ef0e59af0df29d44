// Generalised second price (Edelman, Ostrovsky, Schwarz 2007): the least bid that keeps an ad's rank.

import { adsOfList, type ListedAd, listedAds } from '../chosen-list.ts'
import type { PaymentInput, PaymentOptions } from './payment-rule.ts'

/** pCTR has 32 bits: scores that are closer than this share of them are equal. */
const precision = 1e-6

/**
 * Ads of the chosen list are ranked by b q, and the ad of rank k pays b' q' / q of the ad that follows it. Our pCTR holds
 * the position, the q of the textbook does not: q is pCTR / exposure of the slot where exposures are given, and pCTR as
 * it is where not. What a context of other neighbours would do to q is left out in both cases, as in every GSP.
 *
 * Behind the last ad of the list comes the unlisted ad with the highest b q in the other candidate lists; without any,
 * nothing, and the last ad pays its reserve.
 *
 * An allocation that ranks ads one by one, against organic items too, says itself what keeps a slot, by the q of its own.
 */
export function gspPrice(input: PaymentInput, listed: ListedAd, { exposure }: PaymentOptions): number {
  const { request, allocation } = input
  if (allocation.leastBids !== undefined) return allocation.leastBids.ofSlot[listed.slot]
  const qualityOf = ({ slot, pCtr }: ListedAd) => pCtr / (exposure?.[slot] ?? 1)
  const scoreOf = (other: ListedAd) => request.bids[other.ad] * qualityOf(other)
  const score = scoreOf(listed)
  const ranked = listedAds(request, allocation)
  const following = ranked.filter((other) => {
    const difference = score - scoreOf(other)
    return Math.abs(difference) > precision * score ? difference > 0 : other.slot > listed.slot
  })
  const behind = following.length > 0 ? following : unlistedAds(input, ranked)
  const follower = Math.max(0, ...behind.map(scoreOf))
  return follower / qualityOf(listed) || 0
}

/** Appearances in other candidate lists of ads that the chosen one lacks. */
function unlistedAds({ request, allocation }: PaymentInput, listed: readonly ListedAd[]): ListedAd[] {
  const { lists, chosen } = allocation
  const shown = new Set(listed.map(({ ad }) => ad))
  return Array.from({ length: lists.count }, (_, row) => row)
    .filter((row) => row !== chosen)
    .flatMap((row) => adsOfList(lists, row, request.ads.length).filter(({ ad }) => !shown.has(ad)))
}
