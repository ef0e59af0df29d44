import { describe, expect, test } from 'vitest'
import type { PaymentRule } from '../../../../crds/auction-terms.ts'
import type { Allocator } from '../../../../workers/auction/auction.ts'
import type { PaymentInput } from '../../../../workers/auction/payments/payment-rule.ts'
import { payments } from '../../../../workers/auction/payments/payments.ts'
import { revenueOf } from '../../../../workers/auction/payments/position-auction.ts'
import { rankingAllocator } from '../../../../workers/auction/ranking-allocator.ts'
import { type AuditedMechanism, audit, auditDefaults } from '../../../../workers/auction/regret/audit.ts'
import { summarize } from '../../../../workers/auction/regret/summary.ts'
import { Random } from '../../../../workers/tensor/random.ts'
import { requestOf, whimsicalAllocator } from '../support.ts'

const mechanismOf = (rule: PaymentRule, allocator: Allocator, exposure?: readonly number[]): AuditedMechanism => ({
  allocator,
  payments: (inputs) =>
    payments(rule, inputs, { allocator, ...(exposure ? { exposure: Float64Array.from(exposure) } : {}) }),
})

const positionMechanism = (rule: PaymentRule, exposure: readonly number[], ads: number): AuditedMechanism =>
  mechanismOf(rule, rankingAllocator({ quality: () => new Array<number>(ads).fill(1), exposure }), exposure)

const options = { ...auditDefaults, starts: 8, refined: 2, rounds: 6 }

describe('the example by hand: values 10, 8, 1 and slots 1, 0.5', () => {
  const rowsOf = (rule: PaymentRule) =>
    audit(positionMechanism(rule, [1, 0.5], 3), [{ request: requestOf([10, 8, 1], 2) }], options)

  test('GSP', async () => {
    const rows = await rowsOf('GSP')
    rows.forEach(({ utility }, ad) => {
      expect(utility).toBeCloseTo([2, 3.5, 0][ad], 5)
    })
    rows.forEach(({ regret }, ad) => {
      expect(regret).toBeCloseTo([2.5, 0, 0][ad], 5)
    })
    expect(rows[0].bestBid).toBeGreaterThan(1)
    expect(rows[0].bestBid).toBeLessThan(8)
    expect(rows[0].publishedRegret).toBeCloseTo(2.5, 5)
  })

  test('VCG', async () => {
    const rows = await rowsOf('VCG')
    rows.forEach(({ utility, regret }, ad) => {
      expect(utility).toBeCloseTo([5.5, 3.5, 0][ad], 5)
      expect(regret).toBeLessThan(1e-5)
    })
  })
})

/** Best reply to truthful rivals, q = 1: slot k costs the k-th highest rival, by GSP and by first price. */
const exactRegret = (values: readonly number[], exposure: readonly number[], ad: number, utility: number): number => {
  const rivals = values.filter((_, other) => other !== ad).sort((a, b) => b - a)
  const bySlot = exposure.map((share, slot) => share * (values[ad] - (rivals[slot] ?? 0)))
  return Math.max(0, ...bySlot) - utility
}

