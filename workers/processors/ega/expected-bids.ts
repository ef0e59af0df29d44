import { type Market, requestParts } from '../../data/market/market.ts'

/** Mean bid by item over the training part; the static bid, or else `unknown`, where an ad made none there. */
export function meanBidsOfItems({ ads, requests }: Market, items: number, unknown: number): Float32Array {
  const sums = new Float64Array(ads.count)
  const counts = new Uint32Array(ads.count)
  if (requests?.ads !== undefined) {
    const { offsets, ad, bid } = requests.ads
    for (let request = 0; request < requests.count; request++) {
      if (requests.part[request] !== requestParts.train) continue
      for (let entry = offsets[request]; entry < offsets[request + 1]; entry++) {
        sums[ad[entry]] += bid[entry]
        counts[ad[entry]]++
      }
    }
  }
  const expected = new Float32Array(items).fill(unknown)
  for (const [ad, item] of ads.item.entries()) {
    if (counts[ad] > 0) expected[item] = sums[ad] / counts[ad]
    else if (ads.bid[ad] > 0) expected[item] = ads.bid[ad]
  }
  return expected
}
