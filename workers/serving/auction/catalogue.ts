// Advertisers, ads and creatives of a model by their ids.

import type { Market } from '../../data/market/market.ts'

export interface AuctionCatalogue {
  readonly market: Pick<Market, 'advertisers' | 'ads' | 'creatives'>
  findAd(id: string): number | undefined
  /** Of an item; undefined for one that is no ad. */
  adOf(item: number): number | undefined
  findAdvertiser(id: string): number | undefined
  findCreative(id: string): number | undefined
}

export function indexMarket(market: AuctionCatalogue['market']): AuctionCatalogue {
  const { advertisers, ads, creatives } = market
  const adById = indexOf(ads.ids)
  const advertiserById = indexOf(advertisers.ids)
  const creativeById = indexOf(creatives?.ids ?? [])
  const adByItem = new Map<number, number>()
  for (let ad = 0; ad < ads.count; ad++) adByItem.set(ads.item[ad], ad)
  return {
    market,
    findAd: (id) => adById.get(id),
    adOf: (item) => adByItem.get(item),
    findAdvertiser: (id) => advertiserById.get(id),
    findCreative: (id) => creativeById.get(id),
  }
}

const indexOf = (ids: readonly string[]): Map<string, number> => new Map(ids.map((id, index) => [id, index]))
