import type { Market } from './market.ts'

/** By item: 1 for what is advertised. */
export function advertised({ ads }: Pick<Market, 'ads'>, itemCount: number): Uint8Array {
  const isAd = new Uint8Array(itemCount)
  for (const item of ads.item) isAd[item] = 1
  return isAd
}
