import { describe, expect, test } from 'vitest'
import { unconstrained } from '../../../../workers/auction/auction.ts'
import { noUser } from '../../../../workers/data/market/market.ts'
import { type Judge, modelJudge, truthJudge } from '../../../../workers/evaluation/market/judge.ts'
import { outcomeGroup } from '../../../../workers/evaluation/market/outcome-metrics.ts'
import { appendOutcomes, clustersOf, outcomeTable } from '../../../../workers/evaluation/market/outcomes.ts'
import { columnOf, rowCount } from '../../../../workers/evaluation/market/table.ts'
import { compareGroups, measureGroup } from '../../../../workers/evaluation/metric-group.ts'
import { auctionOf, firstPrice, gsp, type Pricing, positionMechanism } from './position-auction.ts'

const market = { exposure: [1, 0.5, 0.25], quality: (item: number) => (item >= 100 ? 0.4 : 0.2) }
/** Clicks half as often as the model thinks; a conversion is worth 5. */
const truth: Judge = truthJudge({
  clicks: ({ items }) => {
    const click = Float64Array.from(items, (item, slot) => (market.exposure[slot] * market.quality(item)) / 2)
    return {
      click,
      creativeClick: click.map((chance) => chance / 4),
      conversion: new Float64Array(items.length).fill(0.2),
      conversionValue: new Float64Array(items.length).fill(5),
    }
  },
})
const judges = [modelJudge, truth]
const names = judges.map(({ name }) => name)
const organic = Uint32Array.of(100, 101)
const single = { ...unconstrained, maxAds: 1 }
const requests = [
  auctionOf([10, 8], { organic, slots: 3 }, 0),
  auctionOf([4, 2], { organic, slots: 3, constraints: single }, 1),
]
const clusters = Uint32Array.of(0, 1)

async function measured(pricing: Pricing) {
  const table = outcomeTable(names)
  await appendOutcomes(table, positionMechanism(market, pricing), judges, requests, 0)
  const group = outcomeGroup(table, clusters, names)
  const { metrics, unmeasured } = measureGroup(group, '', { samples: 50, seed: 1 })
  return { table, group, unmeasured, values: Object.fromEntries(metrics.map(({ name, value }) => [name, value])) }
}

describe('the lists of two requests', () => {
  test('are kept entry by entry', async () => {
    const { table } = await measured(gsp)
    expect(rowCount(table)).toBe(6)
    expect([...columnOf(table, 'ad')]).toEqual([0, 1, -1, 0, -1, -1])
    expect([...columnOf(table, 'payment')]).toEqual([8, 0, 0, 2, 0, 0])
    expect([...columnOf(table, 'item')]).toEqual([0, 1, 100, 0, 100, 101])
  })

  test('give money and clicks over all impressions, and over those of ads', async () => {
    const { values } = await measured(gsp)
    // First request: ads clicked 0.2 and 0.1, organic 0.1. Second: ad 0.2, organic 0.2 and 0.1.
    expect(values['Model/RPM']).toBeCloseTo((1000 * 2) / 6, 4)
    expect(values['Model/AdRPM']).toBeCloseTo((1000 * 2) / 3, 4)
    expect(values['Model/CTR']).toBeCloseTo(0.9 / 6, 6)
    expect(values['Model/AdCTR']).toBeCloseTo(0.5 / 3, 6)
    expect(values['Model/CreativeCTR']).toBeCloseTo(0.45 / 6, 6)
    expect(values['Model/Conversions']).toBeCloseTo(0.09 / 2, 6)
    // Values times clicks: 10 * 0.2 + 8 * 0.1 + 4 * 0.2.
    expect(values['Model/Welfare']).toBeCloseTo(3.6 / 2, 6)
    expect(values['Model/AdvertiserUtility']).toBeCloseTo((3.6 - 2) / 2, 6)
    expect(values['Model/ROI']).toBeCloseTo(3.6 / 2, 6)
    expect(values.AdsPerList).toBe(1.5)
    expect(values.OrganicShare).toBe(0.5)
    expect(values.IRViolations).toBe(0)
  })

  test('are put before the truth, which knows the value of conversions', async () => {
    const { values, unmeasured } = await measured(gsp)
    expect(values['Truth/RPM']).toBeCloseTo(values['Model/RPM'] / 2, 4)
    expect(values['Truth/CreativeCTR']).toBeCloseTo(values['Truth/CTR'] / 4, 6)
    expect(values['Truth/ConversionValue']).toBeCloseTo((0.45 * 0.2 * 5) / 2, 6)
    expect(unmeasured).toEqual(['Model/ConversionValue'])
    // Twice as many clicks are predicted as come: in every bin the gap is half of what is predicted.
    expect(values['Truth/ECE']).toBeCloseTo(0.45 / 6, 6)
    expect(values['Truth/ConversionECE']).toBeCloseTo(0.1, 6)
  })

  test('show a price above the bid, of an ad or of an organic item', async () => {
    const greedy: Pricing = (of, request) => firstPrice(of, request).map((price) => price * 1.01)
    expect((await measured(greedy)).values.IRViolations).toBe(0.5)
    const mechanism = positionMechanism(market, gsp)
    const table = outcomeTable(names)
    const charged = { ...mechanism, payments: async () => requests.map(() => [0, 0, 1]) }
    await appendOutcomes(table, charged, judges, requests, 0)
    const { metrics } = measureGroup(outcomeGroup(table, clusters, names), '', { samples: 2, seed: 1 })
    expect(metrics.find(({ name }) => name === 'IRViolations')?.value).toBeCloseTo(2 / 6, 12)
  })

  test('compare with another mechanism in pairs', async () => {
    const [ours, theirs] = [await measured(firstPrice), await measured(gsp)]
    const comparisons = compareGroups(ours.group, theirs.group, 'Champion', { samples: 50, seed: 1 })
    const rpm = comparisons.find(({ metric }) => metric === 'Model/RPM')
    expect(rpm?.difference.mean).toBeCloseTo((1000 * (2 + 0.8 + 0.8 - 2)) / 6, 4)
    const ctr = comparisons.find(({ metric }) => metric === 'Model/CTR')
    expect(ctr?.difference).toEqual({ mean: 0, low: 0, high: 0 })
  })
})

test('a mechanism that earns nothing has no return on spend', async () => {
  const free: Pricing = (of, request) => firstPrice(of, request).map(() => 0)
  const { unmeasured, values } = await measured(free)
  expect(unmeasured).toEqual(['Model/ConversionValue', 'Model/ROI', 'Truth/ROI'])
  expect(values['Model/RPM']).toBe(0)
})

test('requests of one user are drawn together, those of unknown users each by itself', () => {
  const requestOf = (index: number, user: number) => ({ index, user })
  expect([...clustersOf([requestOf(5, 2), requestOf(6, noUser), requestOf(7, 2), requestOf(8, noUser)], 10)]).toEqual([
    2, 16, 2, 18,
  ])
})
