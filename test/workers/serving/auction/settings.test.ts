import { describe, expect, it } from 'vitest'
import type { LiveAuctionSettings } from '../../../../crds/auction-settings.ts'
import type { AuctionModel, LogSpan } from '../../../../workers/serving/auction/auction-model.ts'
import { SettingsRefusedError, settingsFor } from '../../../../workers/serving/auction/settings.ts'
import { fakeAuction } from './fake-auction.ts'

type Budgets = Partial<NonNullable<LiveAuctionSettings['budgets']>>

/** Budgets of the Dataset: 100, 50 and none, for the hour that the fake log lasts. */
const planOf = (budgets: Budgets, model: AuctionModel = fakeAuction().model) => {
  const settings = { budgets: { pacing: 'None' as const, periodSeconds: 60, ...budgets } }
  return [...(settingsFor({ revision: 'r', settings, pods: 1 }, model).budgets?.budgets ?? [])]
}
const none = Number.POSITIVE_INFINITY

const lasting = (logSpan: LogSpan): AuctionModel => fakeAuction({ logSpan }).model

describe('a budget of the Dataset, which is for its whole log', () => {
  it('is divided among the periods that the log lasts, and those of the settings are not', () => {
    expect(planOf({})).toEqual([100 / 60, 50 / 60, none])
    expect(planOf({ periodSeconds: 7200 })).toEqual([200, 100, none])
    expect(planOf({ advertisers: [{ advertiser: 'north', amount: '7' }] })).toEqual([7, 50 / 60, none])
  })

  it('is divided among the periods that the settings name', () => {
    expect(planOf({ datasetPeriods: 10 })).toEqual([10, 5, none])
    expect(planOf({ datasetPeriods: 1 }, lasting('NoTimes'))).toEqual([100, 50, none])
  })

  it('is refused where nobody can tell how many periods it is for', () => {
    const refused = (budgets: Budgets, logSpan: LogSpan = 'NoTimes') => {
      try {
        return planOf(budgets, lasting(logSpan))
      } catch (error) {
        return error instanceof SettingsRefusedError ? [error.reason, error.message] : error
      }
    }
    const north = { advertiser: 'north', amount: '7' }
    expect(refused({ advertisers: [north] })).toEqual([
      'NoBudgetPeriod',
      expect.stringMatching(/"south".*datasetPeriods/),
    ])
    const causes = {
      NoRequests: /for its whole log, and it has no logged requests .*; say by/,
      NoTimes: /for its whole log, and its requests have no times .*; say by/,
      NoSpan: /for its whole log, and its requests are all of one moment.*; say by/,
    }
    for (const [cause, message] of Object.entries(causes))
      expect(refused({}, cause as keyof typeof causes)).toEqual(['NoBudgetPeriod', expect.stringMatching(message)])
    // Whose budget is replaced, or who has none, needs no period.
    expect(refused({ advertisers: [north, { advertiser: 'south', amount: '8' }] })).toEqual([7, 8, none])
  })
})
