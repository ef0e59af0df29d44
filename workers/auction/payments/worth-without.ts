import type { CandidateLists } from '../auction.ts'
import { slotOf } from '../chosen-list.ts'
import { bestForOthers } from '../pivot-price.ts'
import { askUnderBids } from './ask-under-bids.ts'
import { type PaymentInput, type PaymentOptions, payers } from './payment-rule.ts'

/**
 * By slot of each chosen list, the reward of what would be shown without the ad there: of the best candidate list without it,
 * or, where every list has it, of the best one that the allocator finds when the ad bids 0, which any list then has without
 * it. Where the lists say that advertisers bid, it is the best that all others get, were no ad of the ad's advertiser worth
 * anything.
 *
 * NaN for organic items and empty slots, and where every list has the ad and there is no allocator to ask.
 */
export async function worthWithout(
  inputs: readonly PaymentInput[],
  { allocator }: Pick<PaymentOptions, 'allocator'>,
): Promise<Float64Array[]> {
  const further = await Promise.all(inputs.map(({ allocation }) => allocation.withoutEach?.()))
  const unknown: { readonly input: PaymentInput; readonly ad: number; readonly set: (worth: number) => void }[] = []
  const found = inputs.map((input, index) => {
    const { request, allocation } = input
    const { lists } = allocation
    const bySlot = new Float64Array(lists.slots).fill(Number.NaN)
    for (const { slot, ad } of payers(input)) {
      const worth =
        lists.bidder === 'Advertiser' ? bestForOthers(request, lists, ad) : bestWithout([lists, further[index]], ad)
      if (worth !== undefined) bySlot[slot] = worth
      else unknown.push({ input, ad, set: (answer) => void bySlot.set([answer], slot) })
    }
    return bySlot
  })
  if (allocator === undefined) return found
  const answers = await askUnderBids(
    allocator,
    unknown.map(({ input: { request }, ad }) => ({ request, ad, bid: 0 })),
  )
  for (const [index, { set }] of unknown.entries()) set(Math.max(...answers[index].lists.reward))
  return found
}

/** Highest reward of a list without the ad; undefined where all have it. */
function bestWithout(all: readonly (CandidateLists | undefined)[], ad: number): number | undefined {
  let best: number | undefined
  for (const lists of all) {
    if (lists === undefined) continue
    for (let row = 0; row < lists.count; row++) {
      const reward = lists.reward[row]
      if ((best === undefined || reward > best) && slotOf(lists, row, ad) < 0) best = reward
    }
  }
  return best
}
