import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { MarketSimulation } from '../../../../crds/market-simulation.ts'
import type { DatasetSpec } from '../../../../workers/data/dataset-spec.ts'
import { openMarket } from '../../../../workers/data/market/open-market.ts'
import { categoriesOf } from '../../../../workers/data/market/simulator/categories.ts'
import { logList } from '../../../../workers/data/market/simulator/logging-policy.ts'
import { normalQuantile } from '../../../../workers/data/market/simulator/normal-quantile.ts'
import { exposureOf, openTruth } from '../../../../workers/data/market/truth.ts'
import { Random } from '../../../../workers/tensor/random.ts'
import { ingest } from '../support.ts'
import { simulationOf } from './support.ts'

const source = { users: 300, items: 200, interests: 6, interactionsPerUser: 10, driftPercent: 0, seed: 3 }

const specOf = (changes: Partial<MarketSimulation> = {}, more: Partial<DatasetSpec> = {}): DatasetSpec => ({
  source: { simulation: source },
  split: { strategy: 'LeaveOneOut' },
  advertising: { simulation: simulationOf({ adsPerRequest: 30, organicPerRequest: 40, ...changes }) },
  ...more,
})

async function marketOf(spec: DatasetSpec) {
  const { store, artifact: reference, ...rest } = await ingest(spec)
  const artifact = await store.open(reference.digest)
  const [market, truth] = [await openMarket(artifact), await openTruth(artifact)]
  const { requests } = market ?? {}
  const { ads: eligible, organic, exposed, time } = requests ?? {}
  if (!market?.creatives || !requests || !truth || !eligible || !organic || !exposed || !time)
    throw new Error('incomplete')
  return { ...rest, artifact, market, creatives: market.creatives, requests, eligible, organic, exposed, time, truth }
}

/** Shared by tests that only read. */
let shared: ReturnType<typeof marketOf> | undefined
const whole = () => (shared ??= marketOf(specOf()))

