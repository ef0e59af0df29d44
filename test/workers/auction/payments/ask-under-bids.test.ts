import { expect, test } from 'vitest'
import type { AuctionRequest } from '../../../../workers/auction/auction.ts'
import { askUnderBids } from '../../../../workers/auction/payments/ask-under-bids.ts'
import { rankingAllocator } from '../../../../workers/auction/ranking-allocator.ts'
import { requestOf } from '../support.ts'

test('questions of one user are asked together where all but the bid is the same, the moment and the creatives too', async () => {
  const allocator = rankingAllocator({ quality: () => [0.5, 0.5], exposure: [1] })
  const asked: [request: AuctionRequest, bids: number][] = []
  const noting = {
    ...allocator,
    underBids: (request: AuctionRequest, bids: readonly Float64Array[]) => {
      asked.push([request, bids.length])
      return allocator.underBids(request, bids)
    },
  }
  const request = requestOf([1, 2], 1)
  const others = [
    { ...request, time: 1 },
    { ...request, historyTimes: Float64Array.of() },
    { ...request, historyCreatives: Int32Array.of() },
    { ...request, creatives: [Uint32Array.of(0), undefined] },
  ]
  const questions = [request, ...others, { ...request }].map((one) => ({ request: one, ad: 0, bid: 3 }))
  expect(await askUnderBids(noting, questions)).toHaveLength(6)
  expect(asked).toEqual([[request, 2], ...others.map((other) => [other, 1])])
})
