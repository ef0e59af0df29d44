// A trained model with an auction behind the port that serving asks.

import type { Allocator, AuctionRequest } from '../../auction/auction.ts'
import { weighingUnit } from '../../auction/token-bids.ts'
import type { Market, Requests } from '../../data/market/market.ts'
import type { AllocationSettings, StepTimes } from '../../decoding/auction/auction-decoder.ts'
import type { OpenedAuctionModel } from '../../decoding/auction/opened-model.ts'
import type { AllocationWeights, AuctionModel, LogSpan } from './auction-model.ts'

/** Candidates of a request at most; what they cost grows in proportion. */
const mostCandidates = { ads: 4096, organic: 1024 }

/**
 * @param market of the Dataset that the model learned
 * @param organic items of a request that names none, in their order
 */
export function trainedAuctionModel(opened: OpenedAuctionModel, market: Market, organic: Uint32Array): AuctionModel {
  const { terms, bidding, hasPaymentNetwork, leastOrganic, expectedBids, histories } = opened
  const { objective, constraints } = terms
  const settingsOf = ({ alpha, beta, lambdaConversion, lambdaOrganic }: AllocationWeights): AllocationSettings => ({
    bidding: bidding === 'None' ? bidding : { ...bidding, alpha, beta },
    objective: { conversion: lambdaConversion, organic: lambdaOrganic },
  })
  const allocatorOf = (weights: AllocationWeights, times?: StepTimes): Allocator =>
    opened.allocatorFor(settingsOf(weights), times)
  const { advertisers, ads, creatives, requests } = market
  const bound = (limit: number | null) => limit ?? Number.POSITIVE_INFINITY
  return {
    market: { advertisers, ads, ...(creatives === undefined ? {} : { creatives }) },
    defaults: {
      // What weighs all candidates alike, where bids do not weigh tokens.
      ...(bidding === 'None' ? { alpha: 0, beta: 1 } : { alpha: bidding.alpha, beta: bidding.beta }),
      lambdaConversion: objective.conversion,
      lambdaOrganic: objective.organic,
      paymentRule: terms.paymentRule,
      constraints: {
        maxAds: bound(constraints.maxAds),
        minGap: constraints.minGap ?? 0,
        maxPerAdvertiser: bound(constraints.maxPerAdvertiser),
      },
    },
    weighingUnit: weighingUnit(bidding, terms.bidUnit),
    hasTokenBids: bidding !== 'None',
    ...(expectedBids === undefined ? {} : { expectedBids }),
    hasPaymentNetwork,
    ...(leastOrganic === undefined ? {} : { leastOrganic }),
    logSpan: logSpanOf(requests),
    ...(histories === undefined ? {} : { histories }),
    organic: organic.slice(0, mostCandidates.organic),
    limits: { slots: opened.slots, ...mostCandidates },
    prepare: (requests) => opened.prepare(requests),
    allocate: async (requests, weights) => {
      const steps: StepTimes = {}
      const allocations = await allocatorOf(weights, steps).allocate(requests)
      return { allocations, steps: steps as Record<string, number> }
    },
    underBids: (request, bids, weights) => allocatorOf(weights).underBids(request, bids),
  }
}

/** Whatever the order of the requests. */
export function logSpanOf(requests: Pick<Requests, 'count' | 'time'> | undefined): LogSpan {
  if (requests === undefined || requests.count === 0) return 'NoRequests'
  if (requests.time === undefined) return 'NoTimes'
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const time of requests.time) {
    if (time < first) first = time
    if (time > last) last = time
  }
  return last > first ? (last - first) / 1000 : 'NoSpan'
}

/** A request as most will be: the ads and organic items of the Dataset, for a list of so many slots. */
export function usualRequest({ market, organic, limits, defaults }: AuctionModel, slots: number): AuctionRequest {
  const { ads } = market
  return {
    history: new Uint32Array(0),
    ads: ads.item.slice(0, limits.ads),
    bids: Float64Array.from(ads.bid.subarray(0, limits.ads), (bid) => bid || 0),
    advertisers: ads.advertiser.slice(0, limits.ads),
    organic,
    slots,
    constraints: defaults.constraints,
  }
}
