import { describe, expect, it } from 'vitest'
import type { RankAnswer } from '../../../../crds/rank.ts'
import { revisionOf } from '../../../../workers/artifacts/digest.ts'
import { fakeAuction, pCtrAt } from './fake-auction.ts'
import { auctionScene, settingsText } from './scene.ts'

const itemsOf = ({ entries }: RankAnswer): string[] => entries.map(({ item }) => item)

describe('POST /v1/rank of a model with an auction', () => {
  it('answers items, creatives, slots, bids and payments, and by which settings', async () => {
    const { rank } = auctionScene(fakeAuction())
    const candidates = { ads: [{ id: 'ad-0' }, { id: 'ad-3', bid: 8 }], organic: ['item-5', 'item-4'] }
    expect(await rank({ requestId: 'q', slots: 3, candidates })).toEqual({
      requestId: 'q',
      model: { name: 'feed', digest: 'sha256:1', revision: 'r1' },
      entries: [
        {
          ...{ position: 1, item: 'item-13', score: Math.fround(Math.log(10)), ad: 'ad-3', advertiser: 'south' },
          ...{ pCtr: pCtrAt(0), pCvr: 0.125, bid: 8, payment: 1 },
        },
        {
          ...{ position: 2, item: 'item-10', score: Math.fround(Math.log(3)), ad: 'ad-0', advertiser: 'north' },
          ...{ creative: 'red', pCtr: pCtrAt(1), pCtrCreative: 0.25, pCvr: 0.125, bid: 1, payment: 0 },
        },
        { position: 3, item: 'item-5', score: 0, pCtr: Math.fround(pCtrAt(2)), pCvr: 0.125 },
      ],
      auction: {
        ...{ settingsRevision: revisionOf({}), alpha: 1, beta: 2, paymentRule: 'GSP', reservePrice: 0 },
        rewardWeights: { lambdaConversion: 0, lambdaOrganic: 0 },
        ...{ constraints: { maxAds: 3, minGap: 0 }, eligibleAds: 2, listsConsidered: 2 },
        ...{ reward: 8 * pCtrAt(0) + 1 * pCtrAt(1), expectedRevenue: 1 * pCtrAt(0) },
      },
      skipped: [],
      timings: {
        queueMilliseconds: expect.any(Number),
        decodeMilliseconds: expect.any(Number),
        paymentMilliseconds: expect.any(Number),
        steps: { search: 1 },
      },
    })
  })

  it('says with explain why each entry won, and what it would have paid', async () => {
    const { rank } = auctionScene(fakeAuction())
    const candidates = { ads: [{ id: 'ad-0' }, { id: 'ad-3', bid: 8 }], organic: ['item-5'] }
    const { entries } = await rank({ slots: 3, candidates, explain: true })
    const rewardWithoutFirst = 1 * pCtrAt(0)
    // Both lists have the second: what they are worth where it bids nothing.
    const rewardWithoutSecond = 8 * pCtrAt(0)
    expect(entries.map(({ explain }) => explain)).toEqual([
      // Bids are counted in units of 2: 8 / 2 + 2.
      { logZ: Math.fround(Math.log(10)), weight: 6, lists: 1, rewardWithout: rewardWithoutFirst, gsp: 1, vcg: 2 },
      { logZ: Math.fround(Math.log(3)), weight: 2.5, lists: 2, rewardWithout: rewardWithoutSecond, gsp: 0, vcg: 0.25 },
      { logZ: 0, weight: 2, lists: 2 },
    ])
  })

  it('says with explain the weight of the bid that was expected, where lists are searched by those', async () => {
    const expectedBids = new Float32Array(16).fill(2)
    expectedBids[10] = 6
    const { rank } = auctionScene(fakeAuction({ expectedBids }))
    const candidates = { ads: [{ id: 'ad-0', bid: 100 }, { id: 'ad-1' }], organic: ['item-5'] }
    const { entries } = await rank({ slots: 3, candidates, explain: true })
    // Bids are counted in units of 2: 6 / 2 + 2, whatever was bid.
    expect(entries.map(({ explain }) => explain?.weight)).toEqual([5, 3, 2])
  })

  it('answers a batch in its order, decoded together', async () => {
    const auction = fakeAuction()
    const { post } = auctionScene(auction, { serving: { maxBatchSize: 4 } })
    const ads = (id: string) => ({ slots: 1, candidates: { ads: [{ id }], organic: [] } })
    const answers = (
      await post([ads('ad-1'), { slots: 1, candidates: { ads: [], organic: ['item-3'] } }, ads('ad-2')])
    ).json<RankAnswer[]>()
    expect(answers.map(itemsOf)).toEqual([['item-11'], ['item-3'], ['item-12']])
    expect(auction.runs.map(({ requests }) => requests.length)).toEqual([3])
  })

  it('answers an empty list where nothing may be shown, and does not ask the model', async () => {
    const auction = fakeAuction()
    const { rank } = auctionScene(auction)
    const answer = await rank({ candidates: { ads: [{ id: 'what' }], organic: [] } })
    expect(answer).toMatchObject({
      entries: [],
      skipped: [{ id: 'what', reason: 'UnknownAd' }],
      auction: { eligibleAds: 0, listsConsidered: 0, expectedRevenue: 0 },
    })
    expect(auction.runs).toEqual([])
  })

  const manyAds = Array.from({ length: 21 }, (_, index) => ({ id: `x${index}` }))
  it.each<[problem: string, body: unknown, field: string]>([
    ['an ad that is no object', { candidates: { ads: ['ad-0'] } }, '/candidates/ads/0'],
    ['an ad without an id', { candidates: { ads: [{ bid: 1 }] } }, '/candidates/ads/0'],
    ['a bid below zero', { candidates: { ads: [{ id: 'a', bid: -0.1 }] } }, '/candidates/ads/0/bid'],
    ['a bid beyond any currency', { candidates: { ads: [{ id: 'a', bid: 1e10 }] } }, '/candidates/ads/0/bid'],
    ['a bid that is a text', { candidates: { ads: [{ id: 'a', bid: '1' }] } }, '/candidates/ads/0/bid'],
    ['no creative', { candidates: { ads: [{ id: 'a', creatives: [] }] } }, '/candidates/ads/0/creatives'],
    ['an unknown field of an ad', { candidates: { ads: [{ id: 'a', price: 1 }] } }, '/candidates/ads/0/price'],
    ['more ads than the model takes', { candidates: { ads: manyAds } }, '/candidates/ads'],
    [
      'more organic items than it takes',
      { candidates: { organic: manyAds.map(({ id }) => id) } },
      '/candidates/organic',
    ],
    ['a bound below zero', { constraints: { maxAds: -1 } }, '/constraints/maxAds'],
    ['an unknown constraint', { constraints: { maxads: 1 } }, '/constraints/maxads'],
    ['a word as truth', { explain: 'yes' }, '/explain'],
    ['more slots than the model has', { slots: 7 }, '/slots'],
    ['a fault in a batch', [{}, { slots: 7 }], '/1/slots'],
  ])('refuses %s and points at it', async (_, body, field) => {
    const auction = fakeAuction()
    const answer = await auctionScene(auction).post(body)
    expect(answer.statusCode).toBe(400)
    expect(answer.json()).toMatchObject({ error: { code: 'InvalidRequest', field } })
    expect(auction.runs).toEqual([])
  })

  it('counts revenue by rule, ads, and those that take no part by reason', async () => {
    const { rank, metric } = auctionScene(fakeAuction(), { auctionSettings: { paymentRule: 'FirstPrice' } })
    await rank({ slots: 2, candidates: { ads: [{ id: 'ad-1' }, { id: 'ad-5' }], organic: [] } })
    expect(await metric('adloom_auction_expected_revenue_total')).toEqual([
      `adloom_auction_expected_revenue_total{rule="FirstPrice"} ${2 * pCtrAt(0)}`,
    ])
    expect(await metric('adloom_auction_excluded')).toEqual(['adloom_auction_excluded_ads_total{reason="NoBid"} 1'])
    expect(await metric('adloom_auction_ads_per_list_sum')).toEqual(['adloom_auction_ads_per_list_sum 1'])
    expect(await metric('adloom_rank_lists_total')).toEqual(['adloom_rank_lists_total 1'])
  })

  it('charges budgets with what a list is expected to cost', async () => {
    const auction = fakeAuction()
    const budgets = { pacing: 'None' as const, periodSeconds: 3600, advertisers: [{ advertiser: 'west', amount: '7' }] }
    const settings = { paymentRule: 'FirstPrice' as const, budgets }
    const { rank, ranker } = auctionScene(auction, { auctionSettings: settings })
    expect(auction.pacer.plan).toEqual({ pacing: 'None', periodSeconds: 3600, budgets: Float64Array.of(100, 50, 7) })
    await rank({
      slots: 2,
      candidates: { ads: [{ id: 'ad-1' }, { id: 'item-7', bid: 9, advertiser: 'new' }], organic: [] },
    })
    expect(auction.pacer.charges).toEqual([{ advertiser: 0, amount: 2 * pCtrAt(1) }])
    // A Pod more, and each has the half.
    ranker.takeAuctionSettings(settingsText(settings, 2))
    expect(auction.pacer.plan?.budgets).toEqual(Float64Array.of(50, 25, 3.5))
    auction.pacer.factors.set(2, 0)
    const { skipped } = await rank({ candidates: { ads: [{ id: 'ad-4' }], organic: [] } })
    expect(skipped).toEqual([{ id: 'ad-4', reason: 'OutOfBudget' }])
  })

  it('is not started with a size of beams, which it does not have', () => {
    const start = (beamSize: number) => auctionScene(fakeAuction(), { serving: { beamSize } })
    expect(() => start(51)).toThrow(/spec\.serving\.beamSize.*leave it out.*auction\.candidateLists/)
    expect(start(50).ranker.loadedDigest).toBe('sha256:1')
  })

  it('is not started with exploration, whose beams it does not have', () => {
    const serving = { exploration: { temperature: '1' } }
    expect(() => auctionScene(fakeAuction(), { serving })).toThrow('spec.serving.exploration')
  })
})

