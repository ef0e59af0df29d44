// What ads bid, told from the tables where no request is at hand.

import { type Market, type Requests, requestParts } from './market.ts'

/** Mean bid over the eligible ads of the training part's requests; of the ads themselves where these name none. */
export function bidUnitOf({ ads, requests }: Market): number {
  return meanBid(bidsOnly(requests)) ?? meanBid(ads.bid) ?? 1
}

function* bidsOnly(requests: Requests | undefined): Generator<number> {
  for (const { bid } of trainingBids(requests)) yield bid
}

/** [ads], the bid of each ad's own, or its mean in the requests of the training part; NaN where there is neither. */
export function usualBids(market: Market): Float64Array {
  const means = meanTrainingBids(market)
  return Float64Array.from(market.ads.bid, (bid, ad) => (Number.isNaN(bid) ? means[ad] : bid))
}

/** [items], the mean bid over the training part; an ad's own bid, or else `unknown`, where it made none there. */
export function expectedBids(market: Market, items: number, unknown: number): Float32Array {
  const { item, bid } = market.ads
  const expected = new Float32Array(items).fill(unknown)
  for (const [ad, mean] of meanTrainingBids(market).entries()) {
    if (!Number.isNaN(mean)) expected[item[ad]] = mean
    else if (bid[ad] > 0) expected[item[ad]] = bid[ad]
  }
  return expected
}

/** [ads], NaN where an ad made no bid. */
function meanTrainingBids({ ads, requests }: Market): Float64Array {
  const sum = new Float64Array(ads.count)
  const count = new Float64Array(ads.count)
  for (const { ad, bid } of trainingBids(requests)) {
    sum[ad] += bid
    count[ad]++
  }
  return sum.map((total, ad) => total / count[ad])
}

function* trainingBids(requests: Requests | undefined): Generator<{ readonly ad: number; readonly bid: number }> {
  if (requests?.ads === undefined) return
  const { offsets, ad, bid } = requests.ads
  for (let request = 0; request < requests.count; request++) {
    if (requests.part[request] !== requestParts.train) continue
    for (let entry = offsets[request]; entry < offsets[request + 1]; entry++) yield { ad: ad[entry], bid: bid[entry] }
  }
}

/** Of those above 0; undefined without any. */
function meanBid(bids: Iterable<number>): number | undefined {
  let sum = 0
  let count = 0
  for (const bid of bids) {
    if (!(bid > 0)) continue
    sum += bid
    count++
  }
  return count === 0 ? undefined : sum / count
}
