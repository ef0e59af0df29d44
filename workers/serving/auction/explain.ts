// Why each entry of a list won, and what its click would have cost by other rules.

import type { PaymentRule } from '../../../crds/auction-terms.ts'
import type { EntryExplanation } from '../../../crds/rank.ts'
import type { CandidateLists } from '../../auction/auction.ts'
import type { AllocationWeights, AuctionModel, PriceInput } from './auction-model.ts'
import { contentOf, holds } from './lists.ts'
import type { AuctionSettings } from './settings.ts'

export interface ExplainScene {
  readonly settings: Pick<AuctionSettings, 'weights'>
  readonly model: Pick<AuctionModel, 'bidUnit' | 'hasTokenBids' | 'expectedBids'>
  /** As the lists themselves are priced. */
  price(rule: PaymentRule, lists: readonly PriceInput[]): Promise<readonly Float64Array[]>
}

/** By slot of each chosen list. */
export async function explainLists(
  lists: readonly PriceInput[],
  { settings: { weights }, model, price }: ExplainScene,
): Promise<EntryExplanation[][]> {
  if (lists.length === 0) return []
  const [gsp, vcg] = [await price('GSP', lists), await price('VCG', lists)]
  return lists.map((list, index) => explainList(list, { gsp: gsp[index], vcg: vcg[index] }, weights, model))
}

function explainList(
  { request, allocation }: PriceInput,
  { gsp, vcg }: { readonly gsp: Float64Array; readonly vcg: Float64Array },
  { alpha, beta }: AllocationWeights,
  { bidUnit, hasTokenBids, expectedBids }: ExplainScene['model'],
): EntryExplanation[] {
  const { lists, chosen } = allocation
  // Eq. 21, with 0^alpha taken for 0: who bids nothing is weighed as an organic item is.
  const weightOf = (bid: number): number => (bid === 0 ? 0 : bid ** alpha) + beta
  // Lists that are searched by expected bids are weighed by them, whatever the request bids.
  const weighingBid = (ad: number): number => expectedBids?.[request.ads[ad]] ?? request.bids[ad]
  return contentOf(lists, chosen).map(({ candidate, at }, slot) => {
    const isAd = candidate < request.ads.length
    const { count, rewardWithout } = without(lists, candidate)
    return {
      logZ: lists.logZ[at],
      weight: hasTokenBids ? weightOf(isAd ? weighingBid(candidate) / bidUnit : 0) : 1,
      lists: count,
      ...(rewardWithout === undefined ? {} : { rewardWithout }),
      ...(isAd ? { gsp: gsp[slot], vcg: vcg[slot] } : {}),
    }
  })
}

/** How many of the lists hold the candidate, and the reward of the best that does not (S*_-i of Eq. 31, over the beams). */
function without(lists: CandidateLists, candidate: number): { count: number; rewardWithout?: number } {
  let count = 0
  let best = Number.NEGATIVE_INFINITY
  for (let list = 0; list < lists.count; list++) {
    if (holds(lists, list, candidate)) count++
    else best = Math.max(best, lists.reward[list])
  }
  return Number.isFinite(best) ? { count, rewardWithout: best } : { count }
}
