import { type Static, Type } from 'typebox'
import { listBounds, paymentRule, someWeight } from './auction-terms.ts'
import { atomicList, enumeration, integer, keyedList, object, optional } from './schema.ts'

/** How an auction ranks and prices, as an operator may change it while Pods serve. */

/** A decimal string with so many digits before the point at most, and six behind it. */
const decimalBelow = (digits: number, description: string) =>
  Type.String({ description, maxLength: digits + 7, pattern: `^[0-9]{1,${digits}}(\\.[0-9]{1,6})?$` })

const money = (description: string) => decimalBelow(9, description)
const advertiser = Type.String({ description: 'Id of the advertiser in the Dataset.', minLength: 1, maxLength: 256 })

/** Far more than the advertisers that a person gives a price of their own; an object of the API holds 1.5 MB. */
export const maxAdvertiserSettings = 1000
export const maxSlotReserves = 100

export const pacingMethods = ['None', 'Throttling', 'Multiplicative'] as const
export type PacingMethod = (typeof pacingMethods)[number]

const constraints = object(listBounds, { description: 'Bounds of a list whose request has none of its own.' })

const reward = object(
  {
    lambdaConversion: optional(
      decimalBelow(6, 'Worth of a predicted conversion, in units of the mean bid of training.'),
    ),
    lambdaOrganic: optional(
      decimalBelow(6, 'Worth of a predicted click on an organic item, in units of the mean bid of training.'),
    ),
  },
  { description: 'What candidate lists are compared by, beside the sum of bid times pCTR of the ads (Eq. 24).' },
)

/** Least bids that an auction takes. */
export const reserveFields = {
  reservePrice: optional(money('Least bid per click that takes part.')),
  slotReserves: optional(
    atomicList(money('Least bid per click.'), maxSlotReserves, {
      description: 'Least bids by slot, from the first one; slots beyond have none.',
    }),
  ),
  advertiserReserves: optional(
    keyedList(
      object({ advertiser, price: money('Least bid per click.') }, { description: 'Reserve of one advertiser.' }),
      'advertiser',
      maxAdvertiserSettings,
      { description: 'Least bids of single advertisers, where above reservePrice.' },
    ),
  ),
}

const budgets = object(
  {
    pacing: enumeration(pacingMethods, {
      description:
        'How spending is spread over the period: Throttling lets an advertiser take part in a share of the requests, Multiplicative in all with lowered bids; with None it bids until its budget is spent. Then it takes no part, whichever it is.',
      default: 'Throttling',
    }),
    periodSeconds: integer(60, 31_536_000, {
      description: 'Budgets begin anew so often, counted from 1970.',
      default: 86_400,
    }),
    datasetPeriods: optional(
      integer(1, 1_000_000, {
        description:
          'Periods that a budget of the Dataset, which is over its whole log, is divided among. Absent: as many as lie between the first and the last logged request; needed where requests have no times, or all the same one, or there are none. Amounts of advertisers are of one period, and not divided.',
      }),
    ),
    advertisers: optional(
      keyedList(
        object({ advertiser, amount: money('To spend in a period at most.') }, { description: 'One budget.' }),
        'advertiser',
        maxAdvertiserSettings,
        { description: 'Budgets of a period, which go before those of the Dataset.' },
      ),
    ),
  },
  { description: 'What advertisers spend in a period at most. Absent: nobody runs out of budget.' },
)

/**
 * `spec.serving.auction` of a RankerDeployment but for candidateLists: what reaches Pods that serve, as JSON, by the
 * ConfigMap NAME-auction. What is absent is as the model was trained.
 */
export const liveAuctionSettings = object(
  {
    alpha: optional(
      decimalBelow(
        1,
        'Exponent of bids in the weight bid^alpha + beta of a token (Eq. 21); more lets bids matter more.',
      ),
    ),
    beta: optional(
      decimalBelow(6, 'What is added to it, and the whole weight of organic items; more lets fewer ads through.'),
    ),
    paymentRule: optional(
      paymentRule(
        'What a click costs. PaymentNetwork needs a model with such a network; VCG and CriticalBid search again for each ad.',
      ),
    ),
    ...reserveFields,
    constraints: optional(constraints),
    reward: optional(reward),
    budgets: optional(budgets),
  },
  { description: 'Settings of an auction that change while Pods serve.' },
)

export type LiveAuctionSettings = Static<typeof liveAuctionSettings>

/** `spec.serving.auction`. */
export const auctionSettings = object(
  {
    ...liveAuctionSettings.properties,
    candidateLists: optional(
      integer(1, 1024, {
        description: 'Lists that are compared (N_S). It shapes the graph: a change of it replaces the Pods.',
      }),
    ),
  },
  {
    description:
      'How a model with an auction ranks and prices. All but candidateLists changes without a restart: Pods read the ConfigMap NAME-auction, and answers carry the revision of what they were made by. Absent fields: as the model was trained.',
    rules: [someWeight],
  },
)

/** Key of the ConfigMap, and name of the file in its volume. */
export const auctionSettingsFile = 'auction.json'

/** What the file says. The revision of the settings is the digest of `settings` as it stands here. */
export const auctionSettingsDocument = Type.Object(
  {
    settings: liveAuctionSettings,
    /** Pods that answer, canaries among them: each heeds its part of a budget. Only given where there are budgets. */
    pods: Type.Optional(Type.Integer({ minimum: 1 })),
  },
  { additionalProperties: false },
)

export type AuctionSettingsDocument = Static<typeof auctionSettingsDocument>
