import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { RankAnswer } from '../../../../crds/rank.ts'
import {
  openAuctionModel,
  openAuctionRecommender,
  openJudge,
} from '../../../../workers/decoding/auction/open-auction-model.ts'
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

const steps = { interestTokens: 2, fakeItems: 4, refinementLayers: 1 }
const training = {
  model: {
    ...{ architecture: 'OneRanker', ...smallSizes },
    oneRanker: { ...smallLists, ...steps, objective: { organic: '1' } },
  },
  stages: { pretrain: {}, reward: {}, ranking: {}, payment: {} },
}

let models: RealModels
let digest: string
let served: ServedModel

beforeAll(async () => {
  models = await realModels()
  digest = await models.publish(training)
  served = await models.load(digest)
}, 60_000)
afterAll(() => models?.release())

describe('a model of OneRanker', () => {
  test('answers as a model of EGA-V2 does: priced ads and organic items, each in a creative, with reasons', async () => {
    const { rank } = modelScene(served)
    const { entries, auction, timings } = await rank({ slots: 4, explain: true })
    expectPricedList(entries)
    for (const entry of entries) {
      expect(entry.score).toBeLessThan(0)
      expect(entry.explain?.weight).toBe(1)
      if (isAd(entry)) expect(entry.explain?.rewardWithout).toBeGreaterThan(0)
    }
    expect(auction).toMatchObject({ paymentRule: 'PaymentNetwork', listsConsidered: 1 + entries.filter(isAd).length })
    expect(auction?.alpha ?? auction?.beta).toBeUndefined()
    expect(Object.keys(timings.steps ?? {}).sort()).toEqual(['graph', 'lists'])
  })

  test('prices by any rule, takes other reserves and objectives without another session, and no weights of tokens', async () => {
    const { rank, ranker, metric } = modelScene(served)
    await rank({ slots: 4 })
    const created = vi.spyOn(SessionThread, 'create')
    for (const paymentRule of ['GSP', 'VCG', 'FirstPrice', 'CriticalBid'] as const) {
      ranker.takeAuctionSettings(settingsText({ paymentRule }))
      const { entries, auction } = await rank({ slots: 4 })
      expect(auction?.paymentRule).toBe(paymentRule)
      for (const { bid = 0, payment = 0 } of entries) expect(payment).toBeLessThanOrEqual(bid)
      if (paymentRule === 'FirstPrice') for (const { bid, payment } of entries) expect(payment).toBe(bid)
    }
    ranker.takeAuctionSettings(settingsText({ reward: { lambdaOrganic: '100000' } }))
    expect((await rank({ slots: 4 })).entries.some(isAd)).toBe(false)
    ranker.takeAuctionSettings(settingsText({ alpha: '1' }))
    expect(await metric('adloom_auction_settings_refused')).toEqual([expect.stringContaining('NoTokenBids')])
    ranker.takeAuctionSettings(settingsText({ reward: { lambdaOrganic: '0' } }))
    expect(await metric('adloom_auction_settings_refused')).toEqual([expect.stringContaining('OrganicValueTooLow')])
    expect(created).not.toHaveBeenCalled()
    created.mockRestore()
  })

  test('answers requests of several sizes in one call, each as alone, and a known user by what was kept', () =>
    expectSameAlone(modelScene(served), { user: { id: 'user-1' } }))

  describe('that is told when things happened', () => {
    const hour = 3_600_000
    /** Of user-1 with what it took, asked a day after the last of it. */
    function scene() {
      const taken = Float64Array.from(served.times?.of?.('user-1') ?? [])
      const now = (taken.at(-1) ?? Number.NaN) + 24 * hour
      const model = { ...served, times: { ...served.times, now: () => now } }
      const history = Array.from(served.historyOf('user-1') ?? [], (item) => served.itemIds[item])
      const timed = (times: Iterable<number>) => ({
        history,
        historyTimes: Array.from(times, (time) => new Date(time).toISOString()),
      })
      // Behaviours at other hours, with other gaps.
      const earlier = taken.map((time, index) => time - 5 * hour * (taken.length - index))
      return { ...modelScene(model), now, history, taken, timed, earlier }
    }
    const told = ({ entries, auction, skipped }: RankAnswer) => ({ entries, auction, skipped })
    const asked = (user: object, more: object = {}) => ({ slots: 4, explain: true, user, ...more })

    test('answers a history with times as the user of whom it is known', async () => {
      const { rank, history, timed, taken, now } = scene()
      expect(history.length).toBeGreaterThan(smallSizes.historyLength)
      const known = told(await rank(asked({ id: 'user-1' })))
      expect(told(await rank(asked(timed(taken))))).toEqual(known)
      expect(told(await rank(asked(timed(taken), { time: new Date(now).toISOString() })))).toEqual(known)
      expect(told(await rank(asked({ history })))).not.toEqual(known)
      const later = { time: new Date(now - 7 * hour).toISOString() }
      const other = told(await rank(asked({ id: 'user-1' }, later)))
      expect(other).not.toEqual(known)
      expect(told(await rank(asked(timed(taken), later)))).toEqual(other)
    })

    test('keeps what it made of one history at different times apart', async () => {
      const { rank, post, history, timed, taken, earlier } = scene()
      const users = [timed(taken), timed(earlier), { history }, { id: 'user-1' }]
      const first = []
      for (const user of users) first.push(told(await rank(asked(user))))
      expect(new Set(first.map((answer) => JSON.stringify(answer))).size).toBe(3)
      for (const [index, user] of [...users.entries()].reverse())
        expect(told(await rank(asked(user)))).toEqual(first[index])
      const together = (await post(users.map((user) => asked(user)))).json<RankAnswer[]>()
      for (const [index, { entries }] of together.entries()) {
        expect(entries.map(({ item }) => item)).toEqual(first[index].entries.map(({ item }) => item))
        expect(entries[0].score).toBeCloseTo(first[index].entries[0].score, 5)
      }
      expect(together[3].entries).toEqual(together[0].entries)
    })
  })

  test('is not served with a bound on lists, which it does not search', async () => {
    const asked = models.load(digest, { candidateLists: 8 })
    await expect(asked).rejects.toMatchObject({ retryable: false, message: expect.stringContaining('candidateLists') })
  })

  test('is opened by its digest for auctions, full ranking and judging alike', async () => {
    const { store } = models
    const opened = await openAuctionModel(digest, { store, threads: 1, maxBatch: 4 })
    expect(opened).toMatchObject({ slots: 4, bidding: 'None', hasPaymentNetwork: true })
    const recommender = await openAuctionRecommender(await store.open(digest), 1)
    const [list] = await recommender.recommend([Uint32Array.of(1, 2)], 5)
    expect(new Set(list).size).toBe(5)
    const { scorer } = await openJudge(digest, { store, threads: 1 })
    const isShown = { history: Uint32Array.of(1), items: Uint32Array.of(2), isAd: Uint8Array.of(1) }
    expect((await scorer.score([isShown]))[0].pCtr).toHaveLength(1)
    for (const each of [opened, recommender, scorer]) await each.release()
  })
})
