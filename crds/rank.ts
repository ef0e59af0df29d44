import { type Static, Type } from 'typebox'
import type { PaymentRule } from './auction-terms.ts'

/** What crosses HTTP at `POST /v1/rank`: docs/guide.md shows it in use. All ids are opaque strings. */

const id = (description: string) => Type.String({ description, minLength: 1, maxLength: 256 })
/** RFC 3339. */
export const moment = (description: string) => Type.String({ description, maxLength: 40, format: 'date-time' })

export const maxSlots = 1000
export const defaultSlots = 10
export const maxRequestsPerCall = 256
/** Far above any bid in any currency, far below where a sum of doubles loses cents. */
export const maxBid = 1e9

const adCandidate = Type.Object(
  {
    id: id('Ad, or the item of an ad.'),
    advertiser: Type.Optional(id('Advertiser; absent: that of the Dataset, else one of its own.')),
    bid: Type.Optional(
      Type.Number({
        description: 'Per click, in money; absent: the static bid of the Dataset.',
        minimum: 0,
        maximum: maxBid,
      }),
    ),
    creatives: Type.Optional(
      Type.Array(id('Creative.'), {
        description: 'Those that may be shown; absent: all of the item.',
        minItems: 1,
        maxItems: 100,
      }),
    ),
  },
  { additionalProperties: false, description: 'One eligible ad.' },
)

const constraints = Type.Object(
  {
    maxAds: Type.Optional(Type.Integer({ description: 'Ads of the list at most.', minimum: 0, maximum: 1000 })),
    minGap: Type.Optional(
      Type.Integer({ description: 'Organic items between two ads at least.', minimum: 0, maximum: 1000 }),
    ),
    maxPerAdvertiser: Type.Optional(
      Type.Integer({ description: 'Ads of one advertiser at most.', minimum: 0, maximum: 1000 }),
    ),
  },
  { additionalProperties: false, description: 'Absent ones: those of the settings of the auction.' },
)

export const rankRequest = Type.Object(
  {
    requestId: Type.Optional(id('Comes back in the answer; made when absent.')),
    time: Type.Optional(moment('When the list is shown, for models that heed times; absent: now.')),
    user: Type.Optional(
      Type.Object(
        {
          id: Type.Optional(id('Looked up in the history snapshot of the model when no history is given.')),
          history: Type.Optional(
            Type.Array(id('Item.'), { description: 'Items that the user took, oldest first.', maxItems: 10_000 }),
          ),
          historyTimes: Type.Optional(
            Type.Array(moment('When the user took the item.'), {
              description: 'Of each item of the history, for models that heed times; absent: nobody knows.',
              maxItems: 10_000,
            }),
          ),
          historyCreatives: Type.Optional(
            Type.Array(Type.Union([id('Creative that the user clicked.'), Type.Null()]), {
              description:
                'Of each item of the history, for models with creatives; null where none is known, absent: of no item.',
              maxItems: 10_000,
            }),
          ),
        },
        { additionalProperties: false, description: 'Without id and history the user is anonymous.' },
      ),
    ),
    candidates: Type.Optional(
      Type.Object(
        {
          organic: Type.Optional(
            Type.Array(id('Item.'), {
              description:
                'Items that may be answered; with an auction, in the order that they keep unless its model frees them of it.',
              maxItems: 10_000,
            }),
          ),
          ads: Type.Optional(
            Type.Array(adCandidate, {
              description: 'Ads that may be answered, of a model with an auction; absent: all ads of its Dataset.',
              maxItems: 10_000,
            }),
          ),
        },
        { additionalProperties: false, description: 'Absent: every item of the catalogue.' },
      ),
    ),
    slots: Type.Optional(
      Type.Integer({ description: 'Length of the list.', minimum: 1, maximum: maxSlots, default: defaultSlots }),
    ),
    includeSeen: Type.Optional(
      Type.Boolean({ description: 'Whether items of the history may be answered.', default: false }),
    ),
    constraints: Type.Optional(constraints),
    explain: Type.Optional(
      Type.Boolean({
        description: 'Whether to say, of a model with an auction, why each entry won and what it would have paid.',
        default: false,
      }),
    ),
  },
  { additionalProperties: false, description: 'One request to rank.' },
)

export const rankBody = Type.Union([
  rankRequest,
  Type.Array(rankRequest, { minItems: 1, maxItems: maxRequestsPerCall }),
])

export const skippedReasons = [
  'UnknownItem',
  'UnknownUser',
  'Duplicate',
  // Of a model with an auction.
  'UnknownAd',
  'UnknownCreative',
  /** None of the creatives that the request names is one of the ad. */
  'NoCreative',
  'NoBid',
  'BelowReserve',
  'OutOfBudget',
  /** An organic item that is among the eligible ads too. */
  'AlsoAnAd',
  /** An ad whose item is in the history. */
  'Seen',
] as const
export type SkippedReason = (typeof skippedReasons)[number]

