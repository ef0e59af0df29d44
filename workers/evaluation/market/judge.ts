// Who says how often a list is clicked. A mechanism that is scored by the very model that chose its lists looks better
// than it is (the winner's curse), so the same lists are put before judges that had no part in the choice.

import type { AuctionRequest } from '../../auction/auction.ts'

/**
 * - `Model`: the reward model that the mechanism itself chose the list by; EGA-V2's own figures are of this kind.
 * - `HeldOut`: a reward model that learned from other users, and that no training has seen.
 * - `Truth`: what the simulator draws clicks from.
 */
export const judgeNames = ['Model', 'HeldOut', 'Truth'] as const
export type JudgeName = (typeof judgeNames)[number]

/** A list of one page view. */
export interface RankedList {
  readonly request: AuctionRequest
  /** Index in the Dataset; `noUser` for one that it does not know. */
  readonly user: number
  /** [slots that are filled], and so the arrays below. */
  readonly items: Uint32Array
  /** -1 for an organic item, else the index among the ads of the request, or in `Market.ads` for a list of the log. */
  readonly ads: Int32Array
  /** -1 where the item has none. */
  readonly creatives: Int32Array
  /** Of the items, from 0, where the other entries of the list are not logged; absent: the list is whole. */
  readonly slots?: Uint32Array
}

/** A list that a mechanism shows. */
export interface ShownList extends RankedList {
  /** By the mechanism itself. */
  readonly predicted: ListChances
}

/** Chances of one list by slot; what a judge cannot tell is absent. */
export interface ListChances {
  /** Of a click on the item. */
  readonly click: ArrayLike<number>
  /** Of a click on the creative. */
  readonly creativeClick?: ArrayLike<number>
  /** Of a conversion, given the click. */
  readonly conversion?: ArrayLike<number>
  /** Mean value of a conversion, in the unit of money. */
  readonly conversionValue?: ArrayLike<number>
}

/** In the order of the lists. */
export type JudgeLists<L extends RankedList = RankedList> = (lists: readonly L[]) => Promise<readonly ListChances[]>

export interface Judge {
  readonly name: JudgeName
  readonly chances: JudgeLists<ShownList>
}

export const modelJudge: Judge = {
  name: 'Model',
  chances: async (lists) => lists.map(({ predicted }) => predicted),
}

/** What a simulator draws from, as `workers/data/market` opens it. */
export interface MarketTruth {
  clicks(list: {
    readonly user: number
    readonly items: Uint32Array
    readonly creatives: Int32Array
  }): Required<ListChances>
}

/** As the truth has any list. */
export const judgeByTruth =
  (truth: MarketTruth): JudgeLists =>
  async (lists) =>
    lists.map(({ user, items, creatives }) => truth.clicks({ user, items, creatives }))

export const truthJudge = (truth: MarketTruth): Judge => ({ name: 'Truth', chances: judgeByTruth(truth) })
