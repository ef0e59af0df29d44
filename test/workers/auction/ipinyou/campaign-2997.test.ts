import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { publicDataFolder } from '../../../support/public-data.ts'
import { type Campaign, episodesOf, readCampaign, replay } from './replay.ts'
import { clickCostBids, linearBids, valueBids, valueFunction } from './strategies.ts'

const folder = publicDataFolder('ipinyou')
const present = existsSync(join(folder, '2997.test.theta.txt'))

/** Rows of the README of `han-cai/rlb-dp` for N = 1000, c0 = 1/32. */
describe.skipIf(!present)(`iPinYou campaign 2997 (skipped without ${folder}; set ADLOOM_DATA)`, () => {
  const campaign: Campaign = present ? readCampaign(folder, 2997) : ({} as Campaign)
  const episodes = present ? episodesOf(campaign) : { length: 0, budget: 0 }

  test('has the parameters of the published run', () => {
    expect(episodes).toEqual({ length: 1000, budget: 1969 })
    expect(campaign.log.price).toHaveLength(156_063)
    expect(campaign.clicks / campaign.impressions).toBeCloseTo(0.00443609, 8)
  })

  test('linear bidding, base 10', () => {
    const outcome = replay(campaign, episodes, linearBids(campaign, 10))
    expect(outcome).toEqual({ auctions: 156_063, impressions: 32_208, clicks: 71, cost: 203_610 })
    expect(outcome.impressions / outcome.auctions).toBeCloseTo(0.2064, 4)
    expect(outcome.cost / outcome.impressions).toBeCloseTo(6.32, 2)
    expect(outcome.cost / 1000 / outcome.clicks).toBeCloseTo(2.87, 2)
  })

  test('mean cost per click', () => {
    const outcome = replay(campaign, episodes, clickCostBids(campaign))
    expect(outcome).toEqual({ auctions: 156_063, impressions: 14_752, clicks: 48, cost: 307_751 })
  })

  test('dynamic programming, with the mean pCTR and with that of the auction', () => {
    const values = valueFunction(campaign, episodes)
    const mean = campaign.clicks / campaign.impressions
    const averaged = replay(
      campaign,
      episodes,
      valueBids(values, () => mean),
    )
    expect(averaged).toEqual({ auctions: 156_063, impressions: 40_395, clicks: 80, cost: 306_637 })
    const predicted = replay(
      campaign,
      episodes,
      valueBids(values, (pCtr) => pCtr),
    )
    expect(predicted).toEqual({ auctions: 156_063, impressions: 39_680, clicks: 78, cost: 304_375 })
  })
})
