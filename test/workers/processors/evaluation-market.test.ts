import { beforeEach, describe, expect, test } from 'vitest'
import type { Evaluation } from '../../../crds/kinds/evaluation.ts'
import type { MarketEvaluation } from '../../../crds/market-evaluation.ts'
import type { AuctionRequest } from '../../../workers/auction/auction.ts'
import { readMarkets } from '../../../workers/evaluation/market/market-files.ts'
import { processEvaluation } from '../../../workers/processors/evaluation.ts'
import { type MarketPorts, type Marketplace, noAuction } from '../../../workers/processors/market-ports.ts'
import { inputOf } from '../artifacts/support.ts'
import { firstPrice, gsp, type Pricing, positionMechanism, vcg } from '../evaluation/market/position-auction.ts'
import { smallMarket } from './small-market.ts'
import { payloadOf, publishDataset, type TestContext, testContext } from './support.ts'

const market: MarketEvaluation = {
  requests: 40,
  candidateLists: 8,
  constraints: { minGap: 0, maxAds: 2 },
  bids: 'Truthful',
  bestResponse: { rounds: 2, grid: ['0.9', '1'] },
  audit: { maxRequests: 40, minRequests: 10, halfWidthPercent: '0.5', losersPerRequest: 2, regretStarts: 0, seed: 1 },
  utilityFloor: '0.01',
}
const spec: Evaluation['spec'] = {
  model: { digest: inputOf('model') },
  datasetRef: { name: 'logs' },
  split: 'Test',
  ranking: 'None',
  cutoffs: [5],
  beamSize: 50,
  baselines: [],
  market,
  bootstrapSamples: 100,
  seed: 1,
  workerPoolRef: { name: 'default' },
  suspend: false,
  backoffLimit: 3,
}

const sequences = Array.from({ length: 20 }, (_, user) => [0, 1, 2, 3, 4].map((step) => (user + step) % 12))
const position = { exposure: [1, 0.8, 0.25], quality: (item: number) => 0.1 + 0.001 * (item % 5) }

interface World {
  readonly released: string[]
  /** Batches that the allocator was asked for. */
  asked: number
}

function marketplace(pricing: Pricing, name: string, world: World): Marketplace {
  const mechanism = positionMechanism(position, pricing)
  return {
    ...mechanism,
    allocator: {
      allocate: (requests) => {
        world.asked++
        return mechanism.allocator.allocate(requests)
      },
      underBids: (request, bids) => {
        world.asked++
        return mechanism.allocator.underBids(request, bids)
      },
    },
    slots: 3,
    paymentRule: name,
    judgeLists: async (lists) =>
      lists.map(({ items }) => ({
        click: Float64Array.from(items, (item, slot) => position.exposure[slot] * position.quality(item)),
      })),
    release: async () => void world.released.push(name),
  }
}

const half = (factor: number) => ({
  click: (items: ArrayLike<number>) =>
    Float64Array.from(items, (item, slot) => factor * position.exposure[slot] * position.quality(item)),
})

function portsOf(world: World, champion: Pricing = gsp): MarketPorts {
  return {
    openMarketplace: async (digest) =>
      digest === inputOf('model') ? marketplace(vcg, 'VCG', world) : marketplace(champion, 'GSP', world),
    openEvaluator: async () => ({
      judgeLists: async (lists) => lists.map(({ items }) => ({ click: half(0.9).click(items) })),
      slots: 3,
      release: async () => void world.released.push('evaluator'),
    }),
    openMarket: async () => smallMarket(60),
    openTruth: async () => ({
      clicks: ({ items }) => {
        const click = half(0.5).click(items)
        const same = (value: number) => new Float64Array(items.length).fill(value)
        return { click, creativeClick: same(0), conversion: same(0.1), conversionValue: same(2) }
      },
    }),
  }
}

interface Changed {
  readonly spec?: Partial<Evaluation['spec']>
  readonly market?: Partial<MarketEvaluation>
  readonly inputs?: Record<string, string>
  readonly ports?: Partial<MarketPorts>
}

let store: TestContext['store']
let dataset: string

beforeEach(async () => {
  const context = await testContext()
  store = context.store
  dataset = (await publishDataset(context, { sequences })).digest
})

/** In the store that has the Dataset. */
const contextOf = async (options: Parameters<typeof testContext>[0] = {}): Promise<TestContext> => ({
  ...(await testContext(options)),
  store,
})

async function evaluate(context: TestContext, changed: Changed = {}, world: World = { released: [], asked: 0 }) {
  const inputs = { dataset, model: inputOf('model'), ...changed.inputs }
  const wanted = { ...spec, ...changed.spec, market: { ...market, ...changed.market } }
  const payload = payloadOf('Evaluation', wanted, inputs)
  const outcome = await processEvaluation(payload, context, { ...portsOf(world), ...changed.ports })
  const values = Object.fromEntries(outcome.summary.metrics.map(({ name, value }) => [name, value]))
  return { outcome, summary: outcome.summary, values, world }
}

