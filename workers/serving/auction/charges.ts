// What an answer costs advertisers of the Dataset: at most, before it is known, and as it is expected to.

import type { Allocation, AuctionRequest } from '../../auction/auction.ts'
import type { Charge } from './auction-model.ts'
import { contentOf } from './lists.ts'

/**
 * Whatever list is chosen: each place that an advertiser may take is clicked, at its highest bid, as no payment exceeds
 * the bid.
 * @param known advertisers of the Dataset; those beyond have no budgets
 */
export function mostCharges({ bids, advertisers, slots, constraints }: AuctionRequest, known: number): Charge[] {
  const places = Math.min(slots, constraints.maxAds, constraints.maxPerAdvertiser)
  const ads = new Uint32Array(known)
  const highest = new Float64Array(known)
  for (let ad = 0; ad < bids.length; ad++) {
    const advertiser = advertisers[ad]
    if (advertiser >= known) continue
    ads[advertiser]++
    if (bids[ad] > highest[advertiser]) highest[advertiser] = bids[ad]
  }
  const charges: Charge[] = []
  for (let advertiser = 0; advertiser < known; advertiser++) {
    const amount = highest[advertiser] * Math.min(ads[advertiser], places)
    if (amount > 0) charges.push({ advertiser, amount })
  }
  return charges
}

/** Payment times pCTR of each ad of the list: clicks come later, and to another Pod perhaps. */
export function expectedCharges(
  { ads, advertisers }: AuctionRequest,
  { lists, chosen }: Allocation,
  payments: Float64Array,
  known: number,
): Charge[] {
  return contentOf(lists, chosen)
    .map(({ candidate, at }, slot) => ({ candidate, amount: payments[slot] * lists.pCtr[at] }))
    .filter(({ candidate }) => candidate < ads.length && advertisers[candidate] < known)
    .map(({ candidate, amount }) => ({ advertiser: advertisers[candidate], amount }))
}
