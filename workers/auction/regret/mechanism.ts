// A mechanism as an audit sees it: what a bidder gets and pays under bids of its choice, everything computed anew.

import type { Allocation, Allocator, AuctionRequest } from '../auction.ts'
import { isListed, slotOf } from '../chosen-list.ts'
import type { PaymentInput } from '../payments/payment-rule.ts'
import type { Report } from './misreports.ts'

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

const nothing: Outcome = { listed: false, clicks: 0, price: 0 }

const ownClicks = ({ allocation: { lists, chosen } }: PaymentInput): ArrayLike<number> =>
  lists.pCtr.subarray(chosen * lists.slots, (chosen + 1) * lists.slots)

async function judge(mechanism: Mechanism, inputs: readonly PaymentInput[]) {
  const prices = await mechanism.payments(inputs)
  const clicks = (await mechanism.clicks?.(inputs)) ?? inputs.map(ownClicks)
  return (index: number, ad: number): Outcome => {
    const { lists, chosen } = inputs[index].allocation
    const slot = slotOf(lists, chosen, ad)
    return slot < 0 ? nothing : { listed: true, clicks: clicks[index][slot], price: prices[index][slot] }
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

/** What if these ads bid that, and all others as the request says? */
export interface ReportQuestion {
  readonly ads: readonly number[]
  readonly report: Report
}

/**
 * Outcomes of the asking ads, by question, decoded in one batch. Where none of them is listed nothing is priced or judged:
 * so it is with most questions of losers.
 */
export async function outcomesUnder(
  mechanism: Mechanism,
  request: AuctionRequest,
  questions: readonly ReportQuestion[],
): Promise<Outcome[][]> {
  const bids = questions.map(({ ads, report }) => {
    const changed = request.bids.slice()
    ads.forEach((ad, place) => {
      changed[ad] = report[place]
    })
    return changed
  })
  const allocations = await mechanism.allocator.underBids(request, bids)
  const listing = questions.map(({ ads }, index) => ads.filter((ad) => isListed(allocations[index], ad)))
  const asked = [...questions.keys()].filter((index) => listing[index].length > 0)
  const inputs = asked.map((index) => ({
    request: { ...request, bids: bids[index] },
    allocation: allocations[index],
    ...(listing[index].length === 1 ? { only: listing[index][0] } : {}),
  }))
  const outcomeOf = asked.length === 0 ? undefined : await judge(mechanism, inputs)
  const placeOf = new Map(asked.map((index, place) => [index, place]))
  return questions.map(({ ads }, index) => {
    const place = placeOf.get(index)
    return ads.map((ad) => (place === undefined ? nothing : (outcomeOf?.(place, ad) ?? nothing)))
  })
}