describe('a simulated market', () => {
  test('keeps to its rules: a quarter of each advertiser is sponsored, no item twice in a list, organic in order', async () => {
    const { market, dataset, requests, eligible, organic, exposed, advertising } = await whole()
    const { ads, advertisers } = market
    expect(ads.count).toBe(50)
    expect(new Set(ads.item).size).toBe(50)
    const owned = new Map<string, number>()
    for (let item = 0; item < dataset.itemCount; item++) {
      const [brand] = dataset.itemAttributes(item)
      owned.set(brand, (owned.get(brand) ?? 0) + 1)
    }
    expect([...owned.keys()].sort()).toEqual(advertisers.ids)
    advertisers.ids.forEach((id, advertiser) => {
      const sponsored = ads.advertiser.filter((owner) => owner === advertiser).length
      expect(Math.abs(sponsored - (owned.get(id) ?? 0) / 4)).toBeLessThan(1)
    })
    const adOf = new Map(Array.from(ads.item, (item, ad) => [item, ad]))
    for (let request = 0; request < requests.count; request++) {
      const adsOf = eligible.ad.subarray(eligible.offsets[request], eligible.offsets[request + 1])
      const organicOf = organic.item.subarray(organic.offsets[request], organic.offsets[request + 1])
      expect([adsOf.length, organicOf.length]).toEqual([30, 40])
      expect(new Set([...organicOf, ...Array.from(adsOf, (ad) => ads.item[ad])]).size).toBe(70)
      const shown = Array.from({ length: 10 }, (_, slot) => exposed.offsets[request] + slot)
      expect(exposed.offsets[request + 1]).toBe(exposed.offsets[request] + 10)
      const organicShown = shown.filter((entry) => exposed.ad[entry] < 0).map((entry) => exposed.item[entry])
      expect(organicShown).toEqual([...organicOf.subarray(0, organicShown.length)])
      const adsShown = shown.filter((entry) => exposed.ad[entry] >= 0)
      expect(adsShown.every((entry) => adsOf.includes(exposed.ad[entry]))).toBe(true)
      expect(adsShown.every((entry) => adOf.get(exposed.item[entry]) === exposed.ad[entry])).toBe(true)
      expect(new Set(shown.map((entry) => exposed.item[entry])).size).toBe(10)
    }
    const mean = ads.value.reduce((sum, value) => sum + value, 0) / ads.count
    expect(mean).toBeCloseTo(1, 5)
    expect(ads.bid).toEqual(ads.value)
    expect(advertising).toMatchObject({ origin: 'Simulation', ads: 50, requests: requests.count, unknownUsers: 0 })
  })

  test('asks before events: training requests in the training part, one each before the held-out events', async () => {
    const { dataset, requests, time, eligible, organic, market } = await whole()
    const parts = [0, 0, 0]
    for (let request = 0; request < requests.count; request++) {
      const user = requests.user[request]
      const historyEnd = requests.historyEnd[request]
      const part = requests.part[request]
      parts[part]++
      if (part === 0) expect(historyEnd).toBeGreaterThan(0)
      if (part === 0) expect(historyEnd).toBeLessThan(dataset.trainEnd[user])
      if (part === 1) expect(historyEnd).toBe(dataset.trainEnd[user])
      if (part === 2) expect(historyEnd).toBe(dataset.validationEnd[user])
      const event = dataset.offsets[user] + historyEnd
      expect(time[request]).toBe(dataset.times?.[event])
      const candidates = [
        ...organic.item.subarray(organic.offsets[request], organic.offsets[request + 1]),
        ...eligible.ad
          .subarray(eligible.offsets[request], eligible.offsets[request + 1])
          .map((ad) => market.ads.item[ad]),
      ]
      expect(candidates).toContain(dataset.events[event])
      const history = dataset.events.subarray(dataset.offsets[user], event)
      expect(candidates.some((item) => history.includes(item))).toBe(false)
    }
    expect(parts[1]).toBe(300)
    expect(parts[2]).toBe(300)
    expect(parts[0]).toBeGreaterThan(300)
  })

  test('clicks as its truth says: mean, slot by slot, and only what was clicked converts', async () => {
    const { requests, exposed, truth, advertising } = await whole()
    const slots = Array.from({ length: 10 }, () => ({ expected: 0, variance: 0, clicks: 0 }))
    let expectedTotal = 0
    for (let request = 0; request < requests.count; request++) {
      const [from, to] = [exposed.offsets[request], exposed.offsets[request + 1]]
      const list = { items: exposed.item.subarray(from, to), creatives: exposed.creative.subarray(from, to) }
      const likely = truth.clicks({ user: requests.user[request], ...list })
      likely.click.forEach((probability, slot) => {
        slots[slot].expected += probability
        slots[slot].variance += probability * (1 - probability)
        slots[slot].clicks += exposed.click[from + slot]
        expectedTotal += probability
        expect(likely.creativeClick[slot]).toBeLessThanOrEqual(probability)
        expect(likely.conversion[slot]).toBeGreaterThanOrEqual(0.02 * 0.95 ** 9)
        expect(likely.conversion[slot]).toBeLessThanOrEqual(0.1)
      })
    }
    expect(expectedTotal / exposed.click.length).toBeCloseTo(0.05, 6)
    for (const [slot, { expected, variance, clicks }] of slots.entries()) {
      expect(Math.abs(clicks - expected)).toBeLessThan(4 * Math.sqrt(variance))
      // Odds are not probabilities, and what lies further down is liked more or less: near the exposure, not at it.
      const relative = expected / slots[0].expected / exposureOf(slot, 0.85)
      expect(relative).toBeGreaterThan(0.7)
      expect(relative).toBeLessThan(1.6)
    }
    exposed.click.forEach((click, entry) => {
      expect(exposed.creativeClick?.[entry]).toBeLessThanOrEqual(click)
      expect(exposed.conversion?.[entry]).toBeLessThanOrEqual(click)
      expect((exposed.conversionValue?.[entry] ?? 0) > 0).toBe(exposed.conversion?.[entry] === 1)
    })
    expect(advertising?.clicks).toBe(exposed.click.reduce<number>((sum, click) => sum + click, 0))
  })

  test('knows what users take next, far above chance', async () => {
    const { dataset, requests, truth } = await whole()
    const random = new Random('chance')
    let wins = 0
    let pairs = 0
    for (let request = 0; request < requests.count; request++) {
      if (requests.part[request] !== 2) continue
      const user = requests.user[request]
      const taken = truth.affinity(user, dataset.events[dataset.offsets[user] + requests.historyEnd[request]])
      for (let draw = 0; draw < 20; draw++) {
        wins += taken > truth.affinity(user, random.below(dataset.itemCount)) ? 1 : 0
        pairs++
      }
    }
    expect(wins / pairs).toBeGreaterThan(0.8)
  })

  test('moves clicks by slot, style, neighbours and earlier entries of a kind, conversions by all of a kind', async () => {
    const { requests, exposed, truth, creatives, dataset, market } = await whole()
    const user = requests.user[0]
    const items = [...exposed.item.subarray(0, 10)]
    const creativeOf = (item: number, index: number) => creatives.offsets[item] + index
    const odds = (probability: number) => probability / (1 - probability)
    const none = items.map(() => -1)
    const neutral = truth.clicks({ user, items, creatives: none })
    const root = (item: number) => dataset.itemAttributes(item)[1]
    const single = (item: number) => truth.clicks({ user, items: [item], creatives: [-1] })
    const alone = (item: number) => odds(single(item).click[0])
    const kinds = new Set<number>()
    items.forEach((item, slot) => {
      const alike = (others: number[]) => others.filter((other) => root(other) === root(item)).length
      const neighbours = alike(items.slice(Math.max(0, slot - 1), slot)) + alike(items.slice(slot + 1, slot + 2))
      const earlier = alike(items.slice(0, Math.max(0, slot - 1)))
      kinds.add(earlier)
      const factor = exposureOf(slot, 0.85) * 0.9 ** neighbours * 0.98 ** earlier
      expect(odds(neutral.click[slot])).toBeCloseTo(alone(item) * factor, 10)
      const converts = single(item).conversion[0] * 0.95 ** (alike(items) - 1)
      expect(neutral.conversion[slot]).toBeCloseTo(converts, 10)
    })
    expect(kinds.size).toBeGreaterThan(1)
    const tastes = [0, 1, 2].map((index) => {
      const { click, creativeClick } = truth.clicks({
        user,
        items: [items[0]],
        creatives: [creativeOf(items[0], index)],
      })
      const taste = odds(click[0]) / alone(items[0])
      expect(creativeClick[0]).toBeCloseTo(click[0] * 0.8 * taste, 10)
      return taste
    })
    expect(tastes.toSorted((a, b) => a - b).map((taste) => Math.round(taste * 1000) / 1000)).toEqual([0.8, 1, 1.2])
    expect(market.ads.count).toBeGreaterThan(0)
    const nobody = truth.clicks({ user: 0xffff_ffff, items, creatives: none })
    expect(nobody.click.every((probability) => probability > 0 && probability < 1)).toBe(true)
  })

  test('a truth from before lists tired users and offered alternatives goes without both', async () => {
    const { artifact, truth, exposed, requests } = await marketOf(specOf({ maxUsers: 20 }))
    const folder = await mkdtemp(join(tmpdir(), 'early-truth-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const { repetition, conversion, ...others } = JSON.parse(await readFile(artifact.path('truth.json'), 'utf8'))
    expect([repetition, conversion.alternatives]).toEqual([0.98, 0.95])
    const { alternatives, ...range } = conversion
    await writeFile(join(folder, 'truth.json'), JSON.stringify({ ...others, conversion: range }))
    const path = (name: string) => (name === 'truth.json' ? join(folder, name) : artifact.path(name))
    const early = await openTruth({ ...artifact, path })
    const items = exposed.item.subarray(0, 10)
    const shown = { user: requests.user[0], items, creatives: Array.from(items, () => -1) }
    const [before, after] = [early?.clicks(shown), truth.clicks(shown)]
    const alone = truth.clicks({ ...shown, items: items.subarray(0, 1) })
    expect(before?.conversion[0]).toBeCloseTo(alone.conversion[0], 12)
    before?.click.forEach((click, slot) => {
      expect(click).toBeGreaterThanOrEqual(after.click[slot])
    })
  })

  test('gives the same bytes again, and others with another seed', async () => {
    const small = { maxUsers: 20 }
    const digests = await Promise.all(
      [specOf(small), specOf(small), specOf({ ...small, seed: 2 })].map(
        async (spec) => (await ingest(spec)).artifact.digest,
      ),
    )
    expect(digests[1]).toBe(digests[0])
    expect(digests[2]).not.toBe(digests[0])
  })

  test('does what each field says', async () => {
    const none = await marketOf(
      specOf({
        maxUsers: 40,
        requestsPerUser: 0,
        slots: 4,
        creativesPerItem: 2,
        organicPerRequest: 0,
        includeTarget: false,
        budgetPercent: 0,
        bids: { strategy: 'Shaded', shadePercent: 25 },
      }),
    )
    expect(none.requests.count).toBe(80)
    expect(none.organic.item).toHaveLength(0)
    expect(none.exposed.item).toHaveLength(320)
    expect(none.exposed.ad.every((ad) => ad >= 0)).toBe(true)
    expect(none.creatives.count).toBe(400)
    expect(none.market.advertisers.budget.every((budget) => budget === Number.POSITIVE_INFINITY)).toBe(true)
    none.market.ads.bid.forEach((bid, ad) => {
      expect(bid).toBeCloseTo(0.75 * none.market.ads.value[ad], 6)
    })
    const drawn = await marketOf(
      specOf({
        maxUsers: 40,
        bids: { strategy: 'PriceQuantiles', prices: ['1', '3'] },
        loggingPolicy: { adPercent: 100, temperature: '0.05', explorationPercent: 0 },
      }),
    )
    expect(drawn.market.ads.bid.every(Number.isNaN)).toBe(true)
    drawn.eligible.bid.forEach((bid, entry) => {
      const share = bid / drawn.market.ads.value[drawn.eligible.ad[entry]]
      expect(share).toBeGreaterThanOrEqual(0.5 - 1e-6)
      expect(share).toBeLessThanOrEqual(1.5 + 1e-6)
    })
    expect(drawn.exposed.ad.every((ad) => ad >= 0)).toBe(true)
    expect(drawn.metadata.simulatedMarket).toMatchObject({ seed: 1, bids: { prices: ['1', '3'] } })
  })

  test('lies over a temporal split too; a Dataset without it has none', async () => {
    const split = { strategy: 'Temporal', validationPercent: 10, testPercent: 10 } as const
    const { requests, dataset } = await marketOf(specOf({ maxUsers: 100 }, { split }))
    for (let request = 0; request < requests.count; request++) {
      const user = requests.user[request]
      const held = [undefined, dataset.trainEnd[user], dataset.validationEnd[user]][requests.part[request]]
      if (held !== undefined) expect(requests.historyEnd[request]).toBe(held)
    }
    const { store, artifact } = await ingest({ source: { simulation: source }, split })
    expect(await openMarket(await store.open(artifact.digest))).toBeUndefined()
  })
})

describe('categories', () => {
  const of = (attributes: string[][]) =>
    categoriesOf({ itemCount: attributes.length, itemAttributes: (item) => attributes[item] })

  test('what leads and comes second elsewhere is a top category; what leads otherwise is a brand', () => {
    const attributes = [
      ['Opi', 'Makeup', 'Nails'],
      ['Makeup', 'Lips'],
      ['Unknown', 'Makeup', 'Eyes'],
      ['Opi', 'Hair'],
      ['Hair', 'Brushes'],
      [],
    ]
    const { advertisers, advertiserOf, roots, rootOf } = of(attributes)
    expect(Array.from(advertiserOf, (index) => advertisers[index])).toEqual([
      'Opi',
      'leaf:Lips',
      'leaf:Eyes',
      'Opi',
      'leaf:Brushes',
      'house-0',
    ])
    expect(Array.from(rootOf, (index) => roots[index])).toEqual([
      'Makeup',
      'Makeup',
      'Makeup',
      'Hair',
      'Hair',
      undefined,
    ])
  })

  test('a catalogue without attributes has houses of about twenty items, and no categories', () => {
    const { advertisers, rootOf } = of(Array.from({ length: 100 }, () => []))
    expect(advertisers).toHaveLength(5)
    expect(rootOf.every((root) => root === -1)).toBe(true)
  })
})

describe('the logging policy', () => {
  const spec = { slots: 3, loggingPolicy: { adPercent: 50, temperature: '2', explorationPercent: 20 } }

  test('shows each list as often as the product of its propensities says', () => {
    const choice = { worth: [4, 1], organicCount: 2 }
    const seen = new Map<string, { count: number; probability: number }>()
    const draws = 20_000
    for (let draw = 0; draw < draws; draw++) {
      const { ad, propensity } = logList(choice, spec, new Random('draw', draw))
      const entry = seen.get(String(ad)) ?? { count: 0, probability: propensity.reduce((product, p) => product * p, 1) }
      seen.set(String(ad), { ...entry, count: entry.count + 1 })
    }
    let total = 0
    for (const { count, probability } of seen.values()) {
      total += probability
      expect(Math.abs(count - draws * probability)).toBeLessThan(4 * Math.sqrt(draws * probability * (1 - probability)))
    }
    expect(total).toBeCloseTo(1, 10)
  })

  test('never shows anything twice and stops where nothing is left', () => {
    const worth = fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { maxLength: 6 })
    fc.assert(
      fc.property(worth, fc.nat(4), fc.nat(100), fc.nat(1000), (values, organicCount, adPercent, seed) => {
        const policy = { slots: 8, loggingPolicy: { ...spec.loggingPolicy, adPercent } }
        const { ad, organic, propensity } = logList({ worth: values, organicCount }, policy, new Random(seed))
        const ads = ad.filter((place) => place >= 0)
        expect(ad).toHaveLength(Math.min(8, values.length + organicCount))
        expect(new Set(ads).size).toBe(ads.length)
        const shown = organic.filter((place) => place >= 0)
        expect(shown).toEqual(shown.map((_, place) => place))
        expect(propensity.every((probability) => probability > 0 && probability <= 1 + 1e-12)).toBe(true)
      }),
    )
  })
})

test('normal quantiles are those of the tables', () => {
  expect(normalQuantile(0.5)).toBe(0)
  expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 8)
  expect(normalQuantile(0.001)).toBeCloseTo(-3.090232306167813, 8)
  expect(normalQuantile(0.9)).toBeCloseTo(1.2815515655446004, 8)
})
