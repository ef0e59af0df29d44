// Page views of a log as auctions to be held again.

import type { AuctionRequest, ListConstraints } from '../../auction/auction.ts'
import type { Dataset } from '../../data/dataset-reader.ts'
import { creativesOfEvents, historyCreatives } from '../../data/market/event-creatives.ts'
import { type Market, noUser, requestParts } from '../../data/market/market.ts'
import { timedHistory, timeOf } from '../../data/sequences.ts'
import { Random } from '../../tensor/random.ts'

/** An auction with what only the advertisers know. */
export interface MarketRequest {
  /** Index in `Market.requests`. */
  readonly index: number
  /** Index in the Dataset, or `noUser`. */
  readonly user: number
  readonly auction: AuctionRequest
  /** Index in `Market.ads` of each ad of the auction. */
  readonly marketAds: Uint32Array
  /** Private value per click of each ad of the auction. */
  readonly values: Float64Array
}

/** `Logged`: the bids of the log. `Truthful`: the private values. */
export type BidSource = 'Logged' | 'Truthful'

/** Least bids per click, in the unit of money. */
export interface Reserves {
  /** From the first slot on; slots beyond have none. */
  readonly bySlot: Float64Array
  /** By advertiser of the market. */
  readonly byAdvertiser: Float64Array
}

export interface RequestOptions {
  readonly part: keyof typeof requestParts
  /** At most so many, drawn by seed. */
  readonly count: number
  readonly seed: number
  readonly slots: number
  readonly constraints: ListConstraints
  readonly bids: BidSource
  /** Absent: any bid takes part. */
  readonly reserves?: Reserves | undefined
}

export interface SampledRequests {
  /** In random order: any first part of them is a sample too. */
  readonly requests: readonly MarketRequest[]
  /** Of the part. */
  readonly total: number
  /** Drawn, but with nothing that could be shown. */
  readonly skipped: number
}

export function sampleRequests(
  dataset: Pick<Dataset, 'events' | 'offsets' | 'times'>,
  market: Market,
  options: RequestOptions,
): SampledRequests {
  const { requests } = market
  if (requests === undefined) return { requests: [], total: 0, skipped: 0 }
  const wanted = requestParts[options.part]
  const inPart = Uint32Array.from(requests.part.keys()).filter((index) => requests.part[index] === wanted)
  const drawn = new Random(options.seed, 'market-requests').shuffle(inPart.slice()).slice(0, options.count)
  const eventCreatives = creativesOfEvents(dataset, market, 'Every')
  const log = { dataset, market, eventCreatives }
  const sampled = Array.from(drawn, (index) => marketRequest(log, index, options))
  const usable = sampled.filter(({ auction: { ads, organic } }) => ads.length + organic.length > 0)
  return { requests: usable, total: inPart.length, skipped: sampled.length - usable.length }
}

interface Log {
  readonly dataset: Pick<Dataset, 'events' | 'offsets' | 'times'>
  readonly market: Market
  readonly eventCreatives: Int32Array | undefined
}

function marketRequest(
  { dataset, market, eventCreatives }: Log,
  index: number,
  { slots, constraints, bids: source, reserves }: RequestOptions,
): MarketRequest {
  const { ads } = market
  const { ad: marketAds, bid: loggedBids } = eligibleAds(market, index)
  const user = market.requests?.user[index] ?? noUser
  const end = market.requests?.historyEnd[index] ?? 0
  const values = Float64Array.from(marketAds, (ad, place) =>
    // Of an ad that bids with requests only nothing but its bid is known.
    Number.isNaN(ads.value[ad]) ? loggedBids[place] : ads.value[ad],
  )
  const items = Uint32Array.from(marketAds, (ad) => ads.item[ad])
  const sponsored = new Set(items)
  const advertisers = Uint32Array.from(marketAds, (ad) => ads.advertiser[ad])
  const auction: AuctionRequest = {
    ...timedHistory(dataset, user, end),
    ...historyCreatives(eventCreatives, dataset.offsets, user, end),
    ...timeOf(market.requests?.time?.[index]),
    ads: items,
    bids: source === 'Truthful' ? values : Float64Array.from(loggedBids),
    advertisers,
    organic: organicItems(market, index).filter((item) => !sponsored.has(item)),
    slots,
    constraints,
    ...(reserves && reservesOf(reserves, slots, advertisers)),
  }
  return { index, user, auction, marketAds, values }
}

/** An ad whose bid is below them stays in the request: it takes part where it bids more. */
const reservesOf = ({ bySlot, byAdvertiser }: Reserves, slots: number, advertisers: Uint32Array) => ({
  slotReserves: Float64Array.from({ length: slots }, (_, slot) => bySlot[slot] ?? 0),
  adReserves: Float64Array.from(advertisers, (advertiser) => byAdvertiser[advertiser]),
})

/** Ads of the request with their bids; where the log names none, all that have a bid of their own. */
export function eligibleAds({ ads, requests }: Market, index: number): { ad: Uint32Array; bid: Float64Array } {
  if (requests?.ads !== undefined) {
    const { offsets, ad, bid } = requests.ads
    return {
      ad: ad.subarray(offsets[index], offsets[index + 1]),
      bid: bid.subarray(offsets[index], offsets[index + 1]),
    }
  }
  const ad = Uint32Array.from({ length: ads.count }, (_, each) => each).filter((each) => !Number.isNaN(ads.bid[each]))
  return { ad, bid: Float64Array.from(ad, (each) => ads.bid[each]) }
}

/** Of the request, in their fixed order. */
export function organicItems({ requests }: Market, index: number): Uint32Array {
  const organic = requests?.organic
  return organic === undefined
    ? new Uint32Array()
    : organic.item.subarray(organic.offsets[index], organic.offsets[index + 1])
}
