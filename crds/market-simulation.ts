import { type Static, Type } from 'typebox'
import { atomicList, boolean, decimal, enumeration, integer, object, optional } from './schema.ts'

const percent = (description: string, initial: number, maximum = 100) =>
  integer(0, maximum, { description, default: initial })

const values = object(
  {
    advertiserSigmaPercent: percent('Spread of the logarithm of values between advertisers.', 60, 300),
    categorySigmaPercent: percent('Spread between top categories.', 20, 300),
    itemSigmaPercent: percent('Spread between the items of an advertiser.', 20, 300),
  },
  { description: 'What a click is worth: log-normal, mean 1.', default: {} },
)

const bids = object(
  {
    strategy: enumeration(['Truthful', 'Shaded', 'PriceQuantiles'], {
      description:
        'Truthful: a bid is the value. Shaded: shadePercent less. PriceQuantiles: the value times a price drawn for each request, over the mean price.',
      default: 'Truthful',
    }),
    shadePercent: optional(integer(1, 99, { description: 'Shaded: how far bids lie below the value.' })),
    prices: optional(
      Type.Unsafe<string[]>({
        ...atomicList(decimal({ description: 'A price.' }), 301, {
          description:
            'PriceQuantiles: prices at equally spaced quantiles, the lowest first; between them lies a straight line.',
        }),
        minItems: 2,
      }),
    ),
  },
  {
    description: 'Bids per click.',
    default: {},
    rules: [
      {
        rule: "(self.strategy == 'Shaded') == has(self.shadePercent)",
        message: 'shadePercent is needed with strategy Shaded, and goes with it only',
      },
      {
        rule: "(self.strategy == 'PriceQuantiles') == has(self.prices)",
        message: 'prices are needed with strategy PriceQuantiles, and go with it only',
      },
    ],
  },
)

const clicks = object(
  {
    meanPercent: integer(1, 50, { description: 'Mean click probability of an entry that was shown.', default: 5 }),
    affinityPercent: percent(
      'How much affinity matters: what one standard deviation of it adds to the log odds of a click.',
      100,
      500,
    ),
    exposureDecayPercent: integer(1, 100, {
      description: 'Exposure of a slot beyond the third, against the slot before; the first three have 1, 0.8, 0.6.',
      default: 85,
    }),
    externalityPercent: percent('What each neighbour of the same top category takes off the odds of a click.', 10, 90),
    repetitionPercent: percent(
      'What each earlier entry of the list of the same top category, neighbours aside, takes off the odds of a click: users tire of more of the same.',
      2,
      90,
    ),
    creativeTastePercent: percent(
      'How far the style of a creative moves the odds of a click, up or down by the taste of the group of users.',
      20,
      90,
    ),
    creativeClickPercent: integer(1, 100, {
      description: 'Share of clicks that go to the creative, at neutral taste.',
      default: 80,
    }),
  },
  { description: 'The hidden truth of clicks.', default: {} },
)

const conversions = object(
  {
    minPercent: percent(
      'Probability that a click of the lowest affinity converts, where nothing of its kind is beside it.',
      2,
    ),
    maxPercent: percent('Probability that a click of the highest affinity converts, likewise.', 10),
    alternativesPercent: percent(
      'What each other entry of the list of the same top category takes off the probability that a click converts: users compare.',
      5,
      90,
    ),
    meanValue: Type.String({
      description: 'Mean value of a conversion over the items, in the unit of bids.',
      maxLength: 24,
      pattern: '^[0-9]+(\\.[0-9]+)?$',
      default: '20',
    }),
  },
  {
    description: 'The hidden truth of conversions.',
    default: {},
    rules: [
      {
        rule: 'self.minPercent <= self.maxPercent',
        message: 'minPercent must not be above maxPercent: affinity raises conversions',
      },
    ],
  },
)

const loggingPolicy = object(
  {
    adPercent: percent('Probability that a slot goes to an ad.', 40),
    temperature: Type.String({
      description:
        'Ads are drawn by (bid x estimated affinity)^(1 / temperature) without repetition (Plackett-Luce); lower is greedier.',
      maxLength: 24,
      pattern: '^[0-9]+(\\.[0-9]+)?$',
      default: '1',
    }),
    explorationPercent: percent('Share of the ad slots that are filled evenly at random.', 10),
  },
  {
    description: 'How logged lists were chosen: at random, with known propensities.',
    default: {},
    rules: [
      {
        rule: "self.temperature.matches('[1-9]')",
        message: 'temperature must be above 0; a small one, such as 0.05, is nearly greedy',
      },
    ],
  },
)

/** A marketplace drawn over whatever interactions the source gives. */
export const marketSimulation = object(
  {
    seed: integer(0, 2_147_483_647, { description: 'Seed of everything random.', default: 1 }),
    sponsoredPercent: integer(1, 99, {
      description: 'Share of the items of each advertiser that are ads; the others are organic.',
      default: 25,
    }),
    creativesPerItem: integer(2, 4, { description: 'Renderings of an item, each in a style of its own.', default: 3 }),
    requestsPerUser: integer(0, 1000, {
      description:
        'Training requests of a user, at places of its training part; one validation and one test request at the cuts of the split come on top.',
      default: 2,
    }),
    maxUsers: optional(
      integer(1, 100_000_000, { description: 'So many users, drawn by seed, have requests; default all.' }),
    ),
    slots: integer(1, 50, { description: 'Entries of a list.', default: 10 }),
    adsPerRequest: integer(1, 5000, {
      description: 'Eligible ads of a request; fewer where there are fewer.',
      default: 200,
    }),
    organicPerRequest: integer(0, 5000, {
      description: 'Organic items of a request; fewer where there are fewer.',
      default: 200,
    }),
    includeTarget: boolean({
      description:
        'Whether the item that the user did take next is always among the candidates, in place of the weakest one where the recall misses it.',
      default: true,
    }),
    values,
    bids,
    budgetPercent: integer(0, 100_000, {
      description:
        'Budgets against what logged lists cost at their bids: 100 is about as much; they spread from 58 to 142 percent of that. 0: no budgets.',
      default: 100,
    }),
    clicks,
    conversions,
    loggingPolicy,
  },
  {
    description:
      'A seeded marketplace over the interactions: brands as advertisers, candidates recalled from the training part, lists logged by a random policy, clicks and conversions of a hidden truth. Its clicks are simulated.',
  },
)

export type MarketSimulation = Static<typeof marketSimulation>
