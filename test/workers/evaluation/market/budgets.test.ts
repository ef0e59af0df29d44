import { describe, expect, test } from 'vitest'
import { type PacingMethod, pacingMethods } from '../../../../workers/auction/pacing.ts'
import type { Market } from '../../../../workers/data/market/market.ts'
import { type BudgetOptions, BudgetReplay, budgetOutcome } from '../../../../workers/evaluation/market/budgets.ts'
import { modelJudge } from '../../../../workers/evaluation/market/judge.ts'
import { measureMechanism, progressStart } from '../../../../workers/evaluation/market/measure.ts'
import { clustersOf } from '../../../../workers/evaluation/market/outcomes.ts'
import type { MarketRequest } from '../../../../workers/evaluation/market/requests.ts'
import { appendRow, columnOf, type Table } from '../../../../workers/evaluation/market/table.ts'
import { smallMarket } from '../../processors/small-market.ts'
import { firstPrice, positionMechanism } from './position-auction.ts'

const none = Number.POSITIVE_INFINITY
const market = smallMarket(40)
const constraints = { maxAds: 2, minGap: 0, maxPerAdvertiser: none }

/** One ad of each advertiser, of value 3, 2 and 1, and one organic item. */
function requestAt(index: number): MarketRequest {
  const marketAds = Uint32Array.of(0, 1, 2)
  const values = Float64Array.of(3, 2, 1)
  const auction = {
    history: new Uint32Array(),
    ads: marketAds,
    bids: values,
    advertisers: Uint32Array.of(0, 1, 2),
    organic: Uint32Array.of(9),
    slots: 2,
    constraints,
  }
  return { index, user: index, auction, marketAds, values }
}

/** A click is as likely in either slot, and costs the bid. */
const mechanism = positionMechanism({ exposure: [1, 1], quality: () => 0.5 }, firstPrice)

const judges = [modelJudge]
const audit = { maxRequests: 0, minRequests: 1, halfWidth: 0.1, checkEvery: 10 }

async function measure(
  requests: readonly MarketRequest[],
  budgets: BudgetOptions | undefined,
  of: Market = market,
  { audited = 0, progress = progressStart(judges) } = {},
) {
  const shown: number[] = []
  const options = { losers: 9, seed: 1, utilityFloor: 0.01, budgets, sampling: { ...audit, maxRequests: audited } }
  const subject = { mechanism, judges, market: of, requests, clusters: clustersOf(requests, 100) }
  await measureMechanism(subject, progress, options, {
    report: async (_phase, step) => void shown.push(step),
    settled: async () => {},
  })
  return { progress, shown }
}

const spentBy = (outcomes: Table, ad: number): number => {
  const [ads, payment, click] = ['ad', 'payment', 'Model/click'].map((name) => columnOf(outcomes, name))
  return ads.reduce((sum, each, row) => sum + (each === ad ? payment[row] * click[row] : 0), 0)
}
const requests = Array.from({ length: 40 }, (_, index) => requestAt(index))
const options = (pacing: PacingMethod, ...budget: number[]): BudgetOptions => ({
  pacing,
  budget: Float64Array.from(budget),
})

