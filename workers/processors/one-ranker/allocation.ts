import { openAllocation as openRanked } from '../../decoding/one-ranker/open-one-ranker.ts'
import type { OpenAllocation } from './stage-jobs.ts'

/** Rows of a run at most. */
const maxBatch = 64

export const openAllocation: OpenAllocation = async ({ model, auction }, weights, { context: { threads } }) => {
  const { allocatorFor, release } = await openRanked({ ...model, auction, weights }, { threads, maxBatch })
  const allocator = allocatorFor(auction)
  return { allocator, logZ: (request, truth, bids) => allocator.logShares(request, truth, bids), release }
}
