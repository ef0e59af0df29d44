import type { Allocation, Allocator, AuctionRequest } from '../../../../workers/auction/auction.ts'
import { unconstrained } from '../../../../workers/auction/auction.ts'
import type { Mechanism } from '../../../../workers/auction/bid-outcomes.ts'
import type { PaymentInput } from '../../../../workers/auction/payments/payment-rule.ts'
import type { MarketRequest } from '../../../../workers/evaluation/market/requests.ts'

/** Ads by b·q in slots of falling exposure, organic items behind them. Everything about it is known in closed form. */
export interface PositionMarket {
  /** By slot. */
  readonly exposure: readonly number[]
  /** Chance of a click on the item at exposure 1. */
  quality(item: number): number
}

export const flat = (exposure: readonly number[]): PositionMarket => ({ exposure, quality: () => 1 })

const ranked = ({ quality }: PositionMarket, { ads, bids }: AuctionRequest): number[] =>
  Array.from(ads.keys())
    .filter((ad) => bids[ad] > 0)
    .sort((a, b) => bids[b] * quality(ads[b]) - bids[a] * quality(ads[a]) || a - b)

export function positionAllocator(market: PositionMarket): Allocator {
  const allocate = (request: AuctionRequest): Allocation => {
    const slots = market.exposure.length
    const order = [
      ...ranked(market, request).slice(0, request.constraints.maxAds),
      ...request.organic.keys().map((organic) => request.ads.length + organic),
    ]
    const candidate = Int32Array.from({ length: slots }, (_, slot) => order[slot] ?? -1)
    const itemOf = (at: number) =>
      at < request.ads.length ? request.ads[at] : request.organic[at - request.ads.length]
    const click = Float32Array.from(candidate, (at, slot) =>
      at < 0 ? 0 : market.exposure[slot] * market.quality(itemOf(at)),
    )
    const lists = {
      count: 1,
      slots,
      candidate,
      creative: Int32Array.from(candidate, (at) => (at < 0 ? -1 : at)),
      logZ: new Float32Array(slots),
      pCtr: click,
      pCtrCreative: click.map((chance) => chance / 2),
      pCvr: new Float32Array(slots).fill(0.1),
      reward: new Float32Array(1),
    }
    return { lists, chosen: 0 }
  }
  return {
    allocate: async (requests) => requests.map(allocate),
    underBids: async (request, bids) => bids.map((vector) => allocate({ ...request, bids: vector })),
  }
}

export type Pricing = (market: PositionMarket, request: AuctionRequest) => number[]

/** Price per click by rank. */
export const firstPrice: Pricing = (market, request) => ranked(market, request).map((ad) => request.bids[ad])

export const gsp: Pricing = (market, request) => {
  const order = ranked(market, request)
  const score = (ad: number | undefined): number =>
    ad === undefined ? 0 : request.bids[ad] * market.quality(request.ads[ad])
  return order.map((ad, rank) => score(order[rank + 1]) / market.quality(request.ads[ad]))
}

export const vcg: Pricing = (market, request) => {
  const { quality } = market
  const exposure = market.exposure.slice(0, request.constraints.maxAds)
  const order = ranked(market, request)
  const score = (rank: number): number => {
    const ad = order[rank]
    return ad === undefined ? 0 : request.bids[ad] * quality(request.ads[ad])
  }
  return order.slice(0, exposure.length).map((ad, rank) => {
    let payment = 0
    for (let below = rank; below < exposure.length; below++)
      payment += (exposure[below] - (exposure[below + 1] ?? 0)) * score(below + 1)
    return payment / (exposure[rank] * quality(request.ads[ad]))
  })
}

export function positionMechanism(market: PositionMarket, pricing: Pricing): Mechanism {
  const price = ({ request, allocation }: PaymentInput): Float64Array => {
    const prices = pricing(market, request)
    return Float64Array.from(allocation.lists.candidate, (at, slot) =>
      at >= 0 && at < request.ads.length ? prices[slot] : 0,
    )
  }
  return { allocator: positionAllocator(market), payments: async (lists) => lists.map(price) }
}

/** A page view with these values, which are the bids as well; each ad has an advertiser of its own unless told. */
export function auctionOf(values: readonly number[], changed: Partial<AuctionRequest> = {}, index = 0): MarketRequest {
  const ads = Uint32Array.from(values.keys())
  return {
    index,
    user: index,
    marketAds: ads,
    values: Float64Array.from(values),
    auction: {
      history: new Uint32Array(),
      ads,
      bids: Float64Array.from(values),
      advertisers: ads,
      organic: new Uint32Array(),
      slots: 2,
      constraints: unconstrained,
      ...changed,
    },
  }
}