describe('values U[0,1], truthful bids: the numbers of an independent simulation', () => {
  const settings = [
    { exposure: [1], ads: 2, revenue: [0.3334, 0.3334, 0.6664], gsp: [0, 0], first: [0.1665, 0.1332], ratio: 0 },
    {
      exposure: [1, 0.5],
      ads: 3,
      revenue: [0.5001, 0.6251, 1],
      gsp: [0.0208, 0.0207],
      first: [0.1458, 0.1193],
      ratio: 0.167,
    },
    {
      exposure: [1, 0.8, 0.6],
      ads: 5,
      revenue: [0.9338, 1.2671, 1.667],
      gsp: [0.0471, 0.0462],
      first: [0.1271, 0.1034],
      ratio: 0.589,
    },
  ]
  const draws = 150

  for (const { exposure, ads, revenue, gsp, first, ratio } of settings)
    test(`${ads} bidders, slots ${exposure.join(', ')}`, async () => {
      const random = new Random(11, 'values', ads)
      const profiles = Array.from({ length: draws }, () => Array.from({ length: ads }, () => random.uniform()))
      const cases = profiles.map((values) => ({ request: requestOf(values, exposure.length) }))
      const run = async (rule: PaymentRule) => {
        const rows = await audit(positionMechanism(rule, exposure, ads), cases, {
          ...auditDefaults,
          multipliers: [0.5, 1.5],
          exposure: Float64Array.from(exposure),
          starts: 4,
          climbs: 0,
          refined: 0,
        })
        return { rows, ...summarize(rows, { utilityFloor: 0.001, samples: 200, seed: 1 }) }
      }
      const [byVcg, byGsp, byFirst] = [await run('VCG'), await run('GSP'), await run('FirstPrice')]

      for (const { rows } of [byGsp, byFirst])
        for (const row of rows) {
          const exact = exactRegret(profiles[row.request], exposure, row.ad, row.utility)
          expect(Math.abs(row.regret - exact)).toBeLessThan(5e-5)
        }
      expect(byVcg.regret.max).toBeLessThan(1e-6)
      expect(byVcg.psi.mean.mean).toBeLessThan(1e-4)

      const within = (found: { low: number; high: number }, expected: number, times = 1.7) => {
        const [middle, half] = [(found.low + found.high) / 2, (found.high - found.low) / 2 + 1e-6]
        expect(Math.abs(middle - expected)).toBeLessThan(times * half)
      }
      within(byGsp.regret.mean, gsp[0])
      within(byGsp.publishedRegret, gsp[1])
      within(byFirst.regret.mean, first[0])
      within(byFirst.publishedRegret, first[1])
      within(byGsp.regretToUtility, ratio)
      const revenues = [byVcg, byGsp, byFirst].map(({ rows }) => revenueOf(rows) / draws)
      revenues.forEach((found, rule) => {
        // Standard deviation of a page view's revenue below 0.5.
        expect(Math.abs(found - revenue[rule])).toBeLessThan((3 * 0.5) / Math.sqrt(draws))
      })
      for (const { irViolations, listingViolations, clickViolations } of [byVcg, byGsp, byFirst])
        expect([irViolations, listingViolations, clickViolations]).toEqual([0, 0, 0])
    })

  test('Ψ of winners is far from the ratio of sums', async () => {
    const random = new Random(12, 'values')
    const cases = Array.from({ length: 400 }, () => ({
      request: requestOf([random.uniform(), random.uniform(), random.uniform()], 2),
    }))
    const rows = await audit(positionMechanism('GSP', [1, 0.5], 3), cases, {
      ...options,
      multipliers: [],
      starts: 0,
      climbs: 0,
      refined: 0,
    })
    const { psi, regretToUtility } = summarize(rows, { utilityFloor: 0.001, samples: 200, seed: 1 })
    expect(psi.kept + psi.dropped).toBe(800)
    expect(psi.sum.mean).toBeCloseTo((psi.mean.mean * psi.kept) / 400, 9)
    const expected = { psi: 1.07, ratio: 0.167 }
    expect(psi.mean.low).toBeLessThan(expected.psi)
    expect(psi.mean.high).toBeGreaterThan(expected.psi)
    expect(psi.mean.low).toBeGreaterThan(3 * regretToUtility.high)
  })
})

describe('what an audit counts', () => {
  test('prices above bids', async () => {
    const allocator = rankingAllocator({ quality: () => [1], exposure: [1] })
    const greedy: AuditedMechanism = { allocator, payments: async (inputs) => inputs.map(() => [1.5]) }
    const [row] = await audit(greedy, [{ request: requestOf([1], 1) }], options)
    expect(row.irViolations).toBeGreaterThan(10)
    expect(row.utility).toBe(-0.5)
  })

  test('allocations that fall in the own bid', async () => {
    const rows = await audit(
      mechanismOf('FirstPrice', whimsicalAllocator(3)),
      [{ request: requestOf([1, 1, 1], 2) }],
      options,
    )
    expect(rows.every(({ listingViolation }) => listingViolation)).toBe(true)
    expect(rows.every(({ clickViolation }) => clickViolation)).toBe(true)
  })

  test('no falling where bids and values of several ads are not in proportion', async () => {
    const allocator = rankingAllocator({ quality: () => [1, 1, 1], exposure: [1] })
    for (const [bids, values] of [
      [
        [0, 2, 1],
        [0, 2, 1],
      ],
      [
        [0.5, 2, 1],
        [2, 0.5, 1],
      ],
    ]) {
      const request = requestOf(bids, 1)
      const asked = { request, values: Float64Array.from(values), bidders: [[0, 1]] }
      const [row] = await audit(mechanismOf('VCG', allocator), [asked], options)
      expect([row.listingViolation, row.clickViolation]).toEqual([false, false])
    }
  })

  test('losers who could gain by bidding more than their value', async () => {
    // One slot at half of the own bid: the loser of 1 wins at 2.01 bids by 1.005, above its value, but 1.5 wins nothing.
    const allocator = rankingAllocator({ quality: () => [1, 1], exposure: [1] })
    const half: AuditedMechanism = {
      allocator,
      payments: async (inputs) =>
        inputs.map(({ request, allocation }) => [request.bids[allocation.lists.candidate[0]] / 2]),
    }
    const [, loser] = await audit(half, [{ request: requestOf([1.5, 1], 1) }], options)
    expect(loser.listed).toBe(false)
    expect(loser.regret).toBeCloseTo(0.25, 4)
    expect(loser.bestBid).toBeCloseTo(1.5, 4)
  })

  test('clicks as the judge expects them, not the mechanism', async () => {
    const mechanism = positionMechanism('FirstPrice', [1], 2)
    const judged: AuditedMechanism = { ...mechanism, clicks: async (inputs) => inputs.map(() => [0.25]) }
    const request = { ...requestOf([2, 1], 1) }
    const [row] = await audit(judged, [{ request, values: Float64Array.of(4, 1) }], options)
    expect([row.clicks, row.utility]).toEqual([0.25, 0.5])
    expect(row.regret).toBeCloseTo(0.25, 4)
  })

  test('only the bidders that are asked about, and the same again in other batches', async () => {
    const mechanism = positionMechanism('GSP', [1, 0.5], 3)
    const cases = [{ request: requestOf([10, 8, 1], 2), bidders: [[2], [0]] }]
    const first = await audit(mechanism, cases, options)
    expect(first.map(({ ad }) => ad)).toEqual([2, 0])
    expect(await audit(mechanism, cases, { ...options, batch: 7 })).toEqual(first)
  })
})

