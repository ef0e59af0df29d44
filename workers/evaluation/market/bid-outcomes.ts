// What ads get and pay where bids are other than they are: allocation, choice of the list, prices and clicks anew.

import { listedAds } from '../../auction/chosen-list.ts'
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
  /** Ads that are listed, by their index in the request; of a vector that asks for some, those alone. */
  readonly ads: ReadonlyMap<number, AdOutcome>
}

const nothing: BidOutcome = { ads: new Map() }

/**
 * Outcomes under each vector of bids, in one batch over one encoded history. What is priced and judged is what somebody
 * asks for and is listed: most bids of most ads list nothing.
 * @param only the ads of each vector that are asked for; absent: all ads
 */
export async function outcomesUnder(
  mechanism: Mechanism,
  judges: readonly Judge[],
  { auction, user }: Pick<MarketRequest, 'auction' | 'user'>,
  bids: readonly Float64Array[],
  only?: readonly (readonly number[])[],
): Promise<BidOutcome[]> {
  const allocations = await mechanism.allocator.underBids(auction, bids)
  const outcomes: BidOutcome[] = bids.map(() => nothing)
  const asked = allocations.flatMap((allocation, index) => {
    const listed = listedAds(auction, allocation).map(({ ad }) => ad)
    const wanted = only === undefined ? listed : listed.filter((ad) => only[index].includes(ad))
    if (wanted.length === 0) return []
    const [first] = wanted
    return [
      {
        index,
        wanted: new Set(wanted),
        priced: {
          ...{ request: { ...auction, bids: bids[index] }, allocation },
          ...(only !== undefined && wanted.length === 1 ? { only: first } : {}),
        },
      },
    ]
  })
  if (asked.length === 0) return outcomes
  const prices = await mechanism.payments(asked.map(({ priced }) => priced))
  const shown = asked.map(({ priced: { request, allocation } }) => shownList(request, user, allocation))
  const lists = shown.map(({ list }) => list)
  const clicks: (readonly ArrayLike<number>[])[] = []
  for (const judge of judges) clicks.push((await judge.chances(lists)).map(({ click }) => click))
  asked.forEach(({ index, wanted }, row) => {
    const ads = new Map<number, AdOutcome>()
    const { list, slots } = shown[row]
    list.ads.forEach((ad, place) => {
      if (wanted.has(ad))
        ads.set(ad, { price: prices[row][slots[place]], clicks: clicks.map((judged) => judged[row][place]) })
    })
    outcomes[index] = { ads }
  })
  return outcomes
}
