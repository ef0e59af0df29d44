import { describe, expect, it } from 'vitest'
import type { RankAnswer } from '../../../../crds/rank.ts'
import type { AuctionModel } from '../../../../workers/serving/auction/auction-model.ts'
import { openBudgetPacer } from '../../../../workers/serving/auction/budget-pacer.ts'
import { fakeAuction, market, modelWith, pCtrAt } from './fake-auction.ts'
import { modelScene } from './scene.ts'

/** What one list costs its only advertiser: its bid in the first slot. */
const bid = 2
const costOfOne = bid * pCtrAt(0)
const request = { slots: 1, candidates: { ads: [{ id: 'ad-1', bid }], organic: [] } }

interface Options {
  /** Of the advertiser of ad-1. */
  readonly budget: string
  readonly serving?: object
  readonly model?: Partial<AuctionModel>
}

/** A server with the pacing that serves, at one moment of a period. */
function scene({ budget, serving = {}, model = {} }: Options) {
  const pacer = openBudgetPacer(market.advertisers.count, () => 0)
  const budgets = {
    pacing: 'None' as const,
    periodSeconds: 3600,
    advertisers: [{ advertiser: 'north', amount: budget }],
  }
  const { post, rank } = modelScene(modelWith({ ...fakeAuction(model), pacer }), {
    serving,
    auctionSettings: { paymentRule: 'FirstPrice', budgets },
  })
  return { post, rank }
}

const spentBy = (answers: readonly RankAnswer[]): number =>
  answers.reduce((sum, { auction }) => sum + (auction?.expectedRevenue ?? 0), 0)

describe('a budget for a list and a half', () => {
  const budget = String(1.5 * costOfOne)

  it('is exceeded by no more than one list in a call of 128 requests', async () => {
    const { post } = scene({ budget })
    const answers = (await post(Array.from({ length: 128 }, () => request))).json<RankAnswer[]>()
    expect(answers).toHaveLength(128)
    expect(spentBy(answers)).toBe(2 * costOfOne)
    // The second was let in by what the first had cost, not by what it might have: a batch settles before the next.
    const shown = answers.flatMap(({ entries }, index) => (entries.length > 0 ? [index] : []))
    expect(shown).toEqual([0, 32])
    expect(answers[1].skipped).toEqual([{ id: 'ad-1', reason: 'OutOfBudget' }])
  })

  it('nor by 128 calls at once', async () => {
    const { rank } = scene({ budget, serving: { maxBatchDelayMilliseconds: 5, maxBatchSize: 16 } })
    const answers = await Promise.all(Array.from({ length: 128 }, () => rank(request)))
    expect(spentBy(answers)).toBe(2 * costOfOne)
  })
})

describe('a budget that many lists fit into', () => {
  it('lets in all that it can pay, whatever they may cost', async () => {
    const { post } = scene({ budget: String(128 * bid) })
    const answers = (await post(Array.from({ length: 128 }, () => request))).json<RankAnswer[]>()
    expect(spentBy(answers)).toBe(128 * costOfOne)
  })

  it('is spent by no answer that was not given', async () => {
    let runs = 0
    const { model: whole } = fakeAuction()
    // The call is over with the second of its four runs; the third goes on all the same.
    const allocate: AuctionModel['allocate'] = async (requests, weights) => {
      if (++runs === 2) throw new Error('broken')
      return whole.allocate(requests, weights)
    }
    const { post, rank } = scene({ budget: String(2 * costOfOne), serving: { maxBatchSize: 1 }, model: { allocate } })
    const failed = await post([request, request, request, request])
    expect(failed.statusCode).toBe(500)
    expect(spentBy([await rank(request), await rank(request)])).toBe(2 * costOfOne)
    expect(spentBy([await rank(request)])).toBe(0)
  })

  it('nor by one that came too late', async () => {
    let isSlow = true
    const { model: whole } = fakeAuction()
    const late = Promise.withResolvers<void>()
    const allocate: AuctionModel['allocate'] = async (requests, weights) => {
      if (isSlow) await late.promise
      return whole.allocate(requests, weights)
    }
    const serving = { requestTimeoutMilliseconds: 20 }
    const { post, rank } = scene({ budget: String(costOfOne), serving, model: { allocate } })
    expect((await post(request)).statusCode).toBeGreaterThanOrEqual(500)
    isSlow = false
    late.resolve()
    expect(spentBy([await rank(request)])).toBe(costOfOne)
    expect(spentBy([await rank(request)])).toBe(0)
  })
})