describe('requests under budgets', () => {
  test.each(pacingMethods)('spend them by less than one list beyond, with %s', async (pacing) => {
    const budgets = options(pacing, 9.1, 20, none)
    const { progress } = await measure(requests, budgets)
    const spent = [0, 1, 2].map((ad) => spentBy(progress.outcomes, ad))
    expect(spent[0]).toBeGreaterThan(5)
    expect(spent[0]).toBeLessThan(9.1 + 1.5)
    expect(spent[1]).toBeLessThan(20 + 1)
    // Who has no budget takes the places that others leave.
    expect(spent[2]).toBeGreaterThan(0)
    const outcome = budgetOutcome(requests, market, progress.outcomes, budgets)
    expect(outcome.advertisers).toBe(2)
    expect(outcome.ranOut).toBe([9.1, 20].filter((budget, index) => spent[index] >= budget).length)
    expect(outcome.spentShare).toBeCloseTo((spent[0] + spent[1]) / 29.1, 12)
    if (pacing !== 'Multiplicative') expect(outcome.refusedShare).toBeGreaterThan(0)
  })

  test('are held without those who spent theirs, from the first request that finds them so', async () => {
    // A list costs the first advertiser 1.5: three of them reach 4.
    const { progress } = await measure(requests, options('None', 4, none, none))
    const [request, ad] = ['request', 'ad'].map((name) => columnOf(progress.outcomes, name))
    const lists = (wanted: number) => request.filter((_, row) => ad[row] === wanted)
    expect([...lists(0)]).toEqual([0, 1, 2])
    expect([...lists(2)]).toEqual(Array.from({ length: 37 }, (_, place) => place + 3))
    expect(budgetOutcome(requests, market, progress.outcomes, options('None', 4, none, none))).toEqual({
      advertisers: 1,
      ranOut: 1,
      spentShare: 4.5 / 4,
      refusedShare: 37 / 120,
    })
  })

  test('are as without any where nobody has one', async () => {
    const { progress } = await measure(requests, options('Throttling', none, none, none))
    const { progress: ignored } = await measure(requests, undefined)
    expect(progress.outcomes).toEqual(ignored.outcomes)
  })

  test('come in the order of the log, by time where it tells one', async () => {
    const time = Float64Array.from({ length: 40 }, (_, index) => -index)
    const { requests: logged } = market
    if (logged === undefined) throw new Error('the market has requests')
    const timed: Market = { ...market, requests: { ...logged, time } }
    const shuffled = [requestAt(3), requestAt(1), requestAt(2)]
    const budgets = options('None', 1, none, none)
    expect(new BudgetReplay(shuffled, market, budgets).order).toEqual([1, 2, 0])
    expect(new BudgetReplay(shuffled, timed, budgets).order).toEqual([0, 2, 1])
    // The first of the log has the budget; rows keep their place in the sample.
    const { progress } = await measure(shuffled, budgets)
    const [request, ad] = ['request', 'ad'].map((name) => columnOf(progress.outcomes, name))
    expect([...request.filter((_, row) => ad[row] === 0)]).toEqual([1])
  })

  test('are audited with those who took part, their budgets held fixed', async () => {
    const { progress } = await measure(requests, options('None', 4, 0, none), market, { audited: 40 })
    const [request, ad] = ['request', 'ad'].map((name) => columnOf(progress.regrets, name))
    expect(progress.audited).toBe(40)
    expect([...request.filter((_, row) => ad[row] === 0)]).toEqual([0, 1, 2])
    expect([...request.filter((_, row) => ad[row] === 1)]).toEqual([])
    expect(request.filter((_, row) => ad[row] === 2)).toHaveLength(40)
  })

  test('are skipped where budgets leave nothing to show', async () => {
    const bare = requests.map((request) => ({
      ...request,
      auction: { ...request.auction, organic: new Uint32Array() },
    }))
    const { progress } = await measure(bare, options('None', 1, 1, 0), market, { audited: 40 })
    expect([progress.shown, progress.audited]).toEqual([40, 40])
    expect(new Set(columnOf(progress.outcomes, 'request'))).toEqual(new Set([0]))
  })

  test('go on where they were, whenever they were stopped', async () => {
    for (const pacing of pacingMethods) {
      const budgets = options(pacing, 9.1, 20, none)
      const { progress: whole } = await measure(requests, budgets, market, { audited: 5 })
      for (const stopped of [1, 17, 40]) {
        const { columns, values } = whole.outcomes
        const kept = progressStart(judges)
        const upTo = columnOf(whole.outcomes, 'request').filter((request) => request < stopped).length
        kept.outcomes.values.push(...values.slice(0, upTo * columns.length))
        kept.shown = stopped
        const { progress, shown } = await measure(requests, budgets, market, { audited: 5, progress: kept })
        expect(progress).toEqual(whole)
        expect(shown[0]).toBe(stopped === 40 ? 1 : stopped + 1)
      }
    }
  })
})

test('a request is charged with the payments of its ads times the pCTR of the model', () => {
  const outcomes = progressStart(judges).outcomes
  const budgets = options('None', 1, 10, none)
  const replay = new BudgetReplay([requestAt(0), requestAt(1)], market, budgets)
  expect(replay.admit()).toEqual(requestAt(0))
  // Ad 3 is of the first advertiser too.
  const paid = { request: 0, payment: 2, 'Model/click': 0.25 }
  for (const ad of [0, 3, 1, -1]) appendRow(outcomes, { ...paid, ad })
  replay.settle(outcomes)
  expect([...replay.admit().marketAds]).toEqual([1, 2])
  expect(replay.outcome()).toEqual({ advertisers: 2, ranOut: 1, spentShare: 1.5 / 11, refusedShare: 1 / 6 })
})
