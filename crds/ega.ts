import { Type } from 'typebox'
import { bidders, listBounds, organicOrders, paymentRules, someWeight } from './auction-terms.ts'
import { idleUnless } from './idle-fields.ts'
import { boolean, decimal, enumeration, integer, object, optional } from './schema.ts'

/**
 * The model of EGA-V2 in a TrainingRun's spec, and those of its parts that other architectures have too. Defaults follow
 * the paper where it states them.
 */

const widths = (description: string) =>
  Type.Array(Type.Integer({ minimum: 1, maximum: 4096, format: 'int32' }), {
    description,
    minItems: 1,
    maxItems: 8,
    default: [128, 32, 10],
    'x-kubernetes-list-type': 'atomic',
  })

export const listConstraints = object(
  { ...listBounds, minGap: integer(0, 1000, { description: 'Organic items between two ads at least.', default: 0 }) },
  { description: 'Rules that every list keeps; what is absent has no bound.', default: {} },
)

/** How token bids are made. */
const tokenBids = {
  alpha: decimal({ description: 'How much bids matter: w = b^alpha + beta.', default: '1.2' }),
  beta: decimal({ description: 'Weight of what bids nothing; more of it means fewer ads.', default: '2' }),
  aggregate: enumeration(['Max', 'Average'], {
    description: 'Bid of a code from those of the ads behind it.',
    default: 'Max',
  }),
  // Without a default, so that a run from before there was a choice keeps its input digest.
  bids: optional(
    enumeration(['Request', 'Expected'], {
      description:
        'Request, or absent: codes are weighed by the bids of the request. Expected: by the mean logged bid of each ad; the bids of the request then only choose among the lists, so that no ad moves the lists by its own bid.',
    }),
  ),
  // Without a default, so that a run from before there was a choice keeps its input digest.
  unit: optional(
    enumeration(['MeanBid', 'Money'], {
      description:
        'What counts as a bid of 1 where codes are weighed. MeanBid, or absent: the mean bid of the training part, so that alpha and beta mean the same in any money. Money: 1 of the money of the Dataset; alpha and beta then have to fit it. The objective of a list and what the payment network reads stay in units of the mean bid.',
    }),
  ),
  scope: enumeration(['Prefix', 'Unconditional'], {
    description:
      'Prefix: the eligible ads below a code given the codes before it. Unconditional: all eligible ads with this code, as the equation is printed.',
    default: 'Prefix',
  }),
}

const bidding = object(
  {
    weights: enumeration(['TokenBids', 'None'], {
      description:
        'TokenBids: bids weigh the probabilities of codes (Eq. 21, 22). None: bids only count when a list is chosen.',
      default: 'TokenBids',
    }),
    ...tokenBids,
  },
  {
    description: 'How bids enter the decoding.',
    default: {},
    rules: [
      { rule: 'double(self.alpha) + double(self.beta) > 0.0', message: someWeight.message },
      idleUnless("self.weights == 'TokenBids'", tokenBids, 'weights None weighs no codes by bids'),
    ],
  },
)

const objective = object(
  {
    conversion: decimal({ description: 'Weight of pCVR times pCTR of all entries.', default: '0' }),
    organic: decimal({ description: 'Value of a click on an organic item, in units of the mean bid.', default: '0' }),
  },
  { description: 'What a list is worth beside the sum of bids times pCTR of its ads (Eq. 24, 31).', default: {} },
)

export const defaultPaymentRule = enumeration(paymentRules, {
  description: 'Price that lists are served and judged with unless others are asked.',
  default: 'PaymentNetwork',
})

export const rewardModel = object(
  {
    hiddenSize: integer(8, 1024, { description: 'Width.', default: 64 }),
    heads: integer(1, 64, { description: 'Attention heads.', default: 4 }),
    towers: widths('Widths of the layers of a tower.'),
    positions: boolean({ description: 'Whether the model knows the slot of an entry.', default: true }),
    context: enumeration(['Permutation', 'Pointwise'], {
      description: 'Permutation: entries of a list attend to one another. Pointwise: each is judged alone.',
      default: 'Permutation',
    }),
  },
  {
    description: 'The reward model (Eq. 18 to 20).',
    default: {},
    rules: [{ rule: 'self.hiddenSize % self.heads == 0', message: 'hiddenSize must be a multiple of heads' }],
  },
)

