// Auctions whose prices, revenue and regret are known: closed forms, an independent simulation, theory.

import type { PaymentRule } from '../../crds/auction-terms.ts'
import type { Allocator, AuctionRequest } from '../../workers/auction/auction.ts'
import { unconstrained } from '../../workers/auction/auction.ts'
import type { Mechanism } from '../../workers/auction/bid-outcomes.ts'
import { payments } from '../../workers/auction/payments/payments.ts'
import {
  firstPricePositions,
  gspPositions,
  type Position,
  type PositionAuction,
  rankAds,
  vcgPositions,
} from '../../workers/auction/payments/position-auction.ts'
import { rankingAllocator } from '../../workers/auction/ranking-allocator.ts'
import { type AuditRow, audit, auditDefaults } from '../../workers/auction/regret/audit.ts'
import { summarize } from '../../workers/auction/regret/summary.ts'
import { Random } from '../../workers/tensor/random.ts'
import type { Row } from '../harness/benchmark.ts'
import { estimateMean } from '../harness/statistics.ts'

const requestOf = (bids: ArrayLike<number>, slots: number, reserve = 0): AuctionRequest => ({
  history: new Uint32Array(0),
  ads: Uint32Array.from({ length: bids.length }, (_, ad) => ad),
  bids: Float64Array.from(bids),
  advertisers: Uint32Array.from({ length: bids.length }, (_, ad) => ad),
  organic: new Uint32Array(0),
  slots,
  constraints: unconstrained,
  slotReserves: new Float64Array(slots).fill(reserve),
})

const uniforms = (random: Random, count: number): number[] => Array.from({ length: count }, () => random.uniform())

/** Greatest distance of a price from its closed form, over random position auctions. */
export async function closedFormRows(auctions: number): Promise<Row[]> {
  const closedForms = {
    FirstPrice: firstPricePositions,
    GSP: gspPositions,
    VCG: vcgPositions,
    CriticalBid: criticalPositions,
  } as const
  const rows: Row[] = []
  for (const rule of ['FirstPrice', 'GSP', 'VCG', 'CriticalBid'] as const) {
    const random = new Random(3, 'position auctions')
    let greatest = 0
    for (let index = 0; index < auctions; index++) {
      const [ads, slots] = [1 + random.below(8), 1 + random.below(5)]
      const auction: PositionAuction = {
        bids: uniforms(random, ads),
        qualities: uniforms(random, ads).map((each) => 0.05 + each),
        exposure: uniforms(random, slots)
          .map((each) => 0.1 + 0.9 * each)
          .sort((a, b) => b - a),
      }
      const prices = await pricesOf(rule, auction)
      closedForms[rule](auction).forEach(({ price }, slot) => {
        greatest = Math.max(greatest, Math.abs(prices[slot] - price))
      })
    }
    rows.push({
      row: `${auctions} position auctions, ${rule}`,
      metric: 'greatest error of a price',
      value: greatest,
      unit: '',
    })
  }
  return rows
}

/** Everybody shown pays the score of the first who is not, by the own q. */
const criticalPositions = (auction: PositionAuction): Position[] => {
  const { bids, qualities, exposure } = auction
  const ranked = rankAds(auction)
  const unshown = ranked[exposure.length]
  const threshold = unshown === undefined ? 0 : bids[unshown] * qualities[unshown]
  return ranked.slice(0, exposure.length).map((ad) => ({ ad, clicks: 1, price: threshold / qualities[ad] }))
}

async function pricesOf(rule: PaymentRule, { bids, qualities, exposure }: PositionAuction): Promise<Float64Array> {
  const allocator = rankingAllocator({ quality: () => qualities, exposure })
  const request = requestOf(bids, exposure.length)
  const [allocation] = await allocator.allocate([request])
  const options = { allocator, exposure: Float64Array.from(exposure), bisections: 40 }
  const [prices] = await payments(rule, [{ request, allocation }], options)
  return prices
}

const unitQualities = (exposure: readonly number[]): Allocator =>
  rankingAllocator({ quality: ({ ads }) => new Float64Array(ads.length).fill(1), exposure })

