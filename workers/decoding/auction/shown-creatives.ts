// Which creative an item is shown in where no generator says so [ours]: of those that may be shown, the reward model takes
// the one that most people would click.

import type { AuctionRequest } from '../../auction/auction.ts'
import { itemOfCandidate } from '../../auction/chosen-list.ts'
import type { ListRewards, RewardList } from '../../auction/reward-model/scorer.ts'
import { rewardListOf } from './judged-lists.ts'

/** A candidate of a request, with the creatives that it may be shown in. */
export interface Offer {
  readonly request: AuctionRequest
  readonly candidate: number
  readonly creatives: Uint32Array
}

/** @param offsets creatives by item [items + 1] */
export function offerOf(request: AuctionRequest, candidate: number, offsets: Uint32Array): Offer {
  const item = itemOfCandidate(request, candidate)
  const all = Uint32Array.from({ length: offsets[item + 1] - offsets[item] }, (_, index) => offsets[item] + index)
  const allowed = candidate < request.ads.length ? request.creatives?.[candidate] : undefined
  const creatives = allowed === undefined ? all : all.filter((creative) => allowed.includes(creative))
  return { request, candidate, creatives }
}

/** The creative of each offer, -1 where there is none to show. Each is judged in a list of its item alone. */
export async function chooseCreatives(
  offers: readonly Offer[],
  score: (lists: readonly RewardList[]) => Promise<ListRewards[]>,
): Promise<number[]> {
  const open = offers.filter(({ creatives }) => creatives.length > 1)
  const lists = open.flatMap(({ request, candidate, creatives }) =>
    Array.from(creatives, (creative) => rewardListOf(request, [{ candidate, creative }])),
  )
  const scores = lists.length === 0 ? [] : await score(lists)
  let from = 0
  return offers.map(({ creatives }) => {
    if (creatives.length <= 1) return creatives.length === 0 ? -1 : creatives[0]
    const own = scores.slice(from, from + creatives.length)
    from += creatives.length
    const clicks = own.map(({ pCtr, pCtrCreative }) => (pCtrCreative ?? pCtr)[0])
    return creatives[clicks.indexOf(Math.max(...clicks))]
  })
}
