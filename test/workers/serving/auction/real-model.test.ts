import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { contextIn } from '../../../../bench/recommendation/pipeline.ts'
import { publishRandomModel, type RandomModelSpecs } from '../../../../bench/serving/random-model.ts'
import type { RankEntry } from '../../../../crds/rank.ts'
import type { ProcessorContext } from '../../../../workers/processors/context.ts'
import { loadModel } from '../../../../workers/serving/load-model.ts'
import type { ServedModel } from '../../../../workers/serving/served-model.ts'
import { SessionThread } from '../../../../workers/tensor/session-thread.ts'
import { modelScene, settingsText } from './scene.ts'

const specs: RandomModelSpecs = {
  dataset: {
    source: { simulation: { users: 60, items: 60, seed: 3 } },
    minInteractionsPerUser: 1,
    advertising: { simulation: { seed: 3, sponsoredPercent: 40, adsPerRequest: 10, organicPerRequest: 10, slots: 4 } },
  },
  tokenizer: {
    features: { text: { dimensions: 8 } },
    levels: 2,
    codebookSize: 8,
    creatives: { levels: 1, codebookSize: 8 },
  },
  training: {
    model: {
      ...{ architecture: 'EGAV2', layers: 1, hiddenSize: 16, heads: 2, feedForwardSize: 16, historyLength: 4 },
      ega: { listLength: 4, historyTokens: 'Summed', candidateLists: 16, constraints: { maxAds: 3 } },
    },
    stages: { pretrain: {}, reward: {}, allocation: {}, payment: {} },
  },
}

const ega = { ...specs.training, model: (specs.training as { model: { ega: object } }).model }
const withEga = (changes: object, stages?: object): RandomModelSpecs => ({
  ...specs,
  training: {
    ...ega,
    model: { ...ega.model, ega: { ...ega.model.ega, ...changes } },
    ...(stages === undefined ? {} : { stages }),
  },
})

let folder: string
let context: ProcessorContext
const models: ServedModel[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'real-auction-'))
  context = { ...(await contextIn(folder, () => {})), threads: 1 }
})

afterAll(async () => {
  for (const model of models) await model.release()
  await rm(folder, { recursive: true, force: true })
})

async function load(made: RandomModelSpecs): Promise<ServedModel> {
  const { digest } = await publishRandomModel(context, made)
  const model = await loadModel(digest, { store: context.store, threads: 1, beamSize: 50, maxBatchSize: 4 })
  models.push(model)
  return model
}

const isAd = ({ ad }: RankEntry): boolean => ad !== undefined

describe('a model of EGA-V2', () => {
  let served: ServedModel
  beforeAll(async () => {
    served = await load(specs)
  })

  test('answers with priced ads and organic items, each in a creative of its own', async () => {
    const { rank } = modelScene(served)
    const { entries, auction, timings } = await rank({ slots: 4, explain: true })
    expect(entries.map(({ position }) => position)).toEqual([1, 2, 3, 4])
    expect(entries.filter(isAd).length).toBeGreaterThan(0)
    expect(entries.filter(isAd).length).toBeLessThanOrEqual(3)
    for (const { ad, item, creative, bid = 0, payment = 0, pCtr = 0, pCtrCreative = 0, explain } of entries) {
      expect(creative).toContain(item)
      expect(pCtr).toBeGreaterThan(0)
      expect(pCtrCreative).toBeGreaterThan(0)
      if (ad === undefined) continue
      for (const price of [payment, explain?.gsp, explain?.vcg]) {
        expect(price).toBeGreaterThanOrEqual(0)
        expect(price).toBeLessThanOrEqual(bid + 1e-9)
      }
    }
    expect(auction).toMatchObject({ alpha: 1.2, beta: 2, paymentRule: 'PaymentNetwork', listsConsidered: 16 })
    const parts = entries.reduce((sum, { payment = 0, pCtr = 0 }) => sum + payment * pCtr, 0)
    expect(auction?.expectedRevenue).toBeCloseTo(parts, 9)
    expect(Object.keys(timings.steps ?? {}).sort()).toEqual(['candidates', 'graph', 'tokenBids'])
  })

  test('answers other bids, weights and rules without another session', async () => {
    const { rank, ranker } = modelScene(served)
    const created = vi.spyOn(SessionThread, 'create')
    const before = await rank({ slots: 4 })
    const settings = { alpha: '0', beta: '1000', paymentRule: 'CriticalBid' as const }
    ranker.takeAuctionSettings(settingsText(settings))
    const after = await rank({ slots: 4 })
    expect(after.auction).toMatchObject({ alpha: 0, beta: 1000, paymentRule: 'CriticalBid' })
    const scores = ({ entries }: typeof before) => entries.map(({ score }) => score)
    expect(scores(after)).not.toEqual(scores(before))
    for (const { bid = 0, payment = 0 } of after.entries) expect(payment).toBeLessThanOrEqual(bid)
    ranker.takeAuctionSettings(settingsText({}))
    const unseen = await rank({
      slots: 4,
      candidates: {
        ads: [
          { id: 'item-9', bid: 1e6 },
          { id: 'item-8', bid: 0.01 },
        ],
      },
    })
    expect(unseen.entries.filter(isAd)).toMatchObject([{ item: 'item-9', bid: 1e6 }])
    expect(created).not.toHaveBeenCalled()
    expect(scores(await rank({ slots: 4 }))).toEqual(scores(before))
    created.mockRestore()
  })

  test('answers requests of several sizes in one call, each as alone', async () => {
    const { rank, post } = modelScene(served)
    const asked = [
      { slots: 2 },
      { slots: 4, user: { history: ['item-1', 'item-2'] } },
      { slots: 2, constraints: { maxAds: 0 } },
    ]
    const together = (await post(asked)).json<Awaited<ReturnType<typeof rank>>[]>()
    for (const [index, request] of asked.entries()) {
      const alone = await rank(request)
      expect(together[index].entries.map(({ item }) => item)).toEqual(alone.entries.map(({ item }) => item))
    }
    expect(together[2].entries.some(isAd)).toBe(false)
  })
})

test('a cascade answers, prices by GSP and takes no weights of tokens', async () => {
  const served = await load(withEga({ allocation: 'Cascade', paymentRule: 'GSP', bidding: { weights: 'None' } }))
  const { rank, ranker, metric } = modelScene(served)
  const { entries, auction } = await rank({ slots: 4, explain: true })
  expect(entries.filter(isAd).length).toBe(3)
  expect(auction?.alpha).toBeUndefined()
  expect(new Set(entries.map(({ explain }) => explain?.weight))).toEqual(new Set([1]))
  ranker.takeAuctionSettings(settingsText({ alpha: '1' }))
  expect(await metric('adloom_auction_settings_refused')).toEqual([expect.stringContaining('NoTokenBids')])
})

test('a model that only judges is not served', async () => {
  const { digest } = await publishRandomModel(context, withEga({}, { reward: {} }))
  const options = { store: context.store, threads: 1, beamSize: 50, maxBatchSize: 4 }
  await expect(loadModel(digest, options)).rejects.toMatchObject({
    reason: 'IncompleteModel',
    retryable: false,
    message: expect.stringContaining('has no generator'),
  })
})
