import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { audit, auditDefaults } from '../../../../workers/auction/regret/audit.ts'
import { type Judge, modelJudge } from '../../../../workers/evaluation/market/judge.ts'
import {
  appendRegrets,
  type RegretSearch,
  regretOf,
  regretTable,
} from '../../../../workers/evaluation/market/regret.ts'
import { psiHalfWidth, regretGroup } from '../../../../workers/evaluation/market/regret-metrics.ts'
import type { MarketRequest } from '../../../../workers/evaluation/market/requests.ts'
import { ratioHalfWidth } from '../../../../workers/evaluation/market/sampling-rule.ts'
import { columnOf } from '../../../../workers/evaluation/market/table.ts'
import { measureGroup } from '../../../../workers/evaluation/metric-group.ts'
import { Random } from '../../../../workers/tensor/random.ts'
import { auctionOf, firstPrice, flat, gsp, type Pricing, positionMechanism, vcg } from './position-auction.ts'

const options = { losers: 100, seed: 1 }

async function auditOf(pricing: Pricing, requests: readonly MarketRequest[], exposure = [1, 0.5]) {
  const table = regretTable(['Model'])
  const mechanism = positionMechanism(flat(exposure), pricing)
  for (const [place, request] of requests.entries())
    await appendRegrets(table, mechanism, [modelJudge], request, place, options)
  return table
}

const measures = (table: Awaited<ReturnType<typeof auditOf>>, requests: number, utilityFloor = 0) => {
  const clusters = Uint32Array.from({ length: requests }, (_, index) => index)
  const group = regretGroup(table, clusters, ['Model'], { utilityFloor, searched: false })
  const { metrics } = measureGroup(group, '', { samples: 2, seed: 1 })
  return Object.fromEntries(metrics.map(({ name, value }) => [name.replace('Model/', ''), value]))
}

describe('three ads of 10, 8 and 1 on slots of 1 and 0.5', () => {
  const request = auctionOf([10, 8, 1])

  test('GSP: the first would rather have the second slot at price 1', async () => {
    const table = await auditOf(gsp, [request])
    expect([...columnOf(table, 'listed')]).toEqual([1, 1, 0])
    expect([...columnOf(table, 'Model/utility')]).toEqual([2, 3.5, 0])
    expect([...columnOf(table, 'Model/regret')]).toEqual([2.5, 0, 0])
    expect([...columnOf(table, 'Model/valueClicks')]).toEqual([10, 4, 0])
    const found = measures(table, 1)
    expect(found.Psi).toBeCloseTo(2.5 / 2 / 2, 12)
    expect(found.PsiSum).toBeCloseTo(2.5 / 2, 12)
    expect(found.RelativeRegret).toBeCloseTo(2.5 / 10 / 2, 12)
    expect(found.RegretToUtility).toBeCloseTo(2.5 / 5.5, 12)
    expect(found.Regret).toBeCloseTo(2.5 / 3, 12)
    expect(found.RegretAbove1Percent).toBeCloseTo(1 / 3, 12)
    expect(found.MonotonicityViolations).toBe(0)
  })

  test('VCG: nobody would', async () => {
    const table = await auditOf(vcg, [request])
    expect([...columnOf(table, 'Model/utility')]).toEqual([5.5, 3.5, 0])
    expect(measures(table, 1)).toMatchObject({ Psi: 0, PsiSum: 0, Regret: 0, RegretAbove1Percent: 0 })
  })

  test('first price: no utility at the truth, so Ψ has nothing to divide by', async () => {
    const table = await auditOf(firstPrice, [request])
    const found = measures(table, 1)
    expect(found).not.toHaveProperty('Psi')
    expect(found.PsiDropped).toBe(1)
    expect(found.RelativeRegret).toBeGreaterThan(0.1)
  })

  test('a floor leaves out the winner whose margin is a fifth of its value', async () => {
    const table = await auditOf(gsp, [request])
    expect(measures(table, 1, 0.2)).toMatchObject({ PsiDropped: 0.5, Psi: 0, PsiSum: 0 })
    expect(measures(table, 1, 0.19)).toMatchObject({ PsiDropped: 0 })
  })
})

