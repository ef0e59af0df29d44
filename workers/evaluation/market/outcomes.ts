// What a mechanism shows for each request, what it charges, and what the judges make of it: one row a filled slot.

import type { Mechanism } from '../../auction/bid-outcomes.ts'
import { noUser } from '../../data/market/market.ts'
import type { Judge, JudgeName, ListChances } from './judge.ts'
import type { MarketRequest } from './requests.ts'
import { shownList } from './shown-list.ts'
import { appendRow, emptyTable, type Table } from './table.ts'

/** Columns of an entry whoever judges it. `ad` is the index in `Market.ads`, -1 for an organic item. */
const factColumns = ['request', 'slot', 'item', 'ad', 'creative', 'bid', 'value', 'payment'] as const

/** What a judge says of an entry; NaN where it cannot tell. */
export const chanceColumns = ['click', 'creativeClick', 'conversion', 'conversionValue'] as const
export type ChanceColumn = (typeof chanceColumns)[number]

/** `Truth/click` is the chance of a click as the truth has it. */
export const judgedColumn = <C extends string>(judge: JudgeName, column: C): `${JudgeName}/${C}` => `${judge}/${column}`

/** An empty table of entries. `request` counts through the sample, not through the log. */
export const outcomeTable = (judges: readonly JudgeName[]): Table =>
  emptyTable([...factColumns, ...judges.flatMap((judge) => chanceColumns.map((column) => judgedColumn(judge, column)))])

/** Appends the lists of these requests; `first` is the place of the first of them in the sample. */
export async function appendOutcomes(
  table: Table,
  mechanism: Mechanism,
  judges: readonly Judge[],
  requests: readonly MarketRequest[],
  first: number,
): Promise<void> {
  const allocations = await mechanism.allocator.allocate(requests.map(({ auction }) => auction))
  const prices = await mechanism.payments(
    requests.map(({ auction }, index) => ({ request: auction, allocation: allocations[index] })),
  )
  const shown = requests.map(({ auction, user }, index) => shownList(auction, user, allocations[index]))
  const lists = shown.map(({ list }) => list)
  const judged: { name: JudgeName; chances: readonly ListChances[] }[] = []
  for (const judge of judges) judged.push({ name: judge.name, chances: await judge.chances(lists) })
  shown.forEach(({ list, slots }, index) => {
    const { auction, values, marketAds } = requests[index]
    slots.forEach((slot, place) => {
      const ad = list.ads[place]
      const money =
        ad < 0 ? { ad: -1, bid: 0, value: 0 } : { ad: marketAds[ad], bid: auction.bids[ad], value: values[ad] }
      appendRow(table, {
        request: first + index,
        slot,
        item: list.items[place],
        creative: list.creatives[place],
        payment: prices[index][slot],
        ...money,
        ...chancesAt(judged, index, place),
      })
    })
  })
}

function chancesAt(
  judged: readonly { readonly name: JudgeName; readonly chances: readonly ListChances[] }[],
  index: number,
  place: number,
): Record<string, number> {
  return Object.fromEntries(
    judged.flatMap(({ name, chances }) =>
      chanceColumns.map((column) => [judgedColumn(name, column), chances[index][column]?.[place] ?? Number.NaN]),
    ),
  )
}

/**
 * What is drawn together by the bootstrap: the user of each request, and a request of an unknown user by itself.
 */
export function clustersOf(requests: readonly Pick<MarketRequest, 'user' | 'index'>[], userCount: number): Uint32Array {
  return Uint32Array.from(requests, ({ user, index }) => (user === noUser ? userCount + index : user))
}
