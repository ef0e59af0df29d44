import { describe, expect, it } from 'vitest'
import type { LiveAuctionSettings } from '../../../../crds/auction-settings.ts'
import { revisionOf } from '../../../../workers/artifacts/digest.ts'
import { fakeAuction } from './fake-auction.ts'
import { auctionScene, settingsText } from './scene.ts'

const asked = { slots: 2, candidates: { ads: [{ id: 'ad-3' }, { id: 'ad-1' }], organic: [] } }

describe('settings that change while a server answers', () => {
  it('hold from the next request on, and are named in its answer', async () => {
    const auction = fakeAuction()
    const { ranker, rank, metric } = auctionScene(auction, { auctionSettings: { alpha: '1.5' } })
    const before = await rank(asked)
    expect(before.auction).toMatchObject({ settingsRevision: revisionOf({ alpha: '1.5' }), alpha: 1.5, beta: 2 })
    const next: LiveAuctionSettings = {
      alpha: '2',
      beta: '0.5',
      paymentRule: 'FirstPrice',
      constraints: { maxAds: 1 },
      reward: { lambdaOrganic: '0.25' },
    }
    ranker.takeAuctionSettings(settingsText(next))
    const after = await rank(asked)
    expect(after.auction).toMatchObject({
      settingsRevision: revisionOf(next),
      ...{ alpha: 2, beta: 0.5, paymentRule: 'FirstPrice', constraints: { maxAds: 1 } },
    })
    expect(after.auction?.rewardWeights).toEqual({ lambdaConversion: 0, lambdaOrganic: 0.25 })
    expect(after.entries).toMatchObject([{ ad: 'ad-3', bid: 4, payment: 4 }])
    expect(auction.runs[1].weights).toEqual({ alpha: 2, beta: 0.5, lambdaConversion: 0, lambdaOrganic: 0.25 })
    expect(await metric('adloom_auction_settings')).toEqual([
      `adloom_auction_settings_info{revision="${revisionOf(next)}"} 1`,
    ])
  })

  it('do not reach requests that wait already, which one run then answers by theirs', async () => {
    const held = Promise.withResolvers<void>()
    const auction = fakeAuction()
    const { allocate } = auction.model
    const slow = {
      ...auction,
      model: {
        ...auction.model,
        allocate: async (...given: Parameters<typeof allocate>) => {
          await held.promise
          return allocate(...given)
        },
      },
    }
    const { ranker, rank } = auctionScene(slow)
    const first = rank(asked)
    await expect.poll(() => ranker.metrics.registry.getSingleMetricAsString('adloom_rank_in_flight')).toContain(' 1')
    const waiting = rank(asked)
    await expect.poll(() => ranker.metrics.registry.getSingleMetricAsString('adloom_rank_queue_length')).toContain(' 1')
    ranker.takeAuctionSettings(settingsText({ alpha: '3' }))
    const late = rank(asked)
    await expect.poll(() => ranker.metrics.registry.getSingleMetricAsString('adloom_rank_queue_length')).toContain(' 2')
    held.resolve()
    const alphas = (await Promise.all([first, waiting, late])).map(({ auction: made }) => made?.alpha)
    expect(alphas).toEqual([1, 1, 3])
    expect(auction.runs.map(({ requests, weights }) => [requests.length, weights.alpha])).toEqual([
      [1, 1],
      [1, 1],
      [1, 3],
    ])
  })

  it.each<[problem: string, text: string, reason: string, words: string]>([
    ['no JSON', '{"settings":', 'InvalidFile', 'no JSON'],
    ['of another form', '{"settings":{"alpha":1.2}}', 'InvalidFile', '/settings/alpha must be string'],
    ['no object', '[]', 'InvalidFile', 'must be object'],
    ['without settings', '{"pods":2}', 'InvalidFile', 'must have required'],
    ['null', 'null', 'InvalidFile', 'must be object'],
    ['a word for a number', '{"settings":{"alpha":"much"}}', 'InvalidFile', '/settings/alpha must match pattern'],
    ['of a newer version', '{"settings":{"gamma":"1"}}', 'InvalidFile', '/settings/gamma is no field'],
    [
      'a rule that the model cannot',
      '{"settings":{"paymentRule":"PaymentNetwork"}}',
      'NoPaymentNetwork',
      'payment stage',
    ],
    ['weights of nothing', '{"settings":{"alpha":"0","beta":"0.0"}}', 'NothingWeighed', 'both 0: no bid'],
  ])('that are %s leave the last good ones, and say so', async (_, text, reason, words) => {
    const { ranker, rank, metric, get, lines } = auctionScene(fakeAuction(), { auctionSettings: { alpha: '1.5' } })
    ranker.takeAuctionSettings(text)
    expect((await rank(asked)).auction).toMatchObject({ alpha: 1.5, settingsRevision: revisionOf({ alpha: '1.5' }) })
    expect(await metric('adloom_auction_settings_refused')).toEqual([
      expect.stringMatching(
        new RegExp(`^adloom_auction_settings_refused{revision="[0-9a-f]{10}",reason="${reason}"} 1$`),
      ),
    ])
    expect((await get('/v2/models/feed')).json().parameters).toMatchObject({
      settingsRevision: revisionOf({ alpha: '1.5' }),
      settingsRefused: expect.stringContaining(words),
    })
    expect(lines.at(-1)).toContain('Refuses')
    ranker.takeAuctionSettings(settingsText({}))
    expect(await metric('adloom_auction_settings_refused')).toEqual([])
    expect((await rank(asked)).auction?.alpha).toBe(1)
  })

  it('that leave nothing to weigh by, with what the model has, are refused', async () => {
    const of = (alpha: number, beta: number) => ({ defaults: { ...fakeAuction().model.defaults, alpha, beta } })
    for (const [own, settings, words] of [
      [of(1, 0), { alpha: '0' }, 'both 0, beta by the model'],
      [of(0, 1), { beta: '0' }, 'both 0, alpha by the model'],
    ] as const) {
      const { get, rank } = auctionScene(fakeAuction(own), { auctionSettings: settings })
      const { parameters } = (await get('/v2/models/feed')).json()
      expect(parameters.settingsRefused).toContain(words)
      expect((await rank(asked)).auction).toMatchObject({ alpha: own.defaults.alpha, beta: own.defaults.beta })
    }
  })

  it('that are gone leave the last ones, as nobody removes them on purpose', async () => {
    const { ranker, rank } = auctionScene(fakeAuction(), { auctionSettings: { alpha: '1.5' } })
    ranker.takeAuctionSettings(undefined)
    expect((await rank(asked)).auction?.alpha).toBe(1.5)
  })

  it('take the network where the model has one', async () => {
    const { rank } = auctionScene(fakeAuction({ hasPaymentNetwork: true }), {
      auctionSettings: { paymentRule: 'PaymentNetwork' },
    })
    expect((await rank(asked)).entries).toMatchObject([
      { bid: 4, payment: 2 },
      { bid: 2, payment: 1 },
    ])
  })

  it('are refused by a model that has no auction, but for empty ones', async () => {
    const { ranker, metric } = auctionScene(undefined)
    expect(await metric('adloom_auction_settings')).toEqual([])
    ranker.takeAuctionSettings(settingsText({ alpha: '2' }))
    expect(await metric('adloom_auction_settings')).toEqual([
      `adloom_auction_settings_refused{revision="${revisionOf({ alpha: '2' })}",reason="NoAuction"} 1`,
    ])
    ranker.takeAuctionSettings(settingsText({}))
    expect(await metric('adloom_auction_settings')).toEqual([
      `adloom_auction_settings_info{revision="${revisionOf({})}"} 1`,
    ])
  })

  it('of advertisers are named in the answer as far as those are shown, where they ask for more than all do', async () => {
    const reserves = [
      { advertiser: 'south', price: '1.5' },
      { advertiser: 'north', price: '0.5' },
      { advertiser: 'west', price: '2' },
    ]
    const { rank } = auctionScene(fakeAuction(), {
      auctionSettings: { reservePrice: '0.75', advertiserReserves: reserves },
    })
    const { auction, entries } = await rank({
      slots: 3,
      candidates: { ads: ['ad-3', 'ad-2', 'ad-1'].map((id) => ({ id })), organic: [] },
    })
    expect(entries.map(({ advertiser }) => advertiser)).toEqual(['south', 'south', 'north'])
    expect(auction?.advertiserReserves).toEqual([{ advertiser: 'south', price: 1.5 }])
    const guest = await rank({ candidates: { ads: [{ id: 'item-7', bid: 9, advertiser: 'new' }], organic: [] } })
    expect(guest.auction).not.toHaveProperty('advertiserReserves')
  })

  it('that name advertisers which nobody knows are taken, with a line in the log', async () => {
    const reserves = [
      { advertiser: 'south', price: '5' },
      { advertiser: 'nobody', price: '5' },
    ]
    const { rank, lines } = auctionScene(fakeAuction(), {
      auctionSettings: { advertiserReserves: reserves },
    })
    expect((await rank(asked)).skipped).toEqual([{ id: 'ad-3', reason: 'BelowReserve' }])
    expect(lines.at(-1)).toContain('unknown')
  })
})
