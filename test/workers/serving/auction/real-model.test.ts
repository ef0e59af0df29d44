import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { RankAnswer, RankEntry } from '../../../../crds/rank.ts'
import { openDataset } from '../../../../workers/data/dataset-reader.ts'
import { openMarket } from '../../../../workers/data/market/open-market.ts'
import type { ServedModel } from '../../../../workers/serving/served-model.ts'
import { SessionThread } from '../../../../workers/tensor/session-thread.ts'
import {
  expectPricedList,
  expectSameAlone,
  isAd,
  type RealModels,
  realModels,
  smallLists,
  smallSizes,
} from './real-scene.ts'
import { modelScene, settingsText } from './scene.ts'

const allStages = { pretrain: {}, reward: {}, allocation: {}, payment: {} }
const training = (changes: object = {}, stages: object = allStages) => ({
  model: { architecture: 'EGAV2', ...smallSizes, ega: { ...smallLists, candidateLists: 16, ...changes } },
  stages,
})

let models: RealModels
beforeAll(async () => {
  models = await realModels()
}, 60_000)
afterAll(() => models?.release())

/** What an ad won by is what the others lose by it and what it bids: the price by VCG, within reserve and bid, follows. */
function expectVcg(entries: readonly RankEntry[], reward = Number.NaN): void {
  for (const { ad, bid = 0, pCtr = 0, explain } of entries) {
    if (ad === undefined) continue
    const price = ((explain?.rewardWithout ?? Number.NaN) - (reward - bid * pCtr)) / pCtr
    expect(explain?.vcg).toBeCloseTo(Math.min(bid, Math.max(0, price)), 9)
  }
}

describe('a model of EGA-V2', () => {
  let served: ServedModel
  beforeAll(async () => {
    served = await models.load(await models.publish(training()))
  }, 60_000)

  test('answers with priced ads and organic items, each in a creative of its own', async () => {
    const { rank } = modelScene(served)
    const { entries, auction, timings } = await rank({ slots: 4, explain: true })
    expectPricedList(entries)
    expect(auction).toMatchObject({ alpha: 1.2, beta: 2, paymentRule: 'PaymentNetwork', listsConsidered: 16 })
    const parts = entries.reduce((sum, { payment = 0, pCtr = 0 }) => sum + payment * pCtr, 0)
    expect(auction?.expectedRevenue).toBeCloseTo(parts, 9)
    expectVcg(entries, auction?.reward)
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

  test('lets each advertiser of a call into one list, where a click may cost all of its budget', async () => {
    const { post, ranker } = modelScene(served)
    const budgets = { pacing: 'None' as const, periodSeconds: 31_536_000, datasetPeriods: 1_000_000 }
    ranker.takeAuctionSettings(settingsText({ budgets }))
    const answers = (await post(Array.from({ length: 12 }, () => ({ slots: 4 })))).json<RankAnswer[]>()
    const shown = answers.flatMap(({ entries }) => [
      ...new Set(entries.filter(isAd).map(({ advertiser }) => advertiser)),
    ])
    expect(shown.length).toBeGreaterThan(0)
    expect(new Set(shown).size).toBe(shown.length)
    expect(answers.map(({ entries }) => entries.length)).toEqual(answers.map(() => 4))
    ranker.takeAuctionSettings(settingsText({}))
  })

  test('answers a user whom it looks up as one whose history is told, with the creatives of its clicks', async () => {
    const dataset = await models.store.open(models.dataset)
    const { userIds } = await openDataset(dataset)
    const { creatives } = (await openMarket(dataset)) ?? {}
    const { historyLength } = smallSizes
    const id =
      userIds.find((user) =>
        served
          .creativesOf?.(user)
          ?.subarray(-historyLength)
          .some((each) => each >= 0),
      ) ?? ''
    const history = Array.from(served.historyOf(id) ?? [], (item) => served.itemIds[item])
    const historyCreatives = Array.from(served.creativesOf?.(id) ?? [], (each) => creatives?.ids[each] ?? null)
    expect(historyCreatives).toHaveLength(history.length)
    const { rank } = modelScene(served)
    const scores = async (user: object) => {
      const { entries, skipped } = await rank({ slots: 4, user })
      expect(skipped).toEqual([])
      return entries.map(({ item, creative, score, payment }) => ({ item, creative, score, payment }))
    }
    const known = await scores({ id })
    expect(known).toEqual(await scores({ history, historyCreatives }))
    expect(known).not.toEqual(await scores({ history }))
    expect(served.creativesOf?.('nobody')).toBeUndefined()
  })

  test('answers requests of several sizes in one call, each as alone', () => expectSameAlone(modelScene(served)))
})

test('a model that searches by expected bids explains the weights that it searched by', async () => {
  const expected = training({ bidding: { bids: 'Expected' } })
  const served = await models.load(await models.publish(expected))
  const { rank } = modelScene(served)
  const asked = (bid: number) => ({ slots: 4, candidates: { ads: [{ id: 'item-9', bid }] }, explain: true })
  const weights = []
  for (const bid of [100, 200]) {
    const { entries } = await rank(asked(bid))
    weights.push(entries.find(isAd)?.explain?.weight)
  }
  expect(weights[0]).toBeGreaterThan(2)
  expect(weights[0]).toBeLessThan(50)
  expect(weights[1]).toBe(weights[0])
})

test('a model that weighs by bids in money explains its weights so, with an alpha and beta set since too', async () => {
  const served = await models.load(await models.publish(training({ bidding: { unit: 'Money' } })))
  const { rank, ranker } = modelScene(served)
  const ads = [{ id: 'item-9', bid: 9 }]
  const weight = async () => {
    const { entries } = await rank({ slots: 4, candidates: { ads }, explain: true })
    return entries.find(isAd)?.explain?.weight
  }
  expect(await weight()).toBeCloseTo(9 ** 1.2 + 2, 9)
  ranker.takeAuctionSettings(settingsText({ alpha: '0.5', beta: '1' }))
  expect(await weight()).toBeCloseTo(4, 9)
})

test('a cascade answers, prices by GSP and takes no weights of tokens', async () => {
  const cascade = training({ allocation: 'Cascade', paymentRule: 'GSP', bidding: { weights: 'None' } })
  const served = await models.load(await models.publish(cascade))
  const { rank, ranker, metric } = modelScene(served)
  const { entries, auction } = await rank({ slots: 4, explain: true })
  expect(entries.filter(isAd).length).toBe(3)
  expect(auction?.alpha).toBeUndefined()
  expect(auction?.listsConsidered).toBe(2)
  expectVcg(entries, auction?.reward)
  expect(new Set(entries.map(({ explain }) => explain?.weight))).toEqual(new Set([1]))
  ranker.takeAuctionSettings(settingsText({ alpha: '1' }))
  expect(await metric('adloom_auction_settings_refused')).toEqual([expect.stringContaining('NoTokenBids')])
})

test('a model that only judges is not served', async () => {
  const judge = await models.publish(training({}, { reward: {} }))
  await expect(models.load(judge)).rejects.toMatchObject({
    reason: 'IncompleteModel',
    retryable: false,
    message: expect.stringContaining('has no generator'),
  })
})
