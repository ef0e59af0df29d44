import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { reserveOf } from '../../../workers/auction/chosen-list.ts'
import { type FillRequest, fillList } from '../../../workers/auction/list-fill.ts'
import { requestOf } from './support.ts'

interface Scene {
  readonly request: FillRequest
  /** Of ads, and of organic items; log of a quality. */
  readonly quality: readonly number[]
  readonly organicScore: readonly number[]
}

/** Grids, so that ties and bids at the reserve occur. */
const scenes: fc.Arbitrary<Scene> = fc
  .record({
    ads: fc.array(
      fc.record({
        bid: fc.integer({ min: 0, max: 8 }),
        quality: fc.integer({ min: -2, max: 2 }),
        advertiser: fc.integer({ min: 0, max: 2 }),
        reserve: fc.integer({ min: 0, max: 2 }),
      }),
      { maxLength: 7 },
    ),
    organic: fc.array(fc.integer({ min: -2, max: 3 }), { maxLength: 6 }),
    slots: fc.integer({ min: 1, max: 6 }),
    slotReserves: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 6, maxLength: 6 }),
    maxAds: fc.constantFrom(0, 1, 2, 3, Number.POSITIVE_INFINITY),
    minGap: fc.integer({ min: 0, max: 2 }),
    maxPerAdvertiser: fc.constantFrom(1, 2, Number.POSITIVE_INFINITY),
  })
  .map(({ ads, organic, slots, slotReserves, ...constraints }) => ({
    quality: ads.map(({ quality }) => quality),
    organicScore: organic,
    request: requestOf(
      ads.map(({ bid }) => bid),
      slots,
      {
        advertisers: Uint32Array.from(ads, ({ advertiser }) => advertiser),
        adReserves: Float64Array.from(ads, ({ reserve }) => reserve),
        slotReserves: Float64Array.from(slotReserves.slice(0, slots)),
        organic: Uint32Array.from(organic, (_, index) => 100 + index),
        constraints,
      },
    ),
  }))

/** The list by score: log-quality plus the logarithm of the bid. */
function listOf({ request, quality, organicScore }: Scene): number[] {
  const scores = quality.map((each, ad) => each + Math.log(request.bids[ad]))
  const ranked = [...scores.keys()].sort((one, other) => scores[other] - scores[one] || one - other)
  return fillList(request, ranked, (ad, organic) => scores[ad] >= organicScore[organic])
}

const isAd = ({ ads }: FillRequest, candidate: number): boolean => candidate < ads.length

describe('a list filled by score', () => {
  test('keeps constraints and reserves', () => {
    fc.assert(
      fc.property(scenes, (scene) => {
        const { request } = scene
        const { maxAds, minGap, maxPerAdvertiser } = request.constraints
        const list = listOf(scene)
        const slots = [...list.keys()].filter((slot) => isAd(request, list[slot]))
        expect(list.length).toBeLessThanOrEqual(request.slots)
        expect(slots.length).toBeLessThanOrEqual(maxAds)
        for (const [place, slot] of slots.entries()) {
          if (place > 0) expect(slot - slots[place - 1]).toBeGreaterThan(minGap)
          expect(request.bids[list[slot]]).toBeGreaterThanOrEqual(reserveOf(request, slot, list[slot]))
          const own = slots.filter((other) => request.advertisers[list[other]] === request.advertisers[list[slot]])
          expect(own.length).toBeLessThanOrEqual(maxPerAdvertiser)
        }
      }),
    )
  })

  test('shows nothing twice, and organic items in their order without a gap', () => {
    fc.assert(
      fc.property(scenes, (scene) => {
        const list = listOf(scene)
        const organic = list.filter((candidate) => !isAd(scene.request, candidate))
        expect(new Set(list).size).toBe(list.length)
        expect(organic).toEqual(organic.map((_, rank) => scene.request.ads.length + rank))
      }),
    )
  })

  test('is as long as it may be: a slot is left only where neither an ad nor an organic item may stand', () => {
    fc.assert(
      fc.property(scenes, (scene) => {
        const { request } = scene
        const list = listOf(scene)
        const organic = list.filter((candidate) => !isAd(request, candidate)).length
        if (list.length < request.slots) expect(organic).toBe(request.organic.length)
      }),
    )
  })

  test('never moves an ad down for a higher bid, nor out of the list', () => {
    fc.assert(
      fc.property(scenes, fc.nat(), fc.integer({ min: 0, max: 6 }), (scene, which, raise) => {
        const { request } = scene
        fc.pre(request.ads.length > 0)
        const ad = which % request.ads.length
        const before = listOf(scene).indexOf(ad)
        fc.pre(before >= 0)
        const bids = request.bids.with(ad, request.bids[ad] + raise)
        const after = listOf({ ...scene, request: { ...request, bids } }).indexOf(ad)
        expect(after).toBeGreaterThanOrEqual(0)
        expect(after).toBeLessThanOrEqual(before)
      }),
      { numRuns: 500 },
    )
  })

  test('is what two merged orders are, where nothing constrains it', () => {
    const request = requestOf([4, 2, 1], 5, { organic: Uint32Array.of(100, 101, 102) })
    const score = { ads: [4, 2, 1], organic: [3, 9, 0.5] }
    const list = fillList(request, [0, 1, 2], (ad, organic) => score.ads[ad] >= score.organic[organic])
    expect(list).toEqual([0, 3, 4, 1, 2])
  })

  test('has ads first where nothing is said', () => {
    const request = requestOf([1, 1], 4, { organic: Uint32Array.of(100, 101, 102) })
    expect(fillList(request, [1, 0])).toEqual([1, 0, 2, 3])
  })
})
