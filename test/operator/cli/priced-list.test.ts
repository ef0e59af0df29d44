import { expect, test } from 'vitest'
import type { RankAnswer } from '../../../crds/rank.ts'
import { pricedLines } from '../../../operator/cli/priced-list.ts'

const explain = { logZ: -1, weight: 3, lists: 2, gsp: 0.5, vcg: 0.2 }

const answer: RankAnswer = {
  requestId: 'q',
  model: { name: 'market', digest: 'sha256:1', revision: 'r' },
  entries: [
    {
      ...{ position: 1, item: 'item-7', score: -1, ad: 'ad-7', advertiser: 'brand-2', creative: 'item-7-b', pCtr: 0.1 },
      ...{ bid: 1.25, payment: 0.4, explain },
    },
    { position: 2, item: 'item-30', score: -2, pCtr: 0.2 },
  ],
  auction: {
    ...{ settingsRevision: 's', alpha: 1, beta: 2, paymentRule: 'PaymentNetwork', reservePrice: 0, constraints: {} },
    rewardWeights: { lambdaConversion: 0, lambdaOrganic: 0 },
    ...{ eligibleAds: 50, listsConsidered: 32, expectedRevenue: 0.04 },
  },
  skipped: [],
  timings: { queueMilliseconds: 0, decodeMilliseconds: 12.4 },
}

test('a priced list stands beside what its ads would pay by GSP and VCG', () => {
  expect(pricedLines(answer)).toEqual([
    '  slot  item     advertiser  creative   pCTR    bid   pays    GSP    VCG',
    '  1     item-7   brand-2     item-7-b  0.100  1.250  0.400  0.500  0.200',
    '  2     item-30  organic               0.200',
    '  expected revenue of a view: PaymentNetwork 0.0400, GSP 0.0500, VCG 0.0200',
    '  50 eligible ads, 32 lists compared in 12 ms',
  ])
})

test('a list without an auction has no prices', () => {
  const { auction: _, ...plain } = answer
  expect(pricedLines(plain)).toEqual([])
})
