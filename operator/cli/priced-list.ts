import type { RankAnswer, RankEntry } from '../../crds/rank.ts'

const headings = ['slot', 'item', 'advertiser', 'creative', 'pCTR', 'bid', 'pays', 'GSP', 'VCG']
/** Those up to here are words. */
const words = 4

/** The list of an auction that was explained: what a click on each ad costs, beside GSP and VCG on the same list. */
export function pricedLines({ entries, auction, timings }: RankAnswer): string[] {
  if (auction === undefined) return []
  const rows = [headings, ...entries.map(cellsOf)]
  const widths = headings.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const table = rows.map((row) =>
    row.map((cell, column) => {
      const width = widths[column] ?? 0
      return column < words ? cell.padEnd(width) : cell.padStart(width)
    }),
  )
  const { paymentRule, eligibleAds, listsConsidered, expectedRevenue } = auction
  const revenue = [
    [paymentRule, expectedRevenue],
    ['GSP', revenueOf(entries, (entry) => entry.explain?.gsp)],
    ['VCG', revenueOf(entries, (entry) => entry.explain?.vcg)],
  ] as const
  return [
    ...table.map((cells) => `  ${cells.join('  ')}`.trimEnd()),
    `  expected revenue of a view: ${revenue.map(([rule, amount]) => `${rule} ${amount.toFixed(4)}`).join(', ')}`,
    `  ${eligibleAds} eligible ads, ${listsConsidered} lists compared in ${timings.decodeMilliseconds.toFixed(0)} ms`,
  ]
}

function cellsOf({ position, item, ad, advertiser, creative, pCtr, bid, payment, explain }: RankEntry): string[] {
  const money = (amount: number | undefined) => amount?.toFixed(3) ?? ''
  const seller = ad === undefined ? 'organic' : (advertiser ?? 'one without a name')
  const prices = [bid, payment, explain?.gsp, explain?.vcg].map(money)
  return [String(position), item, seller, creative ?? '', pCtr?.toFixed(3) ?? '', ...prices]
}

const revenueOf = (entries: readonly RankEntry[], price: (entry: RankEntry) => number | undefined): number =>
  entries.reduce((sum, entry) => sum + (price(entry) ?? 0) * (entry.pCtr ?? 0), 0)
