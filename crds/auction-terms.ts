import { enumeration, integer, optional } from './schema.ts'

/** Words that all kinds speak of auctions with. */

export const paymentRules = ['PaymentNetwork', 'GSP', 'VCG', 'FirstPrice', 'CriticalBid'] as const
export type PaymentRule = (typeof paymentRules)[number]

export const bidders = ['Ad', 'Advertiser'] as const
export type Bidder = (typeof bidders)[number]

export const organicOrders = ['Fixed', 'Free'] as const
export type OrganicOrder = (typeof organicOrders)[number]

export const paymentRule = (description: string) => enumeration(paymentRules, { description })

/** Of an object whose alpha and beta go before those of a model, where they are there. */
export const someWeight = {
  rule: '!has(self.alpha) || !has(self.beta) || double(self.alpha) + double(self.beta) > 0.0',
  message: 'alpha and beta must not both be 0: no bid would weigh anything; set one of them above 0',
}

/** Fields that bound what a list may hold; absent: no bound. */
export const listBounds = {
  maxAds: optional(integer(0, 1000, { description: 'Ads of a list at most.' })),
  minGap: optional(integer(0, 1000, { description: 'Organic items between two ads at least.' })),
  maxPerAdvertiser: optional(integer(0, 1000, { description: 'Ads of one advertiser in a list at most.' })),
}
