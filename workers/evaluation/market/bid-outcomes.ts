// What ads get and pay where bids are other than they are: allocation, choice of the list, prices and clicks anew.

import type { Judge } from './judge.ts'
import { type Mechanism, shownList } from './mechanism.ts'
import type { MarketRequest } from './requests.ts'

export interface AdOutcome {
  /** Per click. */
  readonly price: number
  /** Expected clicks of the page view, by judge. */
  readonly clicks: readonly number[]
}

export interface BidOutcome {
  /** Ads that are listed, by their index in the request. */
  readonly ads: ReadonlyMap<number, AdOutcome>
}

/**
 * Outcomes under each vector of bids, in one batch over one encoded history.
 * @param only the ad of each vector whose price alone is asked for; absent: of all ads
 */
export async function outcomesUnder(
  mechanism: Mechanism,
  judges: readonly Judge[],
  { auction, user }: Pick<MarketRequest, 'auction' | 'user'>,
  bids: readonly Float64Array[],
  only?: readonly number[],
): Promise<BidOutcome[]> {
  const allocations = await mechanism.allocator.underBids(auction, bids)
  const priced = allocations.map((allocation, index) => ({
    request: { ...auction, bids: bids[index] },
    allocation,
    ...(only === undefined ? {} : { only: only[index] }),
  }))
  const prices = await mechanism.payments(priced)
  const shown = priced.map(({ request, allocation }) => shownList(request, user, allocation))
  const lists = shown.map(({ list }) => list)
  const clicks: (readonly ArrayLike<number>[])[] = []
  for (const judge of judges) clicks.push((await judge.chances(lists)).map(({ click }) => click))
  return shown.map(({ list, slots }, index) => {
    const ads = new Map<number, AdOutcome>()
    list.ads.forEach((ad, place) => {
      if (ad < 0) return
      ads.set(ad, { price: prices[index][slots[place]], clicks: clicks.map((judged) => judged[index][place]) })
    })
    return { ads }
  })
}
