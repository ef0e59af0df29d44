// A mechanism as an audit sees it: what an ad gets and pays under bids of its choice, everything computed anew.

import type { Allocation, Allocator, AuctionRequest } from '../auction.ts'
import { slotOf } from '../chosen-list.ts'
import { askUnderBids, type BidQuestion } from '../payments/ask-under-bids.ts'
import type { PaymentInput } from '../payments/payment-rule.ts'

export interface Mechanism {
  readonly allocator: Allocator
  /** Price per click by slot of each chosen list; honours `PaymentInput.only`. */
  payments(inputs: readonly PaymentInput[]): Promise<readonly ArrayLike<number>[]>
  /**
   * Clicks by slot of each chosen list, as the judge expects them: a held-out model, or a simulator's truth. Absent: what
   * the mechanism itself expects.
   */
  clicks?(inputs: readonly PaymentInput[]): Promise<readonly ArrayLike<number>[]>
}

/** What one ad got. */
export interface Outcome {
  readonly listed: boolean
  /** Expected clicks of the page view; 0 where it is not listed. */
  readonly clicks: number
  /** Per click. */
  readonly price: number
}

const ownClicks = ({ allocation: { lists, chosen } }: PaymentInput): ArrayLike<number> =>
  lists.pCtr.subarray(chosen * lists.slots, (chosen + 1) * lists.slots)

async function judge(mechanism: Mechanism, inputs: readonly PaymentInput[]) {
  const prices = await mechanism.payments(inputs)
  const clicks = (await mechanism.clicks?.(inputs)) ?? inputs.map(ownClicks)
  return (index: number, ad: number): Outcome => {
    const { lists, chosen } = inputs[index].allocation
    const slot = slotOf(lists, chosen, ad)
    if (slot < 0) return { listed: false, clicks: 0, price: 0 }
    return { listed: true, clicks: clicks[index][slot], price: prices[index][slot] }
  }
}

/** The allocation under the bids as they are, and the outcome of every ad. */
export async function outcomesOf(
  mechanism: Mechanism,
  request: AuctionRequest,
): Promise<{ allocation: Allocation; outcomes: Outcome[] }> {
  const [allocation] = await mechanism.allocator.allocate([request])
  const outcomeOf = await judge(mechanism, [{ request, allocation }])
  return { allocation, outcomes: Array.from(request.ads, (_, ad) => outcomeOf(0, ad)) }
}

/** Outcome of the asking ad, by question. Questions about one page view are decoded in one batch. */
export async function outcomesUnder(mechanism: Mechanism, questions: readonly BidQuestion[]): Promise<Outcome[]> {
  const allocations = await askUnderBids(mechanism.allocator, questions)
  const inputs = questions.map(({ request, ad, bid }, index) => ({
    request: { ...request, bids: request.bids.with(ad, bid) },
    allocation: allocations[index],
    only: ad,
  }))
  const outcomeOf = await judge(mechanism, inputs)
  return questions.map(({ ad }, index) => outcomeOf(index, ad))
}
