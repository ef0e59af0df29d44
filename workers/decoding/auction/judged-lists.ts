// Lists that a rule made of single candidates, with what a reward model says of them.

import type { AuctionRequest, CandidateLists } from '../../auction/auction.ts'
import { itemOfCandidate } from '../../auction/chosen-list.ts'
import type { ListRewards, RewardList } from '../../auction/reward-model/scorer.ts'
import type { ListObjective } from './reward-judge.ts'

/** What stands at a slot. */
export interface ListEntry {
  /** As `CandidateLists` counts. */
  readonly candidate: number
  /** -1 for none. */
  readonly creative: number
  readonly logZ: number
}

export interface Worth {
  readonly objective: ListObjective
  /** Money that counts as a bid of 1. */
  readonly bidUnit: number
}

/** A list as the reward model reads it. */
export const rewardListOf = (request: AuctionRequest, entries: readonly Omit<ListEntry, 'logZ'>[]): RewardList => ({
  history: request.history,
  items: Uint32Array.from(entries, ({ candidate }) => itemOfCandidate(request, candidate)),
  creatives: Int32Array.from(entries, ({ creative }) => creative),
  isAd: Uint8Array.from(entries, ({ candidate }) => Number(candidate < request.ads.length)),
})

/** @param scores of each list, slot by slot */
export function judgedLists(
  request: AuctionRequest,
  lists: readonly (readonly ListEntry[])[],
  scores: readonly ListRewards[],
  worth: Worth,
): CandidateLists {
  const { slots } = request
  const size = lists.length * slots
  const judged = {
    count: lists.length,
    slots,
    candidate: new Int32Array(size).fill(-1),
    creative: new Int32Array(size).fill(-1),
    logZ: new Float32Array(size),
    pCtr: new Float32Array(size),
    pCtrCreative: new Float32Array(size),
    pCvr: new Float32Array(size),
    reward: new Float32Array(lists.length),
  }
  for (const [row, entries] of lists.entries()) {
    const { pCtr, pCtrCreative, pCvr } = scores[row]
    for (const [slot, { candidate, creative, logZ }] of entries.entries()) {
      const at = row * slots + slot
      judged.candidate[at] = candidate
      judged.creative[at] = creative
      judged.logZ[at] = logZ
      judged.pCtr[at] = pCtr[slot]
      judged.pCtrCreative[at] = pCtrCreative?.[slot] ?? 0
      judged.pCvr[at] = pCvr?.[slot] ?? 0
      judged.reward[row] += pCtr[slot] * valueOfClick(request, candidate, pCvr?.[slot] ?? 0, worth)
    }
  }
  return judged
}

/** In money: the bid, or what an organic click counts, and what its conversion does. */
const valueOfClick = (request: AuctionRequest, candidate: number, pCvr: number, worth: Worth): number =>
  (candidate < request.ads.length ? request.bids[candidate] : 0) + unpaidValue(request, candidate, pCvr, worth)

/** Of a click beside the bid, in money: what an organic one counts, and what its conversion does. */
export const unpaidValue = (
  { ads }: Pick<AuctionRequest, 'ads'>,
  candidate: number,
  pCvr: number,
  { objective, bidUnit }: Worth,
): number => (objective.conversion * pCvr + (candidate < ads.length ? 0 : objective.organic)) * bidUnit