describe('an Evaluation of a marketplace', () => {
  test('judges its lists by the model itself and by the truth', async () => {
    const { summary, values, world } = await evaluate(await contextOf())
    expect(summary.cases).toBe(0)
    expect(summary.metrics[0].name).toBe('Truth/RPM')
    expect(values['Truth/RPM']).toBeCloseTo(values['Model/RPM'] / 2, 5)
    expect(values).toMatchObject({ AdsPerList: 2, IRViolations: 0, 'Model/Psi': 0, 'Truth/Psi': 0 })
    expect(values['Truth/ECE']).toBeCloseTo(values['Model/CTR'] / 2, 6)
    expect(values).toHaveProperty(['Logged/ECE'])
    expect(summary.market).toMatchObject({
      requests: 40,
      skipped: 0,
      paymentRule: 'VCG',
      judges: ['Model', 'Truth'],
      // Nobody has any regret: the first look is precise.
      audited: 10,
      auditEnded: 'Precise',
      bidder: 'Ad',
      auditHalfWidth: 0,
    })
    expect(world.released).toEqual(['VCG'])
  })

  test('has a held-out judge where one is named', async () => {
    const { values, summary, world } = await evaluate(await contextOf(), {
      market: { truth: false },
      inputs: { evaluator: inputOf('evaluator') },
    })
    expect(summary.market?.judges).toEqual(['Model', 'HeldOut'])
    expect(values['HeldOut/RPM']).toBeCloseTo(0.9 * values['Model/RPM'], 5)
    expect(Object.keys(values).filter((name) => name.startsWith('Truth'))).toEqual([])
    expect(world.released).toEqual(['VCG', 'evaluator'])
  })

  test('is compared with a champion on the same requests, and judged by gates', async () => {
    const gate = { judgedBy: 'IntervalBound' as const }
    const { summary, values } = await evaluate(await contextOf(), {
      inputs: { champion: inputOf('champion') },
      spec: {
        gates: [
          { ...gate, name: 'individual-rationality', metric: 'IRViolations', max: '0' },
          { ...gate, name: 'no-regret', metric: 'Model/Psi', max: '0.027' },
          { ...gate, name: 'earns-more', metric: 'Truth/RPM', minDifferenceToChampion: '0' },
        ],
      },
    })
    expect(summary.gates.map(({ passed }) => passed)).toEqual([true, true, false])
    expect(values['Champion Model/Psi']).toBeGreaterThan(0.1)
    const rpm = summary.comparison?.find(({ metric }) => metric === 'Truth/RPM')
    expect(rpm?.difference).toBeCloseTo(values['Truth/RPM'] - values['Champion Truth/RPM'], 9)
    expect(rpm?.high).toBeLessThan(0)
  })

  test('holds auctions with the reserves that it is given', async () => {
    const seen: AuctionRequest[] = []
    const ports = portsOf({ released: [], asked: 0 })
    const openMarketplace: MarketPorts['openMarketplace'] = async (digest, settings) => {
      const opened = await ports.openMarketplace(digest, settings)
      const allocate = (requests: readonly AuctionRequest[]) => {
        seen.push(...requests)
        return opened.allocator.allocate(requests)
      }
      return { ...opened, allocator: { ...opened.allocator, allocate } }
    }
    const reserves = {
      reservePrice: '0.5',
      slotReserves: ['2', '1'],
      advertiserReserves: [{ advertiser: 'b', price: '3' }],
    }
    await evaluate(await contextOf(), { market: { reserves }, ports: { openMarketplace } })
    for (const { slotReserves = [], adReserves = [] } of seen) {
      expect([...slotReserves]).toEqual([2, 1, 0])
      expect([...adReserves]).toEqual([0.5, 3, 0.5, 0.5, 3, 0.5])
    }
    expect(seen.length).toBeGreaterThanOrEqual(40)
  })

  const budgetedMarket = (...budget: number[]) => {
    const all = smallMarket(60)
    return { ...all, advertisers: { ...all.advertisers, budget: Float64Array.from(budget) } }
  }

  test('heeds the budgets of the Dataset, in proportion to the requests that it holds', async () => {
    const none = Number.POSITIVE_INFINITY
    const ports = { openMarket: async () => budgetedMarket(600, none, 1.5) }
    const { summary, values } = await evaluate(await contextOf(), { market: { budgets: { pacing: 'None' } }, ports })
    const { values: unbounded, summary: ignoring } = await evaluate(await contextOf(), { ports })
    expect(ignoring.market).not.toHaveProperty('budgets')
    expect(values['Truth/Welfare']).toBeLessThan(unbounded['Truth/Welfare'])
    const { budgets } = summary.market ?? {}
    expect(budgets).toMatchObject({ advertisers: 2, ranOut: 1 })
    expect(budgets?.refusedShare).toBeGreaterThan(0)
    // 40 of 60 requests are held: 1 of the last budget, 400 of the first.
    const revenue = ((values['Model/RPM'] * 3) / 1000) * 40
    expect((budgets?.spentShare ?? 0) * 401).toBeGreaterThan(1)
    expect((budgets?.spentShare ?? 0) * 401).toBeLessThan(revenue)
  })

  test('publishes every row, from which bench compares evaluations in pairs', async () => {
    const context = await contextOf()
    const { outcome } = await evaluate(context)
    const markets = await readMarkets(await context.store.open(outcome.artifact.digest))
    const { progress, sampled } = markets.systems.get('model') ?? {}
    expect(markets.requests).toHaveLength(40)
    expect(markets.clusters).toHaveLength(40)
    expect(progress?.shown).toBe(40)
    expect(progress?.outcomes.values.length).toBe(40 * 3 * (progress?.outcomes.columns.length ?? 0))
    expect(sampled).toEqual({ requests: 10, halfWidth: 0, ended: 'Precise' })
  })

  test('lets advertisers answer the mechanism', async () => {
    const champion = { champion: inputOf('champion') }
    const truthful = await evaluate(await contextOf(), { inputs: champion })
    const ports = portsOf({ released: [], asked: 0 }, firstPrice)
    const answered = await evaluate(await contextOf(), {
      inputs: champion,
      market: { bids: 'BestResponse' },
      ports: { openMarketplace: ports.openMarketplace },
    })
    expect(answered.summary.market).toMatchObject({ biddingRounds: 1, biddersMoved: 0 })
    expect(answered.values['Model/RPM']).toBeCloseTo(truthful.values['Model/RPM'], 6)
    // In a first price auction the truth leaves no utility; a tenth less does.
    expect(answered.values['Champion Model/AdvertiserUtility']).toBeGreaterThan(0)
  })

  test('estimates clicks from the log where it says enough, and refuses where it does not', async () => {
    const offPolicy = {
      estimators: ['IPS', 'SNIPS', 'DR'] as ('IPS' | 'SNIPS' | 'DR')[],
      minEffectiveSamples: 5,
      minPositives: 1,
    }
    const enough = await evaluate(await contextOf(), { spec: { offPolicy } })
    expect(enough.summary.offPolicy).toMatchObject({ supported: true, rows: 120 })
    expect(enough.values).toHaveProperty(['OffPolicy/DR'])
    const refused = await evaluate(await contextOf(), { spec: { offPolicy: { ...offPolicy, minPositives: 100 } } })
    expect(refused.summary.offPolicy).toMatchObject({
      supported: false,
      message: expect.stringContaining('positive rewards'),
    })
    expect(Object.keys(refused.values).filter((name) => name.startsWith('OffPolicy'))).toEqual([])
  })

  test('audits whoever bids by the model, unless it is told who does', async () => {
    // All ads of one advertiser: its losses are the gains of its other ads.
    const one = smallMarket(60)
    one.ads.advertiser.fill(0)
    const byAdvertiser: Partial<MarketPorts> = {
      openMarket: async () => one,
      openMarketplace: async () => ({ ...marketplace(gsp, 'GSP', { released: [], asked: 0 }), bidder: 'Advertiser' }),
    }
    const audit = { ...market.audit, losersPerRequest: 0 }
    const rows = async (changed: Changed) => {
      const { outcome } = await evaluate(await contextOf(), changed)
      const { systems } = await readMarkets(await store.open(outcome.artifact.digest))
      return systems.get('model')?.progress.regrets.values.length ?? 0
    }
    const whole = await rows({ ports: byAdvertiser, market: { audit } })
    const told = await rows({ ports: byAdvertiser, market: { audit: { ...audit, bidder: 'Ad' } } })
    expect(told).toBe(2 * whole)
  })

  test.each<[string, string, Changed]>([
    ['lists longer than those of the model', 'ListsTooLong', { market: { slots: 4 } }],
    [
      'lists longer than the evaluator knows',
      'ListsTooLong',
      {
        inputs: { evaluator: inputOf('evaluator') },
        ports: {
          openEvaluator: async () => ({ judgeLists: async () => [], slots: 2, release: async () => undefined }),
        },
      },
    ],
    ['a model without an auction', 'NoAuction', { ports: { openMarketplace: undefined as never } }],
    ['a Dataset without requests', 'NoMarket', { ports: { openMarket: async () => undefined } }],
    ['a truth that nobody knows', 'NoTruth', { market: { truth: true }, ports: { openTruth: async () => undefined } }],
    [
      'a reserve of an advertiser that nobody knows',
      'UnknownAdvertiser',
      { market: { reserves: { advertiserReserves: [{ advertiser: 'z', price: '1' }] } } },
    ],
    ['budgets that no advertiser has', 'NoBudgets', { market: { budgets: { pacing: 'None' } } }],
    ['a part without requests', 'NoRequests', { ports: { openMarket: async () => smallMarket(1) } }],
  ])('refuses %s for good', async (_, reason, changed) => {
    const ports = { ...changed.ports }
    if ('openMarketplace' in ports) ports.openMarketplace = (digest) => Promise.reject(noAuction(digest))
    await expect(evaluate(await contextOf(), { ...changed, ports })).rejects.toMatchObject({
      reason,
      retryable: false,
    })
  })
})

