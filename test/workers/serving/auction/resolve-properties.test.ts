import fc from 'fast-check'
import { it } from 'vitest'
import type { AdCandidate, RankRequest } from '../../../../crds/rank.ts'
import { indexMarket } from '../../../../workers/serving/auction/catalogue.ts'
import { resolveAuction } from '../../../../workers/serving/auction/resolve.ts'
import { settingsFor } from '../../../../workers/serving/auction/settings.ts'
import { FakePacer, fakeAuction, findItem, historyOf, itemIds, market } from './fake-auction.ts'

const ids = fc.constantFrom(...itemIds, ...market.ads.ids, 'what')
const ad: fc.Arbitrary<AdCandidate> = fc.record(
  {
    id: ids,
    bid: fc.double({ min: 0, max: 10, noNaN: true }),
    advertiser: fc.constantFrom('north', 'south', 'new', 'newer'),
    creatives: fc.array(fc.constantFrom('red', 'green', 'blue', 'what'), { minLength: 1, maxLength: 3 }),
  },
  { requiredKeys: ['id'] },
)
const request: fc.Arbitrary<RankRequest> = fc.record(
  {
    user: fc.record({ history: fc.array(ids, { maxLength: 5 }) }),
    candidates: fc.record(
      { ads: fc.array(ad, { maxLength: 12 }), organic: fc.array(ids, { maxLength: 12 }) },
      { requiredKeys: [] },
    ),
    slots: fc.integer({ min: 1, max: 6 }),
    includeSeen: fc.boolean(),
  },
  { requiredKeys: [] },
)
const scenes = fc.record({
  request,
  reservePrice: fc.constantFrom(undefined, '0.5', '3'),
  slotReserves: fc.constantFrom<string[] | undefined>(undefined, ['2', '1'], Array<string>(6).fill('4')),
  factors: fc.array(fc.constantFrom(0, 0.5, 1), { minLength: 3, maxLength: 3 }),
  hasBudgets: fc.boolean(),
})

it('whatever is asked, an auction is about distinct items, at bids that some slot takes, and accounts for each ad', () => {
  fc.assert(
    fc.property(scenes, ({ request: asked, reservePrice, slotReserves, factors, hasBudgets }) => {
      const { model } = fakeAuction()
      const pacer = new FakePacer()
      for (const [advertiser, factor] of factors.entries()) pacer.factors.set(advertiser, factor)
      const settings = {
        ...(reservePrice ? { reservePrice } : {}),
        ...(slotReserves ? { slotReserves } : {}),
        ...(hasBudgets ? { budgets: { pacing: 'None' as const, periodSeconds: 60, advertisers: [] } } : {}),
      }
      let excluded = 0
      const {
        request: made,
        ads,
        guests,
      } = resolveAuction(asked, {
        model,
        catalogue: indexMarket(market),
        lookup: { findItem, historyOf },
        settings: settingsFor({ revision: 'r', settings, pods: 1 }, model),
        pacer,
        key: 'q',
        onExcluded: () => excluded++,
      })
      const items = [...made.ads, ...made.organic]
      const seen = asked.includeSeen ? [] : (asked.user?.history ?? []).map(findItem)
      const cheapest = Math.min(...Array.from({ length: made.slots }, (_, slot) => made.slotReserves?.[slot] ?? 0))
      const isSound = [...made.ads.keys()].every(
        (index) =>
          made.bids[index] >= Math.max(cheapest, made.adReserves?.[index] ?? 0) &&
          made.advertisers[index] < market.advertisers.count + guests.length &&
          (ads[index] < 0 || market.ads.item[ads[index]] === made.ads[index]) &&
          (made.creatives?.[index] ?? []).every((one) => market.creatives?.item[one] === made.ads[index]),
      )
      const offered = asked.candidates?.ads?.length ?? market.ads.count
      return (
        isSound &&
        new Set(items).size === items.length &&
        items.every((item) => !seen.includes(item)) &&
        made.ads.length + excluded === offered
      )
    }),
    { numRuns: 300 },
  )
})
