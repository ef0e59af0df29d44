import { type Static, type TProperties, Type } from 'typebox'
import { marketSimulation } from './market-simulation.ts'
import { enumeration, object, optional, type Rule } from './schema.ts'

const columnName = (description: string) => Type.String({ description, minLength: 1, maxLength: 256 })

const formatRule: Rule = {
  rule: "!has(self.delimiter) || self.format == 'CSV'",
  message: 'delimiter goes with format CSV only',
}

/**
 * What a logged propensity is the probability of. `Marginal`: that the entry was shown in its slot, whatever was above.
 * `GivenBefore`: that it was, given the entries above; those of a list multiply.
 */
const propensityMeanings = ['Marginal', 'GivenBefore'] as const
export type PropensityMeaning = (typeof propensityMeanings)[number]

/**
 * What the exposures of a request are. `Whole`: all that its list showed. `Entries`: entries of it, whose neighbours the
 * log does not tell.
 */
const loggedLists = ['Whole', 'Entries'] as const

/** Files of one table, and which of their columns mean what; `more` are fields of this table alone. */
const table = <P extends TProperties, M extends TProperties = Record<never, never>>(
  columns: P,
  description: string,
  rules: Rule[] = [],
  more: M = {} as M,
) =>
  object(
    {
      path: Type.String({
        description: 'File or glob pattern below source.file.path or source.s3.uri.',
        minLength: 1,
        maxLength: 1024,
        pattern: '^[^/].*$',
      }),
      format: enumeration(['JSONLines', 'CSV', 'Parquet'], { description: 'Format of the files.' }),
      delimiter: optional(
        Type.String({ description: 'Column separator of CSV; default a comma.', minLength: 1, maxLength: 1 }),
      ),
      columns: object(columns, { description: 'Names of the columns.' }),
      ...more,
    },
    { description, rules: [formatRule, ...rules] },
  )

const noListInCsv = (column: string): Rule => ({
  rule: `!has(self.columns.${column}) || self.format != 'CSV'`,
  message: `columns.${column} holds a list, which CSV cannot; use Parquet or JSONLines`,
})

const tables = {
  advertisers: optional(
    table(
      {
        id: columnName('Column of the advertiser id.'),
        budget: optional(
          columnName(
            'Column of what the advertiser spends at most over the whole log, in the unit of bids. Serving divides it among periods: spec.serving.auction.budgets of a RankerDeployment.',
          ),
        ),
      },
      'Who advertises. Advertisers that only ads name need not stand here.',
    ),
  ),
  ads: optional(
    table(
      {
        id: columnName('Column of the ad id.'),
        item: columnName('Column of the item that the ad sponsors; no two ads have the same one.'),
        advertiser: columnName('Column of the advertiser id.'),
        bid: optional(columnName('Column of the bid per click; needed where requests tell no bids.')),
        value: optional(columnName('Column of what a click is worth to the advertiser; default its bid.')),
      },
      'Sponsored items.',
    ),
  ),
  creatives: optional(
    table(
      {
        id: columnName('Column of the creative id.'),
        item: columnName('Column of the item that the creative shows.'),
        text: optional(columnName('Column of its text.')),
        embedding: optional(columnName('Column of a list of numbers, equally long for every creative.')),
      },
      'Renderings of items; an item may have several.',
      [noListInCsv('embedding')],
    ),
  ),
  requests: optional(
    table(
      {
        id: columnName('Column of the request id.'),
        user: optional(columnName('Column of the user id; empty, or unknown to the interactions: nobody.')),
        time: optional(columnName('Column of the time: RFC 3339, or seconds or milliseconds since 1970.')),
        organic: optional(columnName('Column of a list of organic item ids in their fixed order.')),
        ads: optional(columnName('Column of a list of the ids of eligible ads.')),
        bids: optional(columnName('Column of a list of their bids per click, as long; default the bids of the ads.')),
      },
      'Page views.',
      [
        noListInCsv('organic'),
        noListInCsv('ads'),
        {
          rule: '!has(self.columns.bids) || has(self.columns.ads)',
          message: 'columns.bids are those of columns.ads; give both or ads alone',
        },
      ],
    ),
  ),
  exposures: optional(
    table(
      {
        request: columnName('Column of the request id.'),
        position: columnName('Column of the slot, counted from 1.'),
        item: columnName('Column of the item shown.'),
        ad: optional(columnName('Column of the ad; empty where the item was shown as organic.')),
        creative: optional(columnName('Column of the creative; empty where none is known.')),
        click: columnName('Column of 1 or true where the entry was clicked.'),
        creativeClick: optional(columnName('Column of 1 or true where the click went to the creative.')),
        conversion: optional(columnName('Column of 1 or true where the click converted.')),
        conversionValue: optional(columnName('Column of the value of the conversion, in the unit of bids.')),
        propensity: optional(
          columnName(
            'Column of the probability with which the logging policy showed this entry, its creative included, in this slot; propensities says given what.',
          ),
        ),
      },
      'What was shown: a row an entry.',
      [
        {
          rule: '!has(self.columns.conversionValue) || has(self.columns.conversion)',
          message: 'columns.conversionValue needs columns.conversion, which tells who converted',
        },
        {
          rule: '!has(self.propensities) || has(self.columns.propensity)',
          message: 'propensities says what columns.propensity means; give that column too',
        },
        {
          rule: "!has(self.lists) || self.lists != 'Entries' || !has(self.propensities) || self.propensities != 'GivenBefore'",
          message:
            'propensities GivenBefore multiply down a list, and lists Entries says that its other entries are not logged; set propensities to Marginal if they are, or log whole lists',
        },
      ],
      {
        // Without a default, so that a Dataset from before there was a choice keeps its input digest.
        propensities: optional(
          enumeration(propensityMeanings, {
            description:
              'What columns.propensity is. Marginal, or absent: the probability of the entry in its slot, whatever the entries above it. GivenBefore: given the entries above it, as serving with exploration writes it.',
          }),
        ),
        // Without a default, for the same reason.
        lists: optional(
          enumeration(loggedLists, {
            description:
              'What the rows of a request are. Whole, or absent: its list from position 1 on; a list with a gap is dropped. Entries: entries of a list whose others are not logged, each at its position; what learns from whole lists is refused.',
          }),
        ),
      },
    ),
  ),
} as const