describe('a champion that the model cannot be compared with is refused before the model is measured', () => {
  const refusing = async (champion: (world: World) => Promise<Marketplace>, market: Partial<MarketEvaluation> = {}) => {
    const world: World = { released: [], asked: 0 }
    const openMarketplace: MarketPorts['openMarketplace'] = (digest, settings) =>
      digest === inputOf('champion') ? champion(world) : portsOf(world).openMarketplace(digest, settings)
    const changed = { inputs: { champion: inputOf('champion') }, ports: { openMarketplace }, market }
    const refusal = await evaluate(await contextOf(), changed, world).catch((error: unknown) => error)
    return { refusal, world }
  }

  test('where its lists are shorter', async () => {
    const short = async (world: World) => ({ ...marketplace(gsp, 'GSP', world), slots: 2 })
    const { refusal, world } = await refusing(short)
    expect(refusal).toMatchObject({
      reason: 'ListsTooLong',
      retryable: false,
      message: expect.stringMatching(/champion .* lists of 2 at most: set spec\.market\.slots to 2 or less/),
    })
    expect(world).toEqual({ released: ['GSP', 'VCG'], asked: 0 })
    expect((await refusing(short, { slots: 2 })).refusal).toHaveProperty('summary')
  })

  test('where it has no auction', async () => {
    const { refusal, world } = await refusing(() => Promise.reject(noAuction(inputOf('champion'))))
    expect(refusal).toMatchObject({ reason: 'NoAuction', retryable: false })
    expect(world).toEqual({ released: [], asked: 0 })
  })
})