export const paymentNetwork = object(
  {
    hidden: widths('Widths of the hidden layers.'),
    price: enumeration(['Rate', 'Threshold'], {
      description:
        'Rate: a share of the bid (Eq. 25). Threshold: a multiple of what the others lose by the ad among the candidate lists, and never more than the bid.',
      default: 'Rate',
    }),
    seesOwnBid: boolean({
      description: 'Whether the rate of an ad may depend on its own bid beside what the allocation tells of it.',
      default: false,
    }),
  },
  { description: 'The payment network (Eq. 25, 26).', default: {} },
)

const candidateLists = integer(1, 512, {
  description: 'Lists that the reward model picks from (N_S).',
  default: 64,
})

// Without a default, so that a run from before there was a choice keeps its input digest.
const alternatives = optional(
  enumeration(['None', 'Together', 'Each', 'Swaps'], {
    description:
      'Lists beside those, so that there is something to compare an ad with that stands in all of them: where all lists have an ad, others lose nothing by it, and a price by what they lose is 0. Each: those of a search without each of the ads that stand in a quarter of the lists or more. Together: of one more search without all of them. Swaps: what comes of the best list, and of the best one without each of its bidders, by swapping one ad at a time as long as that is worth more by expected bids. None, or absent: no more lists.',
  }),
)

// Without a default, so that a run from before there was a choice keeps its input digest.
const bidder = optional(
  enumeration(bidders, {
    description:
      'Who bids. Ad, or absent: every ad for itself; ads of one advertiser then raise the prices of one another, and it gains by bidding less for all of them. Advertiser: an advertiser with all of its ads of a request; alternatives leave out all of them, and it pays what other advertisers lose by them, shared in proportion to its bids.',
  }),
)

// Without a default, so that a run from before there was a choice keeps its input digest.
const organicOrder = optional(
  enumeration(organicOrders, {
    description:
      'Which organic items may come next while a list is decoded. Fixed, or absent: only the first that is not in the list yet, so that they keep the order that the request gives them. Free: any that is not in the list yet.',
  }),
)

export const egaModel = object(
  {
    listLength: integer(1, 50, { description: 'Longest list (K).', default: 10 }),
    creativePrediction: enumeration(['MTP', 'NextToken'], {
      description:
        'MTP: a block of its own predicts the creative of an item (Figure 2). NextToken: items and creatives are one sequence.',
      default: 'MTP',
    }),
    historyTokens: enumeration(['Flattened', 'Summed'], {
      description: 'Flattened: item, separator and creative of a behaviour are three positions. Summed: one position.',
      default: 'Flattened',
    }),
    // Without a default, so that a run from before there was a choice keeps its input digest.
    tokenEmbedding: optional(
      enumeration(['Shared', 'Separate'], {
        description:
          'Vectors of codes, features and items, and of creatives, that the generator reads. Shared, or absent: one embedding for the encoder of the history and for the decoders. Separate: the encoder has one of its own, so that what an item tells of a user need not be what it is in a list; tables take twice the memory, and fewer samples teach each.',
      }),
    ),
    allocation: enumeration(['Generative', 'Cascade'], {
      description:
        'Generative: beam search over lists, the reward model picks one. Cascade: the generator recalls ads, a click model without context ranks them by bid times pCTR, and ads take the slots that the constraints allow.',
      default: 'Generative',
    }),
    candidateLists,
    alternatives,
    bidder,
    organicOrder,
    bidding,
    objective,
    constraints: listConstraints,
    paymentRule: defaultPaymentRule,
    reward: rewardModel,
    payment: paymentNetwork,
  },
  {
    description: 'Of EGA-V2; only with that architecture.',
    rules: [
      {
        rule: "self.allocation != 'Cascade' || self.bidding.weights == 'None'",
        message: 'allocation Cascade weighs no codes by bids: set bidding.weights to None',
      },
      {
        rule: "!has(self.bidder) || self.bidder != 'Advertiser' || (has(self.alternatives) && self.alternatives != 'None')",
        message:
          'bidder Advertiser compares lists with those without any ad of an advertiser: set alternatives to Swaps, Each or Together',
      },
      {
        rule: "!has(self.alternatives) || self.alternatives != 'Swaps' || (has(self.bidding.bids) && self.bidding.bids == 'Expected')",
        message: 'alternatives Swaps goes by expected bids: set bidding.bids to Expected',
      },
      idleUnless(
        "self.allocation != 'Cascade'",
        { candidateLists, alternatives, bidder, organicOrder },
        'allocation Cascade searches no lists',
      ),
    ],
  },
)
