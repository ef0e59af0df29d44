import type { Allocation, AuctionRequest } from '../../../../workers/auction/auction.ts'
import type { OpenedAuctionModel } from '../../../../workers/decoding/auction/opened-model.ts'

/** Of the small world. */
const request = {
  history: Uint32Array.of(1, 2),
  ads: Uint32Array.of(3, 4),
  bids: Float64Array.of(1, 2),
  advertisers: Uint32Array.of(0, 1),
  organic: Uint32Array.of(5, 6),
  slots: 3,
  constraints: { maxAds: 1, minGap: 0, maxPerAdvertiser: 1 },
}

/** What a model answers to one request; it is released afterwards. */
export async function allocateOnce(
  opened: Pick<OpenedAuctionModel, 'allocator' | 'release'>,
  changes: Partial<AuctionRequest> = {},
): Promise<Allocation> {
  const [allocation] = await opened.allocator.allocate([{ ...request, ...changes }])
  await opened.release()
  return allocation
}
