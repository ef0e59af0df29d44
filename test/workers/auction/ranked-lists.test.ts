import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FillRequest } from '../../../workers/auction/list-fill.ts'
import { leastBids, logShares, rankCandidates, rankedLists } from '../../../workers/auction/ranked-lists.ts'
import { requestOf } from './support.ts'

interface Scene {
  readonly request: FillRequest
  readonly logQuality: Float32Array
  readonly organic: number
}

const scenes: fc.Arbitrary<Scene> = fc
  .record({
    ads: fc.array(
      fc.record({
        bid: fc.integer({ min: 0, max: 40 }),
        quality: fc.integer({ min: -8, max: 8 }),
        advertiser: fc.integer({ min: 0, max: 2 }),
        reserve: fc.integer({ min: 0, max: 2 }),
      }),
      { minLength: 1, maxLength: 7 },
    ),
    organicQuality: fc.array(fc.integer({ min: -8, max: 8 }), { maxLength: 6 }),
    organic: fc.constantFrom(0, 0.1, 1),
    slots: fc.integer({ min: 1, max: 6 }),
    slotReserves: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 6, maxLength: 6 }),
    maxAds: fc.constantFrom(1, 2, 3, Number.POSITIVE_INFINITY),
    minGap: fc.integer({ min: 0, max: 2 }),
    maxPerAdvertiser: fc.constantFrom(1, 2, Number.POSITIVE_INFINITY),
  })
  .map(({ ads, organicQuality, organic, slots, slotReserves, ...constraints }) => ({
    organic,
    logQuality: Float32Array.from([...ads.map(({ quality }) => quality), ...organicQuality], (each) => each / 4),
    request: requestOf(
      ads.map(({ bid }) => bid / 4),
      slots,
      {
        advertisers: Uint32Array.from(ads, ({ advertiser }) => advertiser),
        adReserves: Float64Array.from(ads, ({ reserve }) => reserve),
        slotReserves: Float64Array.from(slotReserves.slice(0, slots)),
        organic: Uint32Array.from(organicQuality, (_, index) => 100 + index),
        constraints,
      },
    ),
  }))

const bidUnit = 2

const rankedOf = ({ request, logQuality, organic }: Scene, ad?: number, bid = 0) => {
  const asked = ad === undefined ? request : { ...request, bids: request.bids.with(ad, bid) }
  return rankCandidates(asked, logQuality, { bidUnit, organic })
}
const shownOf = (scene: Scene, ad?: number, bid?: number): number[] => rankedLists(rankedOf(scene, ad, bid))[0]

/** Least bid for which something holds that holds for all higher ones too, to within an accuracy of 1e-9. */
function bisect(high: number, holds: (bid: number) => boolean): number {
  let [low, top] = [0, high]
  if (holds(0)) return 0
  for (let round = 0; round < 60; round++) {
    const middle = (low + top) / 2
    if (holds(middle)) top = middle
    else low = middle
  }
  return top
}

const adsOf = ({ request }: Scene, list: readonly number[]) =>
  [...list.entries()].filter(([, candidate]) => candidate < request.ads.length)

describe('candidates ranked by quality and value', () => {
  test('score the logarithm of quality times value, in units of the mean bid', () => {
    const request = requestOf([8, 0], 3, { organic: Uint32Array.of(7) })
    const { score } = rankCandidates(request, Float32Array.of(0.5, 0.25, -0.5), { bidUnit: 2, organic: 0.1 })
    expect(score[0]).toBeCloseTo(0.5 + Math.log(4), 12)
    expect(score[1]).toBeCloseTo(0.25 + Math.log(1e-12), 6)
    expect(score[2]).toBeCloseTo(-0.5 + Math.log(0.1), 12)
    const shares = logShares({ score })
    expect(shares.reduce((sum, share) => sum + Math.exp(share), 0)).toBeCloseTo(1, 12)
    expect(shares[0] - shares[2]).toBeCloseTo(score[0] - score[2], 12)
  })

  test('stand beside the lists without each ad that is shown, which hold no ad that does not take part', () => {
    fc.assert(
      fc.property(scenes, fc.nat(), (scene, which) => {
        const out = which % scene.request.ads.length
        const logQuality = scene.logQuality.slice()
        logQuality[out] = Number.NEGATIVE_INFINITY
        const [shown, ...without] = rankedLists(rankedOf({ ...scene, logQuality }))
        const ads = adsOf(scene, shown)
        expect(without).toHaveLength(ads.length)
        for (const [place, [, ad]] of ads.entries()) expect(without[place]).not.toContain(ad)
        for (const list of [shown, ...without]) expect(list).not.toContain(out)
      }),
    )
  })

  test('need the bids that a search finds, to keep a slot and to be listed at all', () => {
    fc.assert(
      fc.property(scenes, (scene) => {
        const ranked = rankedOf(scene)
        const lists = rankedLists(ranked)
        const least = leastBids(ranked, lists)
        for (const [slot, ad] of adsOf(scene, lists[0])) {
          const bid = scene.request.bids[ad]
          const kept = bisect(bid, (other) => {
            const place = shownOf(scene, ad, other).indexOf(ad)
            return place >= 0 && place <= slot
          })
          const listed = bisect(bid, (other) => shownOf(scene, ad, other).includes(ad))
          expect(least.ofSlot[slot]).toBeCloseTo(kept, 6)
          expect(least.ofListing[slot]).toBeCloseTo(listed, 6)
          expect(least.ofListing[slot]).toBeLessThanOrEqual(least.ofSlot[slot] + 1e-9)
          expect(least.ofSlot[slot]).toBeLessThanOrEqual(bid + 1e-9)
        }
      }),
      { numRuns: 200 },
    )
  })

  // Money, too, of which all bids are far below the least value that models learn from.
  test.each([1, 1e-4])('pay the textbook price of the next by quality where nothing else competes, in %d', (money) => {
    const [first, second, third] = [4 * money, 3 * money, 2 * money]
    const request = requestOf([first, second, third], 2)
    const qualities = [0.1, 0.2, 0.05]
    const ranked = rankCandidates(request, Float32Array.from(qualities, Math.log), { bidUnit, organic: 0 })
    const lists = rankedLists(ranked)
    expect(lists[0]).toEqual([1, 0])
    const { ofSlot, ofListing } = leastBids(ranked, lists)
    expect(ofSlot[0] / money).toBeCloseTo((4 * 0.1) / 0.2, 6)
    expect(ofSlot[1] / money).toBeCloseTo((2 * 0.05) / 0.1, 6)
    // Any slot does: both have to beat the third alone.
    expect(ofListing[0] / money).toBeCloseTo((2 * 0.05) / 0.2, 6)
  })
})
