// What an allocation shows, as judges are asked about it.

import type { Allocation, AuctionRequest } from '../../auction/auction.ts'
import type { SlotClicks } from '../../auction/bid-outcomes.ts'
import { itemOfCandidate } from '../../auction/chosen-list.ts'
import type { Judge, ListChances, ShownList } from './judge.ts'

/** The list that an allocation shows, its empty slots left out, and the slots of those that are filled. */
export function shownList(
  request: AuctionRequest,
  user: number,
  { lists, chosen }: Allocation,
): { readonly list: ShownList; readonly slots: readonly number[] } {
  const { slots: length, candidate, creative, pCtr, pCtrCreative, pCvr } = lists
  const start = chosen * length
  const slots = Array.from({ length }, (_, slot) => slot).filter((slot) => candidate[start + slot] >= 0)
  const adCount = request.ads.length
  const candidateAt = (slot: number): number => candidate[start + slot]
  const pick = (values: ArrayLike<number>): Float64Array => Float64Array.from(slots, (slot) => values[start + slot])
  const predicted: ListChances = { click: pick(pCtr), creativeClick: pick(pCtrCreative), conversion: pick(pCvr) }
  const list: ShownList = {
    request,
    user,
    items: Uint32Array.from(slots, (slot) => itemOfCandidate(request, candidateAt(slot))),
    ads: Int32Array.from(slots, (slot) => (candidateAt(slot) < adCount ? candidateAt(slot) : -1)),
    creatives: Int32Array.from(slots, (slot) => creative[start + slot]),
    predicted,
  }
  return { list, slots }
}

/** Clicks as a judge expects them of this user; 0 in empty slots. */
export const slotClicks =
  ({ chances }: Judge, user: number): SlotClicks =>
  async (lists) => {
    const shown = lists.map(({ request, allocation }) => shownList(request, user, allocation))
    const judged = await chances(shown.map(({ list }) => list))
    return shown.map(({ slots }, index) => {
      const clicks = new Float64Array(lists[index].allocation.lists.slots)
      slots.forEach((slot, place) => {
        clicks[slot] = judged[index].click[place]
      })
      return clicks
    })
  }
