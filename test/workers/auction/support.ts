// Position auctions as requests, and an allocator of whims.

import fc from 'fast-check'
import type { Allocation, Allocator, AuctionRequest, CandidateLists } from '../../../workers/auction/auction.ts'
import { unconstrained } from '../../../workers/auction/auction.ts'
import type { PositionAuction } from '../../../workers/auction/payments/position-auction.ts'
import { Random } from '../../../workers/tensor/random.ts'

/** Ads without history or organic items. */
export const requestOf = (
  bids: readonly number[],
  slots: number,
  extra: Partial<AuctionRequest> = {},
): AuctionRequest => ({
  history: new Uint32Array(0),
  ads: Uint32Array.from(bids, (_, ad) => ad),
  bids: Float64Array.from(bids),
  advertisers: Uint32Array.from(bids, (_, ad) => ad),
  organic: new Uint32Array(0),
  slots,
  constraints: unconstrained,
  ...extra,
})

/** 1 to 6 ads, 1 to 4 slots; numbers of a grid, so that ties occur. */
export const positionAuctions: fc.Arbitrary<PositionAuction> = fc
  .record({
    ads: fc.array(fc.record({ bid: fc.integer({ min: 0, max: 40 }), quality: fc.integer({ min: 1, max: 20 }) }), {
      minLength: 1,
      maxLength: 6,
    }),
    exposure: fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 4 }),
  })
  .map(({ ads, exposure }) => ({
    bids: ads.map(({ bid }) => bid / 4),
    qualities: ads.map(({ quality }) => quality / 20),
    exposure: exposure.map((each) => each / 8).sort((a, b) => b - a),
  }))

/** Lists of random ads and organic items, drawn anew for every vector of bids: nothing about it is monotone. */
export const whimsicalAllocator = (seed: number): Allocator => {
  const allocate = (request: AuctionRequest): Allocation => {
    const random = new Random(seed, 'whims', ...request.bids)
    const { slots } = request
    const count = 4
    const cells = count * slots
    const rows = Array.from({ length: count }, () => {
      const order = [...random.permutation(request.ads.length + request.organic.length)]
      return Array.from({ length: slots }, (_, slot) => order[slot] ?? -1)
    })
    const pCtr = Float32Array.from({ length: cells }, () => random.uniform())
    const lists: CandidateLists = {
      count,
      slots,
      candidate: Int32Array.from(rows.flat()),
      creative: new Int32Array(cells).fill(-1),
      logZ: new Float32Array(cells),
      pCtr,
      pCtrCreative: new Float32Array(cells),
      pCvr: new Float32Array(cells),
      reward: Float32Array.from({ length: count }, () => random.uniform()),
    }
    const paymentRate = Float32Array.from({ length: slots }, () => random.uniform())
    return { lists, chosen: random.below(count), paymentRate }
  }
  return {
    allocate: async (requests) => requests.map(allocate),
    underBids: async (request, bids) => bids.map((other) => allocate({ ...request, bids: other })),
  }
}
