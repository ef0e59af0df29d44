// Money, clicks and calibration of the lists that a mechanism shows (EGA-V2, Sec. 5.1).
//
// Every rate is a ratio of sums over the sample. An impression is a filled slot, of an ad or an organic item: a mechanism
// that fills its lists with ads is to be seen as such. The paper does not say which impressions it counts, so the same
// over the impressions of ads alone stands beside, as AdRPM and AdCTR.

import type { GroupMetric, MeanOf, MetricGroup } from '../metric-group.ts'
import { calibrationBins, calibrationColumns } from './calibration.ts'
import type { JudgeName } from './judge.ts'
import { type ChanceColumn, judgedColumn } from './outcomes.ts'
import { columnOf, type Table } from './table.ts'

/** A price above the bid by more than what rounding to 32 bits makes of it. */
const chargesMoreThan = (bid: number, payment: number): boolean => payment > bid * (1 + 1e-6)

/** What of an entry is summed over the list of a request; `judged` reads what a judge says of it. */
interface Entry {
  readonly isAd: boolean
  readonly hasCreative: boolean
  readonly bid: number
  readonly value: number
  readonly payment: number
  judged(column: ChanceColumn): number
}

type Sums = Record<string, (entry: Entry) => number>

const factSums: Sums = {
  impressions: () => 1,
  adImpressions: ({ isAd }) => Number(isAd),
  creativeImpressions: ({ hasCreative }) => Number(hasCreative),
  overcharged: ({ bid, payment }) => Number(chargesMoreThan(bid, payment)),
}

const judgedSums: Sums = {
  clicks: ({ judged }) => judged('click'),
  adClicks: ({ isAd, judged }) => (isAd ? judged('click') : 0),
  creativeClicks: ({ hasCreative, judged }) => (hasCreative ? judged('creativeClick') : 0),
  revenue: ({ payment, judged }) => payment * judged('click'),
  adValue: ({ isAd, value, judged }) => (isAd ? value * judged('click') : 0),
  conversions: ({ judged }) => judged('click') * judged('conversion'),
  conversionValue: ({ judged }) => judged('click') * judged('conversion') * judged('conversionValue'),
}

type Values = Record<string, (mean: MeanOf) => number>

const factMetrics: Values = {
  AdsPerList: (mean) => mean('adImpressions'),
  OrganicShare: (mean) => 1 - mean('adImpressions') / mean('impressions'),
  IRViolations: (mean) => mean('overcharged') / mean('impressions'),
}

/** `mean` reads the sums of one judge, and the facts. */
const judgedMetrics: Values = {
  RPM: (mean) => (1000 * mean('revenue')) / mean('impressions'),
  AdRPM: (mean) => (1000 * mean('revenue')) / mean('adImpressions'),
  CTR: (mean) => mean('clicks') / mean('impressions'),
  AdCTR: (mean) => mean('adClicks') / mean('adImpressions'),
  CreativeCTR: (mean) => mean('creativeClicks') / mean('creativeImpressions'),
  Conversions: (mean) => mean('conversions'),
  ConversionValue: (mean) => mean('conversionValue'),
  AdvertiserUtility: (mean) => mean('adValue') - mean('revenue'),
  ROI: (mean) => mean('adValue') / mean('revenue'),
  Welfare: (mean) => mean('adValue'),
}

/** The lists of the first `clusters.length` requests, summed by request. */
export function outcomeGroup(table: Table, clusters: Uint32Array, judges: readonly JudgeName[]): MetricGroup {
  const columns = new Map<string, Float64Array>()
  const metrics: GroupMetric[] = []
  const requestOf = columnOf(table, 'request')
  const entries = entriesOf(table)
  const sum = (name: string, of: (entry: Entry) => number, judge: JudgeName | undefined): void => {
    const sums = new Float64Array(clusters.length)
    const view = entries(judge)
    requestOf.forEach((request, row) => {
      sums[request] += of(view(row))
    })
    columns.set(name, sums)
  }
  for (const [name, of] of Object.entries(factSums)) sum(name, of, undefined)
  for (const judge of judges) {
    for (const [name, of] of Object.entries(judgedSums)) sum(judgedColumn(judge, name), of, judge)
    for (const [name, value] of Object.entries(judgedMetrics)) {
      const read =
        (mean: MeanOf): MeanOf =>
        (column) =>
          mean(column in factSums ? column : judgedColumn(judge, column))
      metrics.push({ name: judgedColumn(judge, name), value: (mean) => value(read(mean)) })
    }
    if (judge !== 'Model') addCalibration({ columns, metrics }, table, { judge, requestOf, requests: clusters.length })
  }
  for (const [name, value] of Object.entries(factMetrics)) metrics.push({ name, value })
  return { clusters, columns, metrics }
}

/** Entries by row as a judge sees them. */
function entriesOf(table: Table) {
  const [ad, creative, bid, value, payment] = ['ad', 'creative', 'bid', 'value', 'payment'].map((name) =>
    columnOf(table, name),
  )
  return (judge: JudgeName | undefined) => {
    const known = new Map<ChanceColumn, Float64Array>()
    const chances = (column: ChanceColumn): Float64Array => {
      const found = known.get(column) ?? columnOf(table, judgedColumn(judge ?? 'Model', column))
      known.set(column, found)
      return found
    }
    return (row: number): Entry => ({
      isAd: ad[row] >= 0,
      hasCreative: creative[row] >= 0,
      bid: bid[row],
      value: value[row],
      payment: payment[row],
      judged: (column) => chances(column)[row],
    })
  }
}

interface Calibrated {
  readonly judge: JudgeName
  readonly requestOf: Float64Array
  readonly requests: number
}

/** The pCTR and pCVR that the mechanism chose its lists by, against another judge on the very lists that it chose. */
function addCalibration(
  group: { readonly columns: Map<string, Float64Array>; readonly metrics: GroupMetric[] },
  table: Table,
  { judge, requestOf, requests }: Calibrated,
): void {
  for (const [name, column] of [
    ['ECE', 'click'],
    ['ConversionECE', 'conversion'],
  ] as const) {
    const predicted = columnOf(table, judgedColumn('Model', column))
    const observed = columnOf(table, judgedColumn(judge, column))
    const metric = judgedColumn(judge, name)
    const parts = calibrationColumns({ predicted, observed }, requestOf, requests, calibrationBins)
    addCalibrationMetric(group, metric, parts)
  }
}

/** @param parts gaps by bin, then the number of pairs, by request */
export function addCalibrationMetric(
  { columns, metrics }: { readonly columns: Map<string, Float64Array>; readonly metrics: GroupMetric[] },
  name: string,
  parts: readonly Float64Array[],
): void {
  parts.forEach((part, index) => {
    columns.set(`${name}#${index}`, part)
  })
  const bins = Array.from({ length: parts.length - 1 }, (_, bin) => `${name}#${bin}`)
  const pairs = `${name}#${bins.length}`
  metrics.push({ name, value: (mean) => bins.reduce((sum, bin) => sum + Math.abs(mean(bin)), 0) / mean(pairs) })
}
