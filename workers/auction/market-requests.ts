// Page views of a Dataset as requests of an auction.

import type { Dataset } from '../data/dataset-reader.ts'
import { type Market, noUser, type Requests, requestParts } from '../data/market/market.ts'
import type { AuctionRequest, ListConstraints } from './auction.ts'

export interface RequestRules {
  /** Length of the lists (K). */
  readonly slots: number
  readonly constraints: ListConstraints
}

/** What a log must tell of a page view for an auction to be run again. */
export const tellsCandidates = (requests: Requests | undefined): requests is CandidateRequests =>
  requests?.ads !== undefined

type CandidateRequests = Requests & { readonly ads: NonNullable<Requests['ads']> }

/** Requests of a part, in their order. */
export function requestsOfPart({ count, part }: Requests, wanted: keyof typeof requestParts): Uint32Array {
  const found: number[] = []
  for (let request = 0; request < count; request++) if (part[request] === requestParts[wanted]) found.push(request)
  return Uint32Array.from(found)
}

/**
 * The request as it was: the user's events before it, eligible ads with their bids, organic items in their order without
 * those that are also ads. Items of the history are no candidates.
 */
export function auctionRequest(
  market: Pick<Market, 'ads'>,
  requests: CandidateRequests,
  { events, offsets }: Pick<Dataset, 'events' | 'offsets'>,
  request: number,
  { slots, constraints }: RequestRules,
): AuctionRequest {
  const user = requests.user[request]
  const first = user === noUser ? 0 : offsets[user]
  const history = events.subarray(first, first + (user === noUser ? 0 : requests.historyEnd[request]))
  const taken = new Set<number>(history)
  const ads: number[] = []
  const bids: number[] = []
  const advertisers: number[] = []
  for (let entry = requests.ads.offsets[request]; entry < requests.ads.offsets[request + 1]; entry++) {
    const ad = requests.ads.ad[entry]
    const item = market.ads.item[ad]
    if (taken.has(item)) continue
    taken.add(item)
    ads.push(item)
    bids.push(requests.ads.bid[entry])
    advertisers.push(market.ads.advertiser[ad])
  }
  const organic: number[] = []
  const { organic: listed } = requests
  for (let entry = listed?.offsets[request] ?? 0; entry < (listed?.offsets[request + 1] ?? 0); entry++) {
    const item = listed?.item[entry] ?? 0
    if (taken.has(item)) continue
    taken.add(item)
    organic.push(item)
  }
  return {
    history,
    ads: Uint32Array.from(ads),
    bids: Float64Array.from(bids),
    advertisers: Uint32Array.from(advertisers),
    organic: Uint32Array.from(organic),
    slots,
    constraints,
  }
}

/** Mean bid of the eligible ads of these requests; 1 where there is none. */
export function meanBid({ ads }: CandidateRequests, requests: Uint32Array): number {
  let sum = 0
  let count = 0
  for (const request of requests) {
    for (let entry = ads.offsets[request]; entry < ads.offsets[request + 1]; entry++) {
      sum += ads.bid[entry]
      count++
    }
  }
  return count === 0 || sum === 0 ? 1 : sum / count
}
