// Vickrey, Clarke, Groves on candidate lists: an ad pays what the others lose by its being there.

import type { CandidateLists } from '../auction.ts'
import { type ListedAd, slotOf } from '../chosen-list.ts'
import { pivotPrice } from '../pivot-price.ts'
import { askUnderBids } from './ask-under-bids.ts'
import { type PaymentInput, type PaymentOptions, payers } from './payment-rule.ts'

/**
 * Price per click of ad i: (welfare of the others in the best candidate list without i, less their welfare in the chosen
 * list) / pCTR of i. The welfare of a list is its reward, by which lists are compared, so that what the platform and the
 * organic items get out of it counts among the others'; theirs is the reward less b_i pCTR_i. On a fixed set of lists
 * this makes truth the best bid; a beam search that takes other lists under other bids leaves a gap, which the audit of
 * regret measures.
 *
 * Where every list has i, the allocator is asked once more with i's bid at 0: there the reward of any list is the welfare
 * of the others. Without an allocator i is taken out of the chosen list and the others keep their clicks: nobody loses,
 * and i pays its reserve.
 *
 * Where the lists say that advertisers bid, one pays what the others lose by all of its ads (`pivotPrice`).
 */
export async function vcgPrices(
  inputs: readonly PaymentInput[],
  { allocator, rewardUnit = 1 }: PaymentOptions,
): Promise<Float64Array[]> {
  const lost = inputs.map((input) => {
    const { lists, chosen } = input.allocation
    if (lists.bidder === 'Advertiser') return []
    return payers(input).map((listed) => ({
      listed,
      without: bestWithout(lists, listed.ad),
      chosen: lists.reward[chosen],
    }))
  })
  if (allocator !== undefined) {
    const everywhere = inputs.flatMap((input, index) =>
      lost[index].filter(({ without }) => without === undefined).map((entry) => ({ input, entry })),
    )
    const questions = everywhere.map(({ input, entry }) => ({ request: input.request, ad: entry.listed.ad, bid: 0 }))
    const answers = await askUnderBids(allocator, questions)
    everywhere.forEach(({ entry }, index) => {
      entry.without = Math.max(...answers[index].lists.reward)
    })
  }
  return inputs.map((input, index) => {
    const { request, allocation } = input
    if (allocation.lists.bidder === 'Advertiser')
      return Float64Array.from(payers(input), ({ ad }) => pivotPrice(request, allocation, ad))
    return Float64Array.from(lost[index], ({ listed, without, chosen }) => {
      const others = rewardUnit * chosen - request.bids[listed.ad] * listed.pCtr
      return without === undefined ? 0 : perClick(rewardUnit * without - others, listed)
    })
  })
}

const perClick = (payment: number, { pCtr }: ListedAd): number => (pCtr > 0 ? payment / pCtr : 0)

/** Highest reward of a list without the ad; undefined where all have it. */
function bestWithout(lists: CandidateLists, ad: number): number | undefined {
  let best: number | undefined
  for (let row = 0; row < lists.count; row++) {
    const reward = lists.reward[row]
    if ((best === undefined || reward > best) && slotOf(lists, row, ad) < 0) best = reward
  }
  return best
}
