// Which ads take part in an auction: by bid, reserve and budget.

import type { SkippedReason } from '../../../crds/rank.ts'
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

export interface Pacing {
  participation(advertiser: number): number
  /** From 0 to 1, another one at each call. */
  draw(): number
}

/** Who takes part in one request: all ads of an advertiser, or none. */
export class Participation {
  readonly #scene: { readonly settings: AuctionSettings; readonly pacing: Pacing }
  readonly #known = new Map<number, boolean>()

  constructor(scene: { readonly settings: AuctionSettings; readonly pacing: Pacing }) {
    this.#scene = scene
  }

  of(advertiser: number): boolean {
    const { budgets } = this.#scene.settings
    // Who is not in the Dataset has no budget.
    if (budgets === undefined || !Number.isFinite(budgets.budgets[advertiser] ?? Number.POSITIVE_INFINITY)) return true
    const known = this.#known.get(advertiser)
    if (known !== undefined) return known
    const { participation, draw } = this.#scene.pacing
    const share = participation(advertiser)
    const takesPart = share >= 1 || (share > 0 && draw() < share)
    this.#known.set(advertiser, takesPart)
    return takesPart
  }
}
