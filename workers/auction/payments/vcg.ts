// Vickrey, Clarke, Groves on candidate lists: an ad pays what the others lose by its being there.

import type { ListedAd } from '../chosen-list.ts'
import { pivotPrice } from '../pivot-price.ts'
import { type PaymentInput, type PaymentOptions, payers } from './payment-rule.ts'
import { worthWithout } from './worth-without.ts'

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
export async function vcgPrices(inputs: readonly PaymentInput[], options: PaymentOptions): Promise<Float64Array[]> {
  const { rewardUnit = 1 } = options
  const without = options.worth ?? (await worthWithout(inputs, options))
  return inputs.map((input, index) => {
    const { request, allocation } = input
    const { lists, chosen } = allocation
    return Float64Array.from(payers(input), (listed) => {
      if (lists.bidder === 'Advertiser') return pivotPrice(request, allocation, listed.ad)
      const others = rewardUnit * lists.reward[chosen] - request.bids[listed.ad] * listed.pCtr
      const best = without[index][listed.slot]
      return Number.isNaN(best) ? 0 : perClick(rewardUnit * best - others, listed)
    })
  })
}

const perClick = (payment: number, { pCtr }: ListedAd): number => (pCtr > 0 ? payment / pCtr : 0)