describe('values of U[0, 1] on slots of 1 and 0.5, by the figures of reference simulations', () => {
  const random = new Random('values')
  const requests = Array.from({ length: 1500 }, (_, index) =>
    auctionOf([random.uniform(), random.uniform(), random.uniform()], {}, index),
  )

  test.each<[string, Pricing, number]>([
    ['GSP', gsp, 0.0207],
    ['first price', firstPrice, 0.1193],
    ['VCG', vcg, 0],
  ])('%s has the regret of the ten multipliers', async (_, pricing, regret) => {
    const found = measures(await auditOf(pricing, requests), requests.length)
    expect(found.Regret).toBeGreaterThan(regret - 0.002)
    expect(found.Regret).toBeLessThan(regret + 0.002)
  })

  test('the ratio of sums is far below the mean of ratios, which the floor decides', async () => {
    const table = await auditOf(gsp, requests)
    const { RegretToUtility: ofSums, Psi: ofRatios } = measures(table, requests.length, 0.001)
    expect(ofSums).toBeGreaterThan(0.13)
    expect(ofSums).toBeLessThan(0.2)
    expect(ofRatios).toBeGreaterThan(3 * ofSums)
    expect(measures(table, requests.length, 0.3).Psi).toBeLessThan(ofRatios / 3)
  })
})

test('the half-width that an audit watches is that of the sums that Ψ is made of', async () => {
  const random = new Random('half-width')
  const requests = Array.from({ length: 60 }, (_, index) =>
    auctionOf([random.uniform(), random.uniform(), 0.1], {}, index),
  )
  const table = await auditOf(gsp, requests)
  const clusters = Uint32Array.from(requests, ({ index }) => index % 25)
  const { columns } = regretGroup(table, clusters, ['Model'], { utilityFloor: 0.05, searched: false })
  const [psi, pairs] = ['Model/psi', 'Model/pairs'].map((name) => columns.get(name) ?? new Float64Array())
  const width = psiHalfWidth(table, clusters, ['Model'], 0.05)
  expect(width).toBeGreaterThan(0)
  expect(width).toBeCloseTo(ratioHalfWidth(psi, pairs, clusters), 12)
})

test('an advertiser misreports for all of its ads, and its whole utility counts', async () => {
  // The second ad of 8 stands for a rival of the first only as long as every ad bids for itself.
  const request = auctionOf([10, 8, 1], { advertisers: Uint32Array.of(0, 0, 1) })
  const mechanism = positionMechanism(flat([1, 0.5]), gsp)
  const table = regretTable(['Model'])
  await appendRegrets(table, mechanism, [modelJudge], request, 0, { losers: 9, seed: 1, bidder: 'Advertiser' })
  expect([...columnOf(table, 'ad')]).toEqual([0, 2])
  expect([...columnOf(table, 'listed')]).toEqual([1, 0])
  expect(columnOf(table, 'Model/valueClicks')[0]).toBe(14)
  // (10 - 8) + (8 - 1) / 2; at 0.2 of both bids it pays 1.6 and 1.
  expect(columnOf(table, 'Model/utility')[0]).toBe(5.5)
  expect(columnOf(table, 'Model/regret')[0]).toBeCloseTo(10 - 1.6 + 3.5 - 5.5, 12)
})