describe('an Evaluation of a marketplace that is interrupted', () => {
  /** Time runs so fast that every piece of work is followed by a checkpoint; the job stops at the given one. */
  async function contextStoppingAt(context: TestContext, pieces: number): Promise<TestContext> {
    let [clock, done] = [0, 0]
    return {
      ...context,
      now: () => {
        clock += 20_000
        return clock
      },
      mayWrite: async () => {
        done++
        if (done > pieces) throw new Error('stopped')
      },
    }
  }

  async function expectGoesOn(changed: Changed, stops: readonly number[]): Promise<void> {
    const { outcome: expected, world: alone } = await evaluate(await contextOf(), changed)
    for (const pieces of stops) {
      const context = await contextOf()
      await store.checkpoints('ads', inputOf('Evaluation')).remove()
      await expect(evaluate(await contextStoppingAt(context, pieces), changed)).rejects.toThrow('stopped')
      const { outcome, world } = await evaluate(context, changed)
      expect(outcome.artifact.digest).toBe(expected.artifact.digest)
      expect(outcome.summary).toEqual(expected.summary)
      expect(world.asked).toBeLessThan(alone.asked)
    }
  }

  test('goes on from its checkpoint, and ends with the same bytes', () =>
    expectGoesOn({ inputs: { champion: inputOf('champion') }, market: { bids: 'BestResponse' } }, [1, 3, 9]))

  test('goes on so under budgets too', () => {
    const all = smallMarket(60)
    const bounded = { ...all, advertisers: { ...all.advertisers, budget: Float64Array.of(600, 3, 6) } }
    const inputs = { champion: inputOf('champion') }
    const ports = { openMarket: async () => bounded }
    return expectGoesOn({ inputs, ports, market: { budgets: { pacing: 'Throttling' } } }, [1, 9, 30])
  })

  test('publishes nothing and releases everything once another worker holds the job', async () => {
    await store.checkpoints('ads', inputOf('Evaluation')).remove()
    for (const supersededAt of ['Allocation', 'Champion Audit', 'mayWrite']) {
      const world: World = { released: [], asked: 0 }
      const inputs = { champion: inputOf('champion'), evaluator: inputOf('evaluator') }
      const running = evaluate(await contextOf({ supersededAt }), { inputs }, world)
      await expect(running).rejects.toMatchObject({ reason: 'Superseded' })
      expect(world.released.at(-1)).toBe('evaluator')
    }
  })
})
