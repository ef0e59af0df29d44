/** What clicks and conversions are worth, and what is bid. */
import type { MarketSimulation } from '../../../../crds/market-simulation.ts'
import { Random } from '../../../tensor/random.ts'
import type { Categories } from './categories.ts'

export interface ItemValues {
  /** [items], value of a click if the item were an ad; not normalised. */
  readonly click: Float64Array
  /** [items], value of a conversion, mean conversions.meanValue. */
  readonly conversion: Float32Array
}

/**
 * Quantiles of what a line of a grocery receipt costs (completejourney `sales_value`, 75,000 transactions): 10, 25, 50,
 * 75, 90, 99 percent, between an assumed least and largest one.
 */
const receipt = {
  levels: [0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1],
  amounts: [0.4, 0.88, 1.29, 2, 3.49, 5.95, 20.21, 40],
}

/** How much of the order of conversion values follows that of click values. */
const CORRELATION = 0.7

/** Log-normal values of clicks by advertiser, top category and item; conversion values as receipts, dearer with them. */
export function drawValues(categories: Categories, { seed, values, conversions }: MarketSimulation): ItemValues {
  const normals = (role: string, count: number, sigmaPercent: number): Float64Array => {
    const random = new Random(seed, role, 'value')
    return Float64Array.from({ length: count }, () => (random.normal() * sigmaPercent) / 100)
  }
  const { advertiserOf, rootOf } = categories
  const ofAdvertiser = normals('advertiser', categories.advertisers.length, values.advertiserSigmaPercent)
  const ofRoot = normals('category', categories.roots.length, values.categorySigmaPercent)
  const ofItem = normals('item', advertiserOf.length, values.itemSigmaPercent)
  const logs = Float64Array.from(
    advertiserOf,
    (advertiser, item) => ofAdvertiser[advertiser] + (rootOf[item] < 0 ? 0 : ofRoot[rootOf[item]]) + ofItem[item],
  )
  const spread = deviation(logs)
  const own = normals('conversion', logs.length, 100)
  const order = logs.map(
    (log, item) => CORRELATION * (spread === 0 ? 0 : log / spread) + Math.sqrt(1 - CORRELATION ** 2) * own[item],
  )
  return { click: logs.map(Math.exp), conversion: receiptsInOrder(order, Number(conversions.meanValue)) }
}

function receiptsInOrder(order: Float64Array, mean: number): Float32Array {
  const ascending = Uint32Array.from(order, (_, item) => item).sort((a, b) => order[a] - order[b] || a - b)
  const amounts = new Float64Array(order.length)
  ascending.forEach((item, rank) => {
    amounts[item] = receiptAt((rank + 0.5) / order.length)
  })
  const total = amounts.reduce((sum, amount) => sum + amount, 0)
  return Float32Array.from(amounts, (amount) => (amount * mean * order.length) / total)
}

/** Between the quantiles, amounts grow by a constant factor. */
function receiptAt(level: number): number {
  const { levels, amounts } = receipt
  const above = levels.findIndex((other) => other >= level)
  const share = (level - levels[above - 1]) / (levels[above] - levels[above - 1])
  return amounts[above - 1] * (amounts[above] / amounts[above - 1]) ** share
}

function deviation(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
}

/** Bids of the ads of one request; undefined where they are the same for every request. */
export type RequestBids = (random: Random, ads: readonly number[]) => number[]

export interface Bids {
  /** [ads], undefined where only requests tell. */
  readonly fixed: Float64Array | undefined
  readonly ofRequest: RequestBids | undefined
}

export function bidsOf(values: Float64Array, { bids }: MarketSimulation): Bids {
  if (bids.strategy === 'Truthful') return { fixed: values, ofRequest: undefined }
  if (bids.strategy === 'Shaded') {
    const factor = 1 - (bids.shadePercent ?? 0) / 100
    return { fixed: values.map((value) => value * factor), ofRequest: undefined }
  }
  const prices = (bids.prices ?? []).map(Number)
  // The mean of the straight lines between them.
  const mean = prices.slice(1).reduce((sum, price, index) => sum + (price + prices[index]) / 2, 0) / (prices.length - 1)
  const draw = (random: Random): number => {
    const at = random.uniform() * (prices.length - 1)
    const below = Math.floor(at)
    return prices[below] + (at - below) * (prices[below + 1] - prices[below])
  }
  return {
    fixed: undefined,
    ofRequest: (random, ads) => ads.map((ad) => (values[ad] * draw(random)) / mean),
  }
}
