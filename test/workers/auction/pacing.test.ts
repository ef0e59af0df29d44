import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  adaptPacing,
  charge,
  eligibleAds,
  type PacingMethod,
  type PacingOptions,
  paced,
  pacingDefaults,
  pacingMethods,
  startPacing,
} from '../../../workers/auction/pacing.ts'
import { Random } from '../../../workers/tensor/random.ts'
import { requestOf } from './support.ts'

const horizon = 20_000
const optionsOf = (method: PacingMethod): PacingOptions => ({ method, horizon, ...pacingDefaults })

/** Second-price auctions among advertisers with one ad each; spend of each over the horizon, by tenth of it. */
const simulate = (method: PacingMethod, budget: Float64Array, seed: number) => {
  const options = optionsOf(method)
  const random = new Random(seed, 'values')
  const tenths = Array.from(budget, () => new Float64Array(10))
  let state = startPacing(budget)
  let greatest = 0
  for (let time = 0; time < horizon; time++) {
    state = adaptPacing(state, time, options)
    const values = Array.from(budget, () => 0.5 + random.uniform())
    const { ads, bids } = eligibleAds(state, requestOf(values, 1), `request-${time}`, options)
    const order = [...ads.keys()].sort((a, b) => bids[b] - bids[a])
    if (order.length === 0) continue
    const amount = bids[order[1]] ?? 0
    const advertiser = ads[order[0]]
    greatest = Math.max(greatest, amount)
    tenths[advertiser][Math.floor((10 * time) / horizon)] += amount
    state = charge(state, [{ advertiser, amount }])
  }
  return { state, tenths, greatest }
}

/** Two advertisers could spend far more than they have. */
const budgets = () => Float64Array.of(1000, 2000, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)

describe.each(pacingMethods)('%s', (method) => {
  const { state, tenths, greatest } = simulate(method, budgets(), 1)

  test('spends no budget by more than one charge beyond it', () => {
    for (const advertiser of [0, 1]) expect(state.spent[advertiser]).toBeLessThan(state.budget[advertiser] + greatest)
  })

  test(method === 'None' ? 'spends all at once' : 'spends evenly, and nearly all', () => {
    for (const advertiser of [0, 1]) {
      const shares = Array.from(tenths[advertiser], (amount) => amount / state.budget[advertiser])
      expect(state.spent[advertiser]).toBeGreaterThan(0.95 * state.budget[advertiser])
      if (method === 'None') expect(shares[9]).toBe(0)
      // The first tenth learns the pace, and what it spent too much the last one lacks.
      else {
        for (const share of shares.slice(1, 9)) expect(Math.abs(share - 0.1)).toBeLessThan(0.035)
        expect(shares[0]).toBeLessThan(0.2)
        expect(shares[9]).toBeGreaterThan(0.04)
      }
    }
  })

  test('leaves those without a budget alone', () => {
    expect([state.factor[2], state.factor[3]]).toEqual([1, 1])
  })
})

test('who takes part depends on request and advertiser alone', () => {
  const state = { ...startPacing(Float64Array.of(10, 10, 10)), factor: Float64Array.of(0.5, 0.5, 1) }
  const options = { method: 'Throttling' } as const
  const request = { ...requestOf([1, 2, 3, 4], 1), advertisers: Uint32Array.of(0, 1, 0, 2) }
  const taken = Array.from({ length: 2000 }, (_, index) => eligibleAds(state, request, `r${index}`, options).ads)
  for (const [index, ads] of taken.entries()) {
    expect(eligibleAds(state, request, `r${index}`, options).ads).toEqual(ads)
    expect(ads.includes(0)).toBe(ads.includes(2))
    expect(ads.includes(3)).toBe(true)
  }
  const share = (ad: number) => taken.filter((ads) => ads.includes(ad)).length / taken.length
  // Standard error 0.011; apart from each other by draws of their own.
  expect(Math.abs(share(0) - 0.5)).toBeLessThan(0.04)
  expect(Math.abs(share(1) - 0.5)).toBeLessThan(0.04)
  expect(taken.filter((ads) => ads.includes(0) && ads.includes(1)).length / taken.length).toBeLessThan(0.3)
})

test('what page views in flight may cost counts as spent', () => {
  const state = charge(startPacing(Float64Array.of(5, 5, 5)), [{ advertiser: 1, amount: 3 }])
  const held = Float64Array.of(4, 2, 6)
  const request = requestOf([1, 1, 1], 3)
  expect(eligibleAds(state, request, 'r', { method: 'None', held }).ads).toEqual([0])
  expect(eligibleAds(state, request, 'r', { method: 'None' }).ads).toEqual([0, 1, 2])
})

test('a paced request keeps what belongs to an ad beside it', () => {
  const request = {
    ...requestOf([1, 2, 4], 2),
    ads: Uint32Array.of(7, 8, 9),
    adReserves: Float64Array.of(0.1, 0.2, 0.3),
    creatives: [Uint32Array.of(4), Uint32Array.of(5), undefined],
  }
  const state = charge({ ...startPacing(Float64Array.of(5, 5, 5)), factor: Float64Array.of(1, 1, 0.5) }, [
    { advertiser: 1, amount: 5 },
  ])
  const smaller = paced(request, eligibleAds(state, request, 'r', { method: 'Multiplicative' }))
  expect([...smaller.ads]).toEqual([7, 9])
  expect([...smaller.advertisers]).toEqual([0, 2])
  expect([...smaller.bids]).toEqual([1, 2])
  expect([...(smaller.adReserves ?? [])]).toEqual([0.1, 0.3])
  expect(smaller.creatives).toEqual([Uint32Array.of(4), undefined])
})

test('no budget is exceeded by more than the last page view, whatever comes', () => {
  const charges = fc.array(
    fc.array(fc.record({ advertiser: fc.nat({ max: 2 }), amount: fc.double({ min: 0, max: 3, noNaN: true }) }), {
      maxLength: 3,
    }),
  )
  fc.assert(
    fc.property(charges, fc.constantFrom(...pacingMethods), (views, method) => {
      const request = requestOf([1, 1, 1], 3)
      let state = startPacing(Float64Array.of(0, 2, 5))
      const last = new Float64Array(3)
      views.forEach((view, time) => {
        state = adaptPacing(state, (time * horizon) / views.length, optionsOf(method))
        const { ads } = eligibleAds(state, request, String(time), { method })
        const paying = view.filter(({ advertiser }) => ads.includes(advertiser))
        for (const { advertiser } of paying) last[advertiser] = 0
        for (const { advertiser, amount } of paying) last[advertiser] += amount
        state = charge(state, paying)
      })
      expect(state.spent[0]).toBe(0)
      state.spent.forEach((spent, advertiser) => {
        expect(spent).toBeLessThanOrEqual(state.budget[advertiser] + last[advertiser])
      })
    }),
  )
})
