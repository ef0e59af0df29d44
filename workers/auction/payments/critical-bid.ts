// Critical bids by bisection: the least bid with which an ad would still have been shown.

import { bidsAsOne } from '../bidder.ts'
import { isListed, reserveOf } from '../chosen-list.ts'
import { askUnderBids } from './ask-under-bids.ts'
import { PaymentError, type PaymentInput, type PaymentOptions, payers } from './payment-rule.ts'

/**
 * Bisects all ads of all inputs together, a fixed number of times, between the reserve and the bid. The answer is the
 * upper end: a bid at which the ad was seen in the list, at any slot.
 *
 * Where being listed is monotone in the own bid there is one threshold, found to within (bid - reserve) / 2^bisections.
 * Where it is not, the answer is one of the thresholds at or below the bid, not always the lowest: still no more than the
 * bid, but no truthful price exists there (Myerson). The price is the truthful one only where a click is worth as many
 * clicks at every slot; that a higher bid also moves an ad to a better slot, it does not charge for.
 *
 * Where the lists say that advertisers bid, all ads of one bid less together.
 *
 * An allocation that knows the thresholds is not asked.
 * @throws PaymentError without an allocator
 */
export async function criticalBids(inputs: readonly PaymentInput[], options: PaymentOptions): Promise<number[][]> {
  const unknown = inputs.filter(({ allocation }) => allocation.leastBids === undefined)
  const found = unknown.length === 0 ? [] : await bisected(unknown, options)
  const searched = new Map(unknown.map((input, index) => [input, found[index]]))
  return inputs.map(
    (input) => searched.get(input) ?? payers(input).map(({ slot }) => input.allocation.leastBids?.ofListing[slot] ?? 0),
  )
}

async function bisected(
  inputs: readonly PaymentInput[],
  { allocator, bisections = 20 }: PaymentOptions,
): Promise<number[][]> {
  if (allocator === undefined)
    throw new PaymentError('CriticalBid prices ask the allocator for other bids: hand over the allocator of the lists')
  const brackets = inputs.map((input) =>
    payers(input).map(({ slot, ad }) => {
      const { request, allocation } = input
      const bid = request.bids[ad]
      const isOwn = bidsAsOne(request, ad, allocation.lists.bidder)
      const along = [...request.ads.keys()].filter((other) => other !== ad && isOwn(other))
      return { request, ad, along, low: Math.min(bid, reserveOf(request, slot, ad)), high: bid }
    }),
  )
  const probe = async (open: (typeof brackets)[number], bidOf: (bracket: (typeof open)[number]) => number) => {
    const questions = open.map((bracket) => {
      const { request, ad, along } = bracket
      return { request, ad, along, bid: bidOf(bracket) }
    })
    const answers = await askUnderBids(allocator, questions)
    open.forEach((bracket, index) => {
      if (isListed(answers[index], bracket.ad)) bracket.high = questions[index].bid
      else bracket.low = questions[index].bid
    })
  }
  await probe(brackets.flat(), ({ low }) => low)
  const open = brackets.flat().filter(({ low, high }) => low < high)
  for (let round = 0; round < bisections && open.length > 0; round++)
    await probe(open, ({ low, high }) => (low + high) / 2)
  return brackets.map((ads) => ads.map(({ high }) => high))
}