/** Revenue of VCG without and with the reserve 1/2, values U[0,1]; additive items are auctions of their own. */
export async function revenueRows(draws: number): Promise<Row[]> {
  const allocator = unitQualities([1])
  const known = [
    { bidders: 2, items: 1, vcg: 1 / 3, myerson: 5 / 12 },
    { bidders: 3, items: 1, vcg: 1 / 2, myerson: 17 / 32 },
    { bidders: 2, items: 2, vcg: 2 / 3, myerson: 5 / 6 },
    { bidders: 5, items: 10, vcg: 6.667, myerson: 6.719 },
  ]
  const rows: Row[] = []
  for (const { bidders, items, vcg, myerson } of known)
    for (const [rule, reserve, peerValue] of [
      ['VCG', 0, vcg],
      ['item-wise Myerson', 0.5, myerson],
    ] as const) {
      const random = new Random(4, 'values', bidders, items)
      const revenues: number[] = []
      for (let draw = 0; draw < draws; draw++) {
        const requests = Array.from({ length: items }, () => requestOf(uniforms(random, bidders), 1, reserve))
        const allocations = await allocator.allocate(requests)
        const inputs = requests.map((request, item) => ({ request, allocation: allocations[item] }))
        const prices = await payments('VCG', inputs, { allocator })
        revenues.push(prices.reduce((sum, [price]) => sum + price, 0))
      }
      const peer = 'theory'
      const row = `${bidders} bidders, ${items} items, ${rule}`
      const revenue = estimateMean(revenues)
      rows.push({ row, metric: 'revenue', unit: '', ...revenue, peer, peerValue, ratio: revenue.value / peerValue })
    }
  return rows
}

const regretTable = [
  {
    exposure: [1],
    ads: 2,
    revenue: { VCG: 0.3334, GSP: 0.3334, FirstPrice: 0.6664 },
    gsp: [0, 0, 0],
    first: [0.1665, 0.1332],
  },
  {
    exposure: [1, 0.5],
    ads: 3,
    revenue: { VCG: 0.5001, GSP: 0.6251, FirstPrice: 1 },
    gsp: [0.0208, 0.0207, 0.167],
    first: [0.1458, 0.1193],
  },
  {
    exposure: [1, 0.8, 0.6],
    ads: 5,
    revenue: { VCG: 0.9338, GSP: 1.2671, FirstPrice: 1.667 },
    gsp: [0.0471, 0.0462, 0.589],
    first: [0.1271, 0.1034],
  },
] as const

/** The audit on truthful position auctions, values U[0,1] and q = 1, beside an independent simulation. */
export async function regretRows(draws: number): Promise<Row[]> {
  const rows: Row[] = []
  for (const { exposure, ads, revenue, gsp, first } of regretTable) {
    const expected = { VCG: [0, 0, 0], GSP: gsp, FirstPrice: first } as const
    for (const rule of ['VCG', 'GSP', 'FirstPrice'] as const) {
      const found = await auditTruthful(rule, exposure, ads, draws)
      const { regret, publishedRegret, regretToUtility } = summarize(found, {
        utilityFloor: 0.001,
        samples: 500,
        seed: 1,
      })
      const row = `${ads} bidders, slots ${exposure.join(' ')}, ${rule}`
      const beside = (
        metric: string,
        estimate: { mean: number; low: number; high: number },
        peerValue?: number,
      ): Row => {
        const { mean: value, low, high } = estimate
        const peer = peerValue === undefined ? {} : { peer: 'independent simulation', peerValue }
        return { row, metric, unit: '', value, low, high, ...peer }
      }
      const { value, low = value, high = value } = estimateMean(revenueByRequest(found, draws))
      const [exact, published, ratio] = expected[rule]
      rows.push(
        beside('revenue', { mean: value, low, high }, revenue[rule]),
        beside('regret', regret.mean, exact),
        beside('regret, published ten multipliers', publishedRegret, published),
        // Truthful bidders of a first-price auction have no utility.
        ...(rule === 'FirstPrice' ? [] : [beside('Σ regret / Σ utility', regretToUtility, ratio)]),
      )
    }
  }
  return rows
}

async function auditTruthful(
  rule: PaymentRule,
  exposure: readonly number[],
  ads: number,
  draws: number,
): Promise<AuditRow[]> {
  const allocator = unitQualities(exposure)
  const exposures = Float64Array.from(exposure)
  const mechanism: Mechanism = {
    allocator,
    payments: (inputs) => payments(rule, inputs, { allocator, exposure: exposures }),
  }
  const random = new Random(5, 'values', ads)
  const cases = Array.from({ length: draws }, () => ({ request: requestOf(uniforms(random, ads), exposure.length) }))
  // The ties with rivals are exact here; more of the search would cost time and find nothing.
  return audit(mechanism, cases, {
    ...auditDefaults,
    exposure: exposures,
    multipliers: [],
    starts: 8,
    climbs: 0,
    refined: 0,
  })
}

function revenueByRequest(rows: readonly AuditRow[], requests: number): number[] {
  const revenue = new Array<number>(requests).fill(0)
  for (const { request, clicks, price } of rows) revenue[request] += clicks * price
  return revenue
}
