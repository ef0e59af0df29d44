// Lists that were searched, judged under any bids without the graph: what a list is worth is linear in the bids of its ads.

import type { Allocation, AuctionRequest, CandidateLists } from '../../auction/auction.ts'
import type { AllocatedRequest } from '../../auction/payment-network/pricer.ts'
import { unpaidValue, type Worth } from './judged-lists.ts'

/** Lists whose worth is open as long as bids are. */
export type SearchedLists = Omit<CandidateLists, 'reward'>

/** The lists of a page view, and what they are worth but for bids. */
export interface ListsOfView {
  readonly lists: SearchedLists
  /** By list, what is not bid. */
  readonly unpaid: Float64Array
  /** Ads of all lists: which, in which list, and their pCTR there. */
  readonly ad: Int32Array
  readonly row: Int32Array
  readonly pCtr: Float64Array
}

export function listsOfView(request: AuctionRequest, lists: SearchedLists, worth: Worth): ListsOfView {
  const { count, slots, candidate, pCtr, pCvr } = lists
  const unpaid = new Float64Array(count)
  const listed: number[] = []
  for (let at = 0; at < count * slots; at++) {
    if (candidate[at] < 0) continue
    unpaid[Math.floor(at / slots)] += pCtr[at] * unpaidValue(request, candidate[at], pCvr[at], worth)
    if (candidate[at] < request.ads.length) listed.push(at)
  }
  return {
    ...{ lists, unpaid },
    ad: Int32Array.from(listed, (at) => candidate[at]),
    row: Int32Array.from(listed, (at) => Math.floor(at / slots)),
    pCtr: Float64Array.from(listed, (at) => pCtr[at]),
  }
}

/** The best of the lists under these bids (Eq. 24). */
export function chosenUnder({ lists, unpaid, ad, row, pCtr }: ListsOfView, bids: Float64Array): Allocation {
  const reward = Float32Array.from(unpaid)
  for (let entry = 0; entry < ad.length; entry++) reward[row[entry]] += pCtr[entry] * bids[ad[entry]]
  let chosen = 0
  for (let list = 1; list < lists.count; list++) if (reward[list] > reward[chosen]) chosen = list
  return { lists: { ...lists, reward }, chosen }
}

/** Of the payment network, by slot of each chosen list; absent where there is none. */
export type Rates = (allocated: readonly AllocatedRequest[]) => Promise<Float32Array[]>

/** Lists whose allocations have rates, those that came without them filled in. @param rates undefined: as they are */
export async function withRates<List extends { readonly request: AuctionRequest; readonly allocation: Allocation }>(
  lists: readonly List[],
  rates: Rates | undefined,
): Promise<List[]> {
  if (rates === undefined) return [...lists]
  const missing = lists.filter(({ allocation }) => allocation.paymentRate === undefined)
  const found = await rates(missing)
  const filled = missing.map((list, index) => {
    const allocation = { ...list.allocation, paymentRate: found[index] }
    return [list, { ...list, allocation }] as const
  })
  const filledOf = new Map(filled)
  return lists.map((list) => filledOf.get(list) ?? list)
}
