/**
 * The files of the advertising tables in a Dataset artifact. Little endian; a line or an entry an index, so that place
 * in the file is the index. `bids` of requests are left out where they are those of the ads; what else a Dataset's
 * tables do not tell has no file.
 */
export const MARKET_FILES = {
  /** {id, budget?} */
  advertisers: 'advertisers.jsonl',
  /** {id, item, advertiser, bid?, value?} */
  ads: 'ads.jsonl',
  /** {id, item, text} */
  creatives: 'creatives.jsonl',
  /** [items + 1] */
  creativeOffsets: 'creatives.offsets.u32',
  /** [creatives, dimension] */
  creativeEmbeddings: 'creatives.embeddings.f32',
  /** The id as a JSON string. */
  requests: 'requests.jsonl',
  requestUsers: 'requests.users.u32',
  requestHistoryEnds: 'requests.history-ends.u32',
  requestTimes: 'requests.times.f64',
  requestParts: 'requests.parts.u8',
  /** [requests + 1] */
  eligibleOffsets: 'eligible.offsets.u32',
  eligibleAds: 'eligible.ads.u32',
  eligibleBids: 'eligible.bids.f64',
  /** Of Datasets that were made when bids were rounded; read, no longer written. */
  roundedEligibleBids: 'eligible.bids.f32',
  /** [requests + 1] */
  organicOffsets: 'organic.offsets.u32',
  organicItems: 'organic.items.u32',
  /** [requests + 1] */
  exposedOffsets: 'exposed.offsets.u32',
  /** Of entries of lists whose others are not logged: slots, counted from 0. Absent: lists are whole. */
  exposedSlots: 'exposed.slots.u32',
  exposedItems: 'exposed.items.u32',
  exposedAds: 'exposed.ads.i32',
  exposedCreatives: 'exposed.creatives.i32',
  clicks: 'exposed.clicks.u8',
  creativeClicks: 'exposed.creative-clicks.u8',
  conversions: 'exposed.conversions.u8',
  conversionValues: 'exposed.conversion-values.f32',
  propensities: 'exposed.propensities.f32',
  /** In place of the above where they are given the entries before. */
  conditionalPropensities: 'exposed.propensities-given-before.f32',
} as const

export interface AdvertiserLine {
  id: string
  budget?: number
}

export interface AdLine {
  id: string
  item: number
  advertiser: number
  bid?: number
  value?: number
}

export interface CreativeLine {
  id: string
  item: number
  text: string
}