describe('an advertiser that bids for two ads', () => {
  const rivals = [1, 0.05]
  const values = Float64Array.of(1, 1)
  /** Clicks by share of the bids at each ad, paid at the bid: smooth, and best answered by another share for each ad. */
  const shares: AuditedMechanism = {
    allocator: rankingAllocator({ quality: () => [1, 1], exposure: [1, 1] }),
    payments: async (inputs) => inputs.map(bidsBySlot),
    clicks: async (inputs) =>
      inputs.map((input) => {
        const { candidate } = input.allocation.lists
        return bidsBySlot(input).map((bid, slot) => bid / (bid + rivals[candidate[slot]]))
      }),
  }
  const bidsBySlot = ({ request, allocation: { lists } }: PaymentInput): number[] =>
    Array.from(lists.candidate.subarray(0, 2), (ad) => request.bids[ad])
  /** (1 - b) b / (b + R) is greatest at b = sqrt(R² + R) - R. */
  const exact = rivals.map((rival) => {
    const bid = Math.sqrt(rival * rival + rival) - rival
    return ((1 - bid) * bid) / (bid + rival)
  })
  const nothingBut = { ...auditDefaults, multipliers: [], rivals: 0, starts: 0, climbs: 0, refined: 0 }
  const cases = [{ request: requestOf([1, 1], 2), values, bidders: [[0, 1]] }]
  const best = exact[0] + exact[1]

  test.each([
    ['gradients', { climbs: 4, steps: 40 }],
    ['random reports', { starts: 2000 }],
    ['random reports and a pattern search', { starts: 200, refined: 4, rounds: 12 }],
  ])('%s find what no multiple of both bids has', async (_, budget) => {
    const [row] = await audit(shares, cases, { ...nothingBut, ...budget })
    expect(row.utility).toBe(0)
    expect(row.publishedRegret).toBeLessThan(best - 0.02)
    expect(row.regret).toBeGreaterThan(best - 0.005)
    expect(row.regret).toBeLessThanOrEqual(best + 1e-12)
  })

  test('counts what all its ads gain and lose', async () => {
    // Both are listed; by GSP the first pays the bid of the second, the second nothing.
    const [row] = await audit(positionMechanism('GSP', [1, 0.5], 2), [
      { request: requestOf([10, 8], 2), bidders: [[0, 1]] },
    ])
    expect(row).toMatchObject({ ad: 0, bid: 10, listed: true, clicks: 1.5, utility: 2 + 4, valueClicks: 14 })
    expect(row.price).toBeCloseTo(8 / 1.5, 12)
    // A lower bid for the second costs the first less.
    expect(row.regret).toBeCloseTo(8, 1)
  })

  test('gradients lead over steps as well', async () => {
    // The first would rather have the second slot: it has to bid below 8 and above 1.
    const [row] = await audit(positionMechanism('GSP', [1, 0.5], 3), [{ request: requestOf([10, 8, 1], 2) }], {
      ...nothingBut,
      climbs: 4,
      steps: 12,
    })
    expect(row.regret).toBeCloseTo(2.5, 9)
  })

  test('the same again with the same seed, something else with another', async () => {
    const budget = { ...nothingBut, climbs: 2, steps: 3 }
    const [first] = await audit(shares, cases, budget)
    expect(await audit(shares, cases, { ...budget, batch: 3 })).toEqual([first])
    expect((await audit(shares, cases, { ...budget, seed: 2 }))[0].regret).not.toBe(first.regret)
  })
})
