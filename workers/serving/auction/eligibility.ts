// Which ads take part in an auction: by bid, reserve and budget.

import type { SkippedReason } from '../../../crds/rank.ts'
import type { BudgetPacer, BudgetPlan } from './auction-model.ts'
import type { AuctionSettings } from './settings.ts'

export type ExclusionCounter = (reason: SkippedReason) => void

export interface AdDraft {
  /** Of the Dataset; -1 for an item that is no ad of it. */
  readonly ad: number
  readonly item: number
  /** NaN where none is known. */
  readonly bid: number
  readonly advertiser: number
  /** Least bid of this ad. */
  readonly reserve: number
  readonly creatives: Uint32Array | undefined
}

/** Least bids of one request. */
export class Floor {
  readonly #settings: AuctionSettings
  /** What the cheapest slot asks. */
  readonly #cheapestSlot: number

  constructor(settings: AuctionSettings, slots: number) {
    this.#settings = settings
    const { slotReserves } = settings
    this.#cheapestSlot = slots > slotReserves.length ? 0 : Math.min(...slotReserves.subarray(0, slots))
  }

  reserveOf(advertiser: number): number {
    const { advertiserReserves, reservePrice } = this.#settings
    return advertiser < advertiserReserves.length ? advertiserReserves[advertiser] : reservePrice
  }

  /** An ad that no slot can take does not take part. */
  against({ bid, reserve }: Pick<AdDraft, 'bid' | 'reserve'>): SkippedReason | undefined {
    if (Number.isNaN(bid)) return 'NoBid'
    return bid < reserve || bid < this.#cheapestSlot ? 'BelowReserve' : undefined
  }
}

/**
 * Those whose advertisers have budget left for this request, with the bids that pacing leaves them. Who is not in the
 * Dataset has no budget, and is not asked for one.
 * @param against asked again of a bid that was lowered
 * @returns who takes part, and the place of each who does not, with the reason
 */
export function admitted(
  drafts: readonly AdDraft[],
  { pacer, key, budgets }: { pacer: Pick<BudgetPacer, 'admit'>; key: string; budgets: BudgetPlan },
  against: (draft: AdDraft) => SkippedReason | undefined,
): { readonly drafts: AdDraft[]; readonly refused: readonly { place: number; reason: SkippedReason }[] } {
  const known: number[] = []
  for (let place = 0; place < drafts.length; place++)
    if (drafts[place].advertiser < budgets.budgets.length) known.push(place)
  const asked = { advertisers: new Uint32Array(known.length), bids: new Float64Array(known.length) }
  for (let index = 0; index < known.length; index++) {
    asked.advertisers[index] = drafts[known[index]].advertiser
    asked.bids[index] = drafts[known[index]].bid
  }
  const { ads, bids } = pacer.admit(asked, key)
  /** [drafts], NaN where there is no budget. */
  const left = new Float64Array(drafts.length)
  for (let place = 0; place < drafts.length; place++) left[place] = drafts[place].bid
  for (const place of known) left[place] = Number.NaN
  for (let index = 0; index < ads.length; index++) left[known[ads[index]]] = bids[index]
  const taken: AdDraft[] = []
  const refused: { place: number; reason: SkippedReason }[] = []
  for (let place = 0; place < drafts.length; place++) {
    const draft = drafts[place]
    const bid = left[place]
    // Most keep their bid, and are not made anew.
    const lowered = bid === draft.bid ? draft : { ...draft, bid }
    const reason = Number.isNaN(bid) ? 'OutOfBudget' : lowered === draft ? undefined : against(lowered)
    if (reason === undefined) taken.push(lowered)
    else refused.push({ place, reason })
  }
  return { drafts: taken, refused }
}
