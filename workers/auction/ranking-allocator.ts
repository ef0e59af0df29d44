// The allocation of a cascade: ads ranked by b q into the slots from the first on. What GSP was made for, and, as its
// prices are known in closed form, what payments and audits are calibrated on.

import type { Allocation, Allocator, AuctionRequest, CandidateLists } from './auction.ts'
import { reserveOf } from './chosen-list.ts'

export interface RankingOptions {
  /** pCTR at exposure 1 of each ad of the request, above 0. */
  quality(request: AuctionRequest): ArrayLike<number>
  /** Relative exposure by slot, not rising; slots of a request beyond it are not seen. */
  readonly exposure: ArrayLike<number>
}

/**
 * Ranks by b q; every slot takes the first ad left whose bid reaches the reserve there. Organic items and constraints are
 * left alone. Beside the chosen list stand the best lists without each of its ads, so that VCG prices are exact.
 */
export function rankingAllocator({ quality, exposure }: RankingOptions): Allocator {
  const allocate = (request: AuctionRequest): Allocation => {
    const qualities = quality(request)
    const scores = request.bids.map((bid, ad) => bid * qualities[ad])
    const ranked = Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a] || a - b)
    const best = fillSlots(request, ranked)
    const rows = [
      best,
      ...best.map((without) =>
        fillSlots(
          request,
          ranked.filter((ad) => ad !== without),
        ),
      ),
    ]
    return { lists: candidateLists(request, rows, qualities, exposure), chosen: 0 }
  }
  return {
    allocate: async (requests) => requests.map(allocate),
    underBids: async (request, bids) => bids.map((other) => allocate({ ...request, bids: other })),
  }
}

/** Ends at the first slot that no ad may have. */
function fillSlots(request: AuctionRequest, ranked: readonly number[]): number[] {
  const left = [...ranked]
  const list: number[] = []
  for (let slot = 0; slot < request.slots; slot++) {
    const place = left.findIndex((ad) => request.bids[ad] >= reserveOf(request, slot, ad))
    if (place < 0) break
    list.push(...left.splice(place, 1))
  }
  return list
}

function candidateLists(
  { bids, slots }: AuctionRequest,
  rows: readonly (readonly number[])[],
  qualities: ArrayLike<number>,
  exposure: ArrayLike<number>,
): CandidateLists {
  const cells = rows.length * slots
  const candidate = new Int32Array(cells).fill(-1)
  const pCtr = new Float32Array(cells)
  const reward = new Float32Array(rows.length)
  rows.forEach((list, row) => {
    list.forEach((ad, slot) => {
      candidate[row * slots + slot] = ad
      pCtr[row * slots + slot] = qualities[ad] * (exposure[slot] ?? 0)
      reward[row] += bids[ad] * pCtr[row * slots + slot]
    })
  })
  return {
    count: rows.length,
    slots,
    candidate,
    creative: new Int32Array(cells).fill(-1),
    logZ: new Float32Array(cells),
    pCtr,
    pCtrCreative: new Float32Array(cells),
    pCvr: new Float32Array(cells),
    reward,
  }
}
