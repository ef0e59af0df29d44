import type { PropensityMeaning } from '../../../crds/advertising.ts'

/**
 * The advertising tables of a Dataset, in typed arrays. Items and users are counted by their index in the Dataset. Bids and
 * budgets have 64 bits, as reserves have: a bid of 0.7 that was rounded to 32 bits is less than a reserve of 0.7.
 */

export interface Market {
  readonly advertisers: Advertisers
  readonly ads: Ads
  readonly creatives?: Creatives
  /** Logged or simulated page views. */
  readonly requests?: Requests
}

export interface Advertisers {
  readonly count: number
  readonly ids: readonly string[]
  /** [count], spend at most over the whole log, in the unit of bids; Infinity where none is told. */
  readonly budget: Float64Array
}

/** A sponsored item. No two ads have the same item. */
export interface Ads {
  readonly count: number
  readonly ids: readonly string[]
  /** [count]. */
  readonly item: Uint32Array
  /** [count]. */
  readonly advertiser: Uint32Array
  /** [count], per click, static; NaN where bids come with requests only. */
  readonly bid: Float64Array
  /** [count], private value per click; the bid where none is told. */
  readonly value: Float64Array
}

/** Renderings of items, those of one item next to each other: item i has offsets[i] .. offsets[i + 1]. */
export interface Creatives {
  readonly count: number
  readonly ids: readonly string[]
  /** [count]. */
  readonly item: Uint32Array
  /** [items + 1]. */
  readonly offsets: Uint32Array
  text(creative: number): string
  /** [count, dim], row-major. */
  readonly embeddings?: { readonly dim: number; readonly data: Float32Array }
}

/** User of a request whose user the Dataset does not know. */
export const noUser = 0xffff_ffff

/** Parts of the split as `Requests.part` has them. */
export const requestParts = { train: 0, validation: 1, test: 2 } as const

export interface Requests {
  readonly count: number
  readonly ids: readonly string[]
  /** [count], `noUser` for unknown ones. */
  readonly user: Uint32Array
  /** [count], how many of the user's events lie before the request: its history is the first so many of them. */
  readonly historyEnd: Uint32Array
  /** [count], milliseconds since 1970. */
  readonly time?: Float64Array
  /** [count], of `requestParts`. */
  readonly part: Uint8Array
  /** Eligible ads with their bids; absent where the log has none. */
  readonly ads?: { readonly offsets: Uint32Array; readonly ad: Uint32Array; readonly bid: Float64Array }
  /** Organic items in their fixed order; absent where the log has none. */
  readonly organic?: { readonly offsets: Uint32Array; readonly item: Uint32Array }
  /** What was shown, slot after slot; absent where the log has none. */
  readonly exposed?: Exposures
}

/** Entry e of request r lies at offsets[r] .. offsets[r + 1], in the order of slots. */
export interface Exposures {
  readonly offsets: Uint32Array
  /** Slot from 0, where entries are those of lists whose others are not logged; absent: lists are whole. */
  readonly slot?: Uint32Array
  readonly item: Uint32Array
  /** Index of the ad, -1 for an organic item. */
  readonly ad: Int32Array
  /** Index of the creative, -1 where none is told. */
  readonly creative: Int32Array
  /** 1 where the item was clicked. */
  readonly click: Uint8Array
  /** 1 where the click went to the creative; absent where the log does not tell clicks of creatives apart. */
  readonly creativeClick?: Uint8Array
  /** 1 where the click converted; absent where the log has no conversions. */
  readonly conversion?: Uint8Array
  /** Value of the conversion, 0 without one. */
  readonly conversionValue?: Float32Array
  readonly propensity?: Propensities
}

export interface Propensities {
  readonly meaning: PropensityMeaning
  /** Probability with which the logging policy showed this entry, its creative included, here; NaN where it is not told. */
  readonly values: Float32Array
}
