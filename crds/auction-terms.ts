import { enumeration, integer, optional } from './schema.ts'

/** Words that all kinds speak of auctions with. */

export const paymentRules = ['PaymentNetwork', 'GSP', 'VCG', 'FirstPrice', 'CriticalBid'] as const
export type PaymentRule = (typeof paymentRules)[number]

export const bidders = ['Ad', 'Advertiser'] as const
export type Bidder = (typeof bidders)[number]

export const paymentRule = (description: string) => enumeration(paymentRules, { description })

/** Fields that bound what a list may hold; absent: no bound. */
export const listBounds = {
  maxAds: optional(integer(0, 1000, { description: 'Ads of a list at most.' })),
  minGap: optional(integer(0, 1000, { description: 'Organic items between two ads at least.' })),
  maxPerAdvertiser: optional(integer(0, 1000, { description: 'Ads of one advertiser in a list at most.' })),
}