describe('a model without an auction', () => {
  it('is not started with a number of candidate lists', () => {
    const serving = { auction: { candidateLists: 8 } }
    expect(() => auctionScene(undefined, { serving })).toThrow('spec.serving.auction.candidateLists')
  })

  it.each<[object, string]>([
    [{ candidates: { ads: [] } }, '/candidates/ads'],
    [{ constraints: {} }, '/constraints'],
    [{ explain: false }, '/explain'],
    [[{}, { explain: true }] as unknown as object, '/1/explain'],
    [{ user: { history: ['item-1'], historyCreatives: [null] } }, '/user/historyCreatives'],
  ])('refuses %j', async (body, field) => {
    const answer = await auctionScene(undefined).post(body)
    expect(answer.statusCode).toBe(400)
    expect(answer.json()).toEqual({
      error: { code: 'InvalidRequest', message: expect.stringContaining('model with an auction'), field },
    })
  })

  it('answers byte by byte as it did before there were auctions', async () => {
    const { post } = auctionScene(undefined)
    const { body } = await post({ requestId: 'q', slots: 2 })
    expect(body.replace(/Milliseconds":[\d.e-]+/g, 'Milliseconds":0')).toBe(
      '{"requestId":"q","model":{"name":"feed","digest":"sha256:1","revision":"r1"},' +
        '"entries":[{"position":1,"item":"item-0","score":0},{"position":2,"item":"item-1","score":-1}],' +
        '"skipped":[],"timings":{"queueMilliseconds":0,"decodeMilliseconds":0}}',
    )
  })
})
