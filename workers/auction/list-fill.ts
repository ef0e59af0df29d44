// A list filled slot by slot from ads in their order and organic items in theirs, within constraints and reserves.

import type { AuctionRequest } from './auction.ts'
import { reserveOf } from './chosen-list.ts'

export type FillRequest = Pick<
  AuctionRequest,
  'ads' | 'bids' | 'advertisers' | 'organic' | 'slots' | 'constraints' | 'slotReserves' | 'adReserves'
>

/** Whether an ad goes before the organic item that is next, each by its index among its own. */
export type PrefersAd = (ad: number, organic: number) => boolean

/**
 * Every slot, from the first on, takes the first ad left that bid, reserves and constraints allow there, or the next
 * organic item where that is preferred or no ad is allowed. Ends where there is neither.
 *
 * An ad that comes earlier in the order, as by a higher bid, stands no later in the list: up to the slot that it is given,
 * nothing has changed.
 * @param ranked ads that take part, best first, by their index in the request
 * @param prefersAd always, where absent: ads have the first slots that they may have
 * @returns candidates as `CandidateLists` counts them, slot after slot
 */
export function fillList(request: FillRequest, ranked: readonly number[], prefersAd: PrefersAd = () => true): number[] {
  const { slots, constraints, organic, ads } = request
  const { maxAds, minGap } = constraints
  const left = [...ranked]
  const mayStand = advertiserCounts(request)
  const list: number[] = []
  let placed = 0
  let newest = Number.NEGATIVE_INFINITY
  let next = 0
  for (let slot = 0; slot < slots; slot++) {
    const adMay = placed < maxAds && slot - newest > minGap
    const place = adMay
      ? left.findIndex((ad) => request.bids[ad] >= reserveOf(request, slot, ad) && mayStand.has(ad))
      : -1
    if (place >= 0 && (next >= organic.length || prefersAd(left[place], next))) {
      const [ad] = left.splice(place, 1)
      list.push(ad)
      mayStand.count(ad)
      placed++
      newest = slot
    } else if (next < organic.length) list.push(ads.length + next++)
    else break
  }
  return list
}

/** Who has room for another ad of its own. */
function advertiserCounts({ advertisers, constraints: { maxPerAdvertiser } }: FillRequest) {
  const counts = new Map<number, number>()
  const of = (ad: number) => counts.get(advertisers[ad]) ?? 0
  return {
    has: (ad: number) => of(ad) < maxPerAdvertiser,
    count: (ad: number) => void counts.set(advertisers[ad], of(ad) + 1),
  }
}
