// What ads get and pay where bids are other than they are: allocation, choice of the list, prices and clicks anew.

import type { Allocation, Allocator, AuctionRequest } from './auction.ts'
import { listedAds } from './chosen-list.ts'
import type { PaymentInput } from './payments/payment-rule.ts'

/** An allocation rule and a payment rule (M<A, P>), as audits and evaluations see them. */
export interface Mechanism {
  readonly allocator: Allocator
  /** Price per click by slot of each chosen list, 0 for organic items; honours `PaymentInput.only`. */
  payments(inputs: readonly PaymentInput[]): Promise<readonly ArrayLike<number>[]>
}

/** Clicks of the page view by slot of each chosen list, as somebody expects them. */
export type SlotClicks = (inputs: readonly PaymentInput[]) => Promise<readonly ArrayLike<number>[]>

/** As the mechanism itself expects them. */
export const ownClicks: SlotClicks = async (inputs) =>
  inputs.map(({ allocation: { lists, chosen } }) =>
    lists.pCtr.subarray(chosen * lists.slots, (chosen + 1) * lists.slots),
  )

export interface AdOutcome {
  /** Per click. */
  readonly price: number
  /** Expected clicks of the page view, by judge. */
  readonly clicks: readonly number[]
}

/** Of the ads that are asked for, those that are listed, by their index in the request. */
export type BidOutcome = ReadonlyMap<number, AdOutcome>

interface Asked {
  /** Absent: all ads are asked for. */
  readonly ads?: readonly number[]
}

/** What if bids were these? */
export interface BidQuestion extends Asked {
  readonly bids: Float64Array
}

export interface AllocatedList extends Asked {
  /** With the bids under which the list was allocated. */
  readonly request: AuctionRequest
  readonly allocation: Allocation
}

/** By question, in one batch over one encoded history. */
export async function outcomesUnder(
  mechanism: Mechanism,
  judges: readonly SlotClicks[],
  request: AuctionRequest,
  questions: readonly BidQuestion[],
): Promise<BidOutcome[]> {
  const allocations = await mechanism.allocator.underBids(
    request,
    questions.map(({ bids }) => bids),
  )
  const lists = questions.map(({ bids, ...asked }, index) => ({
    ...asked,
    request: { ...request, bids },
    allocation: allocations[index],
  }))
  return outcomesOf(mechanism, judges, lists)
}

/** By list. What is priced and judged is what somebody asks for and is listed: most bids of most ads list nothing. */
export async function outcomesOf(
  mechanism: Mechanism,
  judges: readonly SlotClicks[],
  lists: readonly AllocatedList[],
): Promise<BidOutcome[]> {
  const wanted = lists.map(({ request, allocation, ads }) =>
    listedAds(request, allocation).filter(({ ad }) => ads === undefined || ads.includes(ad)),
  )
  const rows = [...lists.keys()].filter((index) => wanted[index].length > 0)
  const outcomes: BidOutcome[] = lists.map(() => new Map())
  if (rows.length === 0) return outcomes
  const inputs = rows.map((index): PaymentInput => {
    const { request, allocation, ads } = lists[index]
    const [{ ad }, ...more] = wanted[index]
    return { request, allocation, ...(ads !== undefined && more.length === 0 ? { only: ad } : {}) }
  })
  const prices = await mechanism.payments(inputs)
  const clicks: (readonly ArrayLike<number>[])[] = []
  for (const judge of judges) clicks.push(await judge(inputs))
  rows.forEach((index, row) => {
    const outcomeAt = (slot: number): AdOutcome => ({
      price: prices[row][slot],
      clicks: clicks.map((judged) => judged[row][slot]),
    })
    outcomes[index] = new Map(wanted[index].map(({ ad, slot }) => [ad, outcomeAt(slot)]))
  })
  return outcomes
}
