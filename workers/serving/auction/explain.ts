// Why each entry of a list won, and what its click would have cost by other rules.

import type { EntryExplanation } from '../../../crds/rank.ts'
import type { Allocator, CandidateLists } from '../../auction/auction.ts'
import type { AllocationWeights, AuctionModel, PriceInput, ServedAuction } from './auction-model.ts'
import { contentOf, holds } from './lists.ts'
import type { AuctionSettings } from './settings.ts'

export interface ExplainScene {
  readonly settings: Pick<AuctionSettings, 'weights'>
  readonly auction: Pick<ServedAuction, 'price' | 'worthWithout'> & { readonly model: ExplainedModel }
  /** Who allocated the lists. */
  readonly allocator: Allocator
}

type ExplainedModel = Pick<AuctionModel, 'weighingUnit' | 'hasTokenBids' | 'expectedBids'>

/** By slot of one list. */
interface Told {
  readonly gsp: Float64Array
  readonly vcg: Float64Array
  readonly worth: Float64Array
}

/** By slot of each chosen list. */
export async function explainLists(
  lists: readonly PriceInput[],
  { settings: { weights }, auction, allocator }: ExplainScene,
): Promise<EntryExplanation[][]> {
  if (lists.length === 0) return []
  const worth = await auction.worthWithout(lists, { allocator })
  const gsp = await auction.price('GSP', lists, { allocator })
  const vcg = await auction.price('VCG', lists, { allocator, worth })
  return lists.map((list, index) => {
    const told = { gsp: gsp[index], vcg: vcg[index], worth: worth[index] }
    return explainList(list, told, weights, auction.model)
  })
}

function explainList(
  { request, allocation }: PriceInput,
  { gsp, vcg, worth }: Told,
  { alpha, beta }: AllocationWeights,
  { weighingUnit, hasTokenBids, expectedBids }: ExplainedModel,
): EntryExplanation[] {
  const { lists, chosen } = allocation
  // Eq. 21, with 0^alpha taken for 0: who bids nothing is weighed as an organic item is.
  const weightOf = (bid: number): number => (bid === 0 ? 0 : bid ** alpha) + beta
  // Lists that are searched by expected bids are weighed by them, whatever the request bids.
  const weighingBid = (ad: number): number => expectedBids?.[request.ads[ad]] ?? request.bids[ad]
  return contentOf(lists, chosen).map(({ candidate, at }, slot) => {
    const isAd = candidate < request.ads.length
    const { count, best } = without(lists, candidate)
    const rewardWithout = isAd ? worth[slot] : best
    return {
      logZ: lists.logZ[at],
      weight: hasTokenBids ? weightOf(isAd ? weighingBid(candidate) / weighingUnit : 0) : 1,
      lists: count,
      ...(Number.isFinite(rewardWithout) ? { rewardWithout } : {}),
      ...(isAd ? { gsp: gsp[slot], vcg: vcg[slot] } : {}),
    }
  })
}

/** How many of the lists hold the candidate, and the reward of the best that does not; -Infinity where all do. */
function without(lists: CandidateLists, candidate: number): { readonly count: number; readonly best: number } {
  let count = 0
  let best = Number.NEGATIVE_INFINITY
  for (let list = 0; list < lists.count; list++) {
    if (holds(lists, list, candidate)) count++
    else best = Math.max(best, lists.reward[list])
  }
  return { count, best }
}