/** Why an entry is in the list, and what its click would have cost by other rules. */
const explanation = Type.Object({
  /** Natural logarithm of the probability of the item at its place, with bids (Eq. 22). */
  logZ: Type.Number(),
  /** (bid / unit)^alpha + beta of the whole item, the unit being the mean bid of training, or 1 of a model that weighs by money; beta alone for an organic one (Eq. 21); 1 where bids do not weigh tokens. */
  weight: Type.Number(),
  /** Candidate lists that hold the item. */
  lists: Type.Integer(),
  /**
   * What would be shown without the entry is worth: the best candidate list without it, for an ad that all hold the best of a
   * search where it bids 0. Where the model prices advertisers as one: the best list for all others, the ads of this one
   * counted as worth nothing. Absent of an organic item that all lists hold.
   */
  rewardWithout: Type.Optional(Type.Number()),
  /** Payments per click of this list under other rules; of ads alone. */
  gsp: Type.Optional(Type.Number()),
  vcg: Type.Optional(Type.Number()),
})

/** What an auction adds to an entry; those of ads are absent from organic ones. Money is per click. */
const auctionEntry = {
  ad: Type.Optional(Type.String()),
  advertiser: Type.Optional(Type.String()),
  creative: Type.Optional(Type.String()),
  pCtr: Type.Optional(Type.Number()),
  pCtrCreative: Type.Optional(Type.Number()),
  pCvr: Type.Optional(Type.Number()),
  bid: Type.Optional(Type.Number()),
  payment: Type.Optional(Type.Number()),
  explain: Type.Optional(explanation),
}

/** By what settings a list was allocated and priced. */
const auctionSummary = Type.Object({
  /** The same for the same settings; status.auctionSettings names it too. */
  settingsRevision: Type.String(),
  /** Absent of a model whose tokens are not weighed by bids. */
  alpha: Type.Optional(Type.Number()),
  beta: Type.Optional(Type.Number()),
  paymentRule: Type.Unsafe<PaymentRule>({ type: 'string' }),
  reservePrice: Type.Number(),
  slotReserves: Type.Optional(Type.Array(Type.Number())),
  /** Those above reservePrice of the advertisers whose ads are in the list, in the order of their first slots. */
  advertiserReserves: Type.Optional(Type.Array(Type.Object({ advertiser: Type.String(), price: Type.Number() }))),
  /** Of the reward that lists are compared by, in units of the mean bid of training. */
  rewardWeights: Type.Object({ lambdaConversion: Type.Number(), lambdaOrganic: Type.Number() }),
  /** Those that held, of the request or of the settings. */
  constraints,
  eligibleAds: Type.Integer(),
  listsConsidered: Type.Integer(),
  /** Of the list that was chosen (Eq. 24). */
  reward: Type.Optional(Type.Number()),
  /** Sum of payment times pCtr. */
  expectedRevenue: Type.Number(),
})

export const rankAnswer = Type.Object({
  requestId: Type.String(),
  model: Type.Object({ name: Type.String(), digest: Type.String(), revision: Type.String() }),
  entries: Type.Array(
    Type.Object({
      position: Type.Integer(),
      item: Type.String(),
      score: Type.Number(),
      /** Probability that this item came here, given those before it; only with spec.serving.exploration. */
      propensity: Type.Optional(Type.Number()),
      ...auctionEntry,
    }),
  ),
  /** Of a model with an auction. */
  auction: Type.Optional(auctionSummary),
  /** Natural logarithm of the probability of the whole list; only with spec.serving.exploration. */
  logPropensity: Type.Optional(Type.Number()),
  skipped: Type.Array(Type.Object({ id: Type.String(), reason: Type.String() })),
  timings: Type.Object({
    queueMilliseconds: Type.Number(),
    decodeMilliseconds: Type.Number(),
    /** Of the payments of all lists that were made together, and what explains them; a part of decodeMilliseconds. */
    paymentMilliseconds: Type.Optional(Type.Number()),
    /** Parts of decodeMilliseconds by name, as far as the model tells them. */
    steps: Type.Optional(Type.Record(Type.String(), Type.Number())),
  }),
})

export type RankRequest = Static<typeof rankRequest>
export type RankAnswer = Static<typeof rankAnswer>
export type RankEntry = RankAnswer['entries'][number]
export type AdCandidate = Static<typeof adCandidate>
export type EntryExplanation = Static<typeof explanation>

/** What a refused request answers, with a JSON pointer to the field that is wrong where there is one. */
export interface RankError {
  error: { code: string; message: string; field?: string }
}
