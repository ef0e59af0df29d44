// Many questions to an allocator, "what if this ad bid that?", with those about one page view in one batch.

import type { Allocation, Allocator, AuctionRequest } from '../auction.ts'
import { withMultiplied } from '../bidder.ts'
import { sameView } from '../same-view.ts'

export interface BidQuestion {
  readonly request: AuctionRequest
  readonly ad: number
  /** In place of the ad's own; the others bid as the request says. */
  readonly bid: number
  /** Further ads of its bidder, whose bids rise and fall in the same proportion. */
  readonly along?: readonly number[]
}

/** Requests that differ in bids alone, which `Allocator.underBids` takes together. Compared by identity: cheap. */
export const differInBids = (a: AuctionRequest, b: AuctionRequest): boolean =>
  sameView(a, b) &&
  a.slots === b.slots &&
  a.constraints === b.constraints &&
  a.slotReserves === b.slotReserves &&
  a.adReserves === b.adReserves &&
  a.advertisers === b.advertisers

interface View {
  readonly request: AuctionRequest
  readonly questions: number[]
}

function groupByView(questions: readonly BidQuestion[]): View[] {
  const byHistory = new Map<Uint32Array, View[]>()
  questions.forEach(({ request }, index) => {
    const views = byHistory.get(request.history) ?? []
    const known = views.find((view) => differInBids(view.request, request))
    if (known !== undefined) known.questions.push(index)
    else byHistory.set(request.history, [...views, { request, questions: [index] }])
  })
  return [...byHistory.values()].flat()
}

const bidsOf = ({ request: { bids }, ad, bid, along = [] }: BidQuestion): Float64Array =>
  withMultiplied(bids, along, bids[ad] > 0 ? bid / bids[ad] : 1).with(ad, bid)

/** Answers in the order of the questions. */
export async function askUnderBids(allocator: Allocator, questions: readonly BidQuestion[]): Promise<Allocation[]> {
  const answers: Allocation[] = []
  const views = groupByView(questions).map(async (view) => {
    const bids = view.questions.map((index) => bidsOf(questions[index]))
    const allocations = await allocator.underBids(view.request, bids)
    view.questions.forEach((index, place) => {
      answers[index] = allocations[place]
    })
  })
  await Promise.all(views)
  return answers
}
