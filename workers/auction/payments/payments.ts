// What the ads of a shown list pay per click, by any of the rules, behind one function.

import type { PaymentRule } from '../../../crds/auction-terms.ts'
import { boundedPrice, type ListedAd } from '../chosen-list.ts'
import { criticalBids } from './critical-bid.ts'
import { gspPrice } from './gsp.ts'
import { PaymentError, type PaymentInput, type PaymentOptions, payers } from './payment-rule.ts'
import { vcgPrices } from './vcg.ts'

/**
 * Price per click by slot of each chosen list, in the unit of the bids: 0 for organic items and empty slots, else within
 * [reserve, bid].
 * @throws PaymentError where the rule lacks an allocator or the rates of a payment network
 */
export async function payments(
  rule: PaymentRule,
  inputs: readonly PaymentInput[],
  options: PaymentOptions = {},
): Promise<Float64Array[]> {
  const prices = await pricesByRule(rule, inputs, options)
  return inputs.map((input, index) => {
    const bySlot = new Float64Array(input.allocation.lists.slots)
    payers(input).forEach(({ slot, ad }, place) => {
      bySlot[slot] = boundedPrice(input.request, slot, ad, prices[index][place])
    })
    return bySlot
  })
}

/** Prices of `payers(input)`, in their order, not yet within reserve and bid. */
function pricesByRule(
  rule: PaymentRule,
  inputs: readonly PaymentInput[],
  options: PaymentOptions,
): Promise<ArrayLike<number>[]> | ArrayLike<number>[] {
  if (rule === 'CriticalBid') return criticalBids(inputs, options)
  if (rule === 'VCG') return vcgPrices(inputs, options)
  const price = { FirstPrice: firstPrice, GSP: gspPrice, PaymentNetwork: networkPrice }[rule]
  return inputs.map((input) => payers(input).map((listed) => price(input, listed, options)))
}

const firstPrice = ({ request }: PaymentInput, { ad }: ListedAd): number => request.bids[ad]

/** Rate of the network times bid (Eq. 26). */
function networkPrice({ request, allocation }: PaymentInput, { slot, ad }: ListedAd): number {
  const { paymentRate } = allocation
  if (paymentRate === undefined)
    throw new PaymentError('This model has no payment network: train the payment stage, or take another payment rule')
  return paymentRate[slot] * request.bids[ad]
}