/** The marketplace over the interactions: tables of it, or a simulation. */
export const advertising = object(
  { ...tables, simulation: optional(marketSimulation) },
  {
    description:
      'Ads, creatives, requests and what was shown: tables below the same source as the interactions, or a simulated marketplace laid over them.',
    rules: [
      {
        rule: 'has(self.simulation) != has(self.ads)',
        message: 'give either ads, with any of the other tables, or a simulation',
      },
      {
        rule: '!has(self.simulation) || !(has(self.advertisers) || has(self.creatives) || has(self.requests) || has(self.exposures))',
        message: 'a simulation draws all tables itself; leave advertisers, creatives, requests and exposures out',
      },
      {
        rule: '!has(self.exposures) || has(self.requests)',
        message: 'exposures are those of requests; give requests too',
      },
    ],
  },
)

export type Advertising = Static<typeof advertising>
export type AdvertisingTable = keyof typeof tables

/** In the order in which one refers to those before it. */
export const advertisingTables = Object.keys(tables) as AdvertisingTable[]

const count = (description: string) =>
  Type.Integer({ description, minimum: 0, maximum: Number.MAX_SAFE_INTEGER, format: 'int64' })

/** What tables of a marketplace may tell. */
export const advertisingFacts = [
  'Bids',
  'Values',
  'Budgets',
  'Creatives',
  'Requests',
  'EligibleAds',
  'OrganicLists',
  'Exposures',
  'ExposedCreatives',
  'CreativeClicks',
  'Conversions',
  'ConversionValues',
  'Propensities',
] as const
export type AdvertisingFact = (typeof advertisingFacts)[number]

/** What of the marketplace a revision holds: stages of training look here before they start. */
export const advertisingStatus = object(
  {
    origin: enumeration(['Tables', 'Simulation'], { description: 'Whether it was logged or simulated.' }),
    advertisers: count('Advertisers.'),
    ads: count('Ads.'),
    creatives: count('Creatives; 0 where none are told.'),
    requests: count('Requests.'),
    trainingRequests: count('Requests of the training part.'),
    validationRequests: count('Requests of the validation part.'),
    testRequests: count('Requests of the test part.'),
    unknownUsers: count('Requests of nobody that the interactions know.'),
    exposures: count('Entries shown in all requests.'),
    clicks: count('Clicks.'),
    creativeClicks: count('Clicks that went to the creative.'),
    conversions: count('Conversions.'),
    has: Type.Array(enumeration(advertisingFacts, { description: 'What the tables tell.' }), {
      description:
        'What the tables tell. Bids: of every ad, or of every eligible ad of every request. What is not here is not there.',
      maxItems: 16,
      'x-kubernetes-list-type': 'set',
    }),
    lists: optional(
      enumeration(loggedLists, {
        description: 'Entries: exposures are entries of lists whose others are not logged. Whole, or absent: lists.',
      }),
    ),
  },
  { description: 'The marketplace, where spec.advertising asks for one.' },
)

export type AdvertisingStatus = Static<typeof advertisingStatus>