describe('losers', () => {
  test('are drawn by seed, each standing for as many as were not', async () => {
    const request = auctionOf([10, 9, 5, 4, 3, 2, 1])
    const mechanism = positionMechanism(flat([1, 0.5]), gsp)
    const table = regretTable(['Model'])
    await appendRegrets(table, mechanism, [modelJudge], request, 0, { losers: 2, seed: 3 })
    expect([...columnOf(table, 'weight')]).toEqual([1, 1, 2.5, 2.5])
    const again = regretTable(['Model'])
    await appendRegrets(again, mechanism, [modelJudge], request, 0, { losers: 2, seed: 3 })
    expect(again).toEqual(table)
  })

  test('that could profit by a higher bid are found', async () => {
    // A rule that charges half of the bid, and so rewards whoever bids most.
    const half: Pricing = (market, request) => firstPrice(market, request).map((price) => price / 2)
    const table = await auditOf(half, [auctionOf([10, 8])], [1])
    expect([...columnOf(table, 'listed')]).toEqual([1, 0])
    // 8 bids 11.2, wins, and pays 5.6.
    expect(columnOf(table, 'Model/regret')[1]).toBeCloseTo(8 - 5.6, 9)
  })

  const halfAsOften: Judge = {
    name: 'Truth',
    chances: async (lists) =>
      lists.map(({ predicted }) => ({ click: Float64Array.from(predicted.click, (c) => c / 2) })),
  }

  test('a search is asked for the probed bidders alone, once for each judge, and its finds stand beside', async () => {
    const table = regretTable(['Model', 'Truth'])
    const asked: (readonly (readonly number[])[])[] = []
    const judged: (readonly number[])[] = []
    const mechanism = positionMechanism(flat([1, 0.5, 0.25, 0.1]), gsp)
    const search: RegretSearch = async ({ request, bidders }, clicks) => {
      asked.push(bidders)
      const [allocation] = await mechanism.allocator.allocate([request])
      judged.push(Array.from((await clicks([{ request, allocation }]))[0]))
      return bidders.map(([ad]) => ({ ad, regret: 3 + ad }))
    }
    const options = { losers: 0, seed: 1, search }
    await appendRegrets(table, mechanism, [modelJudge, halfAsOften], auctionOf([10, 8, 1]), 0, options)
    expect(asked).toEqual([
      [[0], [1], [2]],
      [[0], [1], [2]],
    ])
    // By slot, the last of which is empty.
    expect(judged).toEqual([
      [1, 0.5, 0.25, 0],
      [0.5, 0.25, 0.125, 0],
    ])
    expect([...columnOf(table, 'Truth/searchRegret')]).toEqual([3, 4, 5])
    const group = regretGroup(table, Uint32Array.of(0), ['Model', 'Truth'], { utilityFloor: 0, searched: true })
    const { metrics } = measureGroup(group, '', { samples: 2, seed: 1 })
    const found = (metric: string) => metrics.find(({ name }) => name === metric)?.value
    expect(found('Model/SearchRegret')).toBe(4)
    expect(found('Truth/SearchRegret')).toBe(4)
    // Half the clicks are half the utility.
    expect(found('Truth/SearchPsi')).toBeCloseTo(2 * (found('Model/SearchPsi') ?? Number.NaN), 12)
  })

  test('the search of an audit finds under each judge what the multipliers miss', async () => {
    // The first would rather have the second slot, where it pays 1: it has to bid below 8 and above 1.
    const mechanism = positionMechanism(flat([1, 0.5]), gsp)
    const search: RegretSearch = (searched, clicks) =>
      audit({ ...mechanism, clicks }, [searched], { ...auditDefaults, starts: 8 })
    const table = regretTable(['Model', 'Truth'])
    const options = { losers: 0, seed: 1, search }
    await appendRegrets(table, mechanism, [modelJudge, halfAsOften], auctionOf([10, 8, 1]), 0, options)
    expect(columnOf(table, 'Model/searchRegret')[0]).toBeCloseTo(2.5, 9)
    expect(columnOf(table, 'Truth/searchRegret')[0]).toBeCloseTo(1.25, 9)
    expect(columnOf(table, 'Truth/searchRegret')[1]).toBe(0)
  })
})

describe('the regret of an ad', () => {
  const outcomes = fc.array(
    fc.record({
      clicks: fc.double({ min: 0, max: 1, noNaN: true }),
      price: fc.double({ min: 0, max: 3, noNaN: true }),
    }),
    { minLength: 1, maxLength: 10 },
  )

  test('is never negative, and no outcome tried is better than utility and regret together', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.1, max: 3, noNaN: true }), outcomes, (value, all) => {
        const [own, ...under] = all
        const takings = ({ clicks, price }: typeof own) => ({
          utility: (value - price) * clicks,
          valueClicks: value * clicks,
        })
        const { utility, regret } = regretOf(takings(own), under.map(takings))
        expect(regret).toBeGreaterThanOrEqual(0)
        for (const { clicks, price } of under)
          expect((value - price) * clicks).toBeLessThanOrEqual(utility + regret + 1e-12)
      }),
    )
  })

  test('notes where a higher bid gets fewer clicks', () => {
    const own = { utility: 0, valueClicks: 0.5 }
    const at = (...clicks: number[]) => clicks.map((valueClicks) => ({ utility: 0, valueClicks }))
    expect(regretOf(own, at(0, 0.2, 0.2, 0.5)).violation).toBe(0)
    expect(regretOf(own, at(0, 0.5, 0.2)).violation).toBe(1)
    expect(regretOf(own, at(0.3, 0, 0.4)).violation).toBe(1)
  })
})
