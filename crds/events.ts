import { type Static, Type } from 'typebox'
import { moment } from './rank.ts'

/** What crosses HTTP at `POST /v1/events`: docs/serving.md says what becomes of it. All ids are opaque strings. */

const id = (description: string) => Type.String({ description, minLength: 1, maxLength: 256 })

export const eventTypes = ['impression', 'click', 'conversion'] as const
export type EventType = (typeof eventTypes)[number]

export const maxEventsPerCall = 1000
/** Far above any value in any currency, far below where a sum of doubles loses cents. */
export const maxEventValue = 1e9

export const feedbackEvent = Type.Object(
  {
    type: Type.Unsafe<EventType>({ type: 'string', enum: [...eventTypes], description: 'What the user did.' }),
    requestId: id('Of the answer that showed the item.'),
    item: Type.Optional(id('Item; needed where position is absent.')),
    position: Type.Optional(
      Type.Integer({
        description: 'Its place in the list, from 1; needed where item is absent.',
        minimum: 1,
        maximum: 1000,
      }),
    ),
    user: Type.Optional(id('User; absent: that of the request, where this Pod answered it lately.')),
    time: Type.Optional(moment('When it happened; absent: now.')),
    value: Type.Optional(Type.Number({ description: 'Worth of a conversion.', minimum: 0, maximum: maxEventValue })),
  },
  { additionalProperties: false, description: 'One event.' },
)

export const eventsBody = Type.Union([
  feedbackEvent,
  Type.Array(feedbackEvent, { minItems: 1, maxItems: maxEventsPerCall }),
])

export type FeedbackEvent = Static<typeof feedbackEvent>

export interface EventsAnswer {
  accepted: number
  /** Of these, how many name a request that this Pod does not remember: another one answered it, or long ago. */
  unknownRequests: number
}

/** What the log of a list and of its events knows of an entry of an auction. Money is per click. */
export interface AuctionEntryRecord {
  ad?: string
  advertiser?: string
  creative?: string
  pCtr?: number
  pCtrCreative?: number
  pCvr?: number
  bid?: number
  payment?: number
}

/** Folders of `feedback/NAMESPACE/NAME` in the store; below each a folder a day, in it files of JSON Lines. */
export const feedbackStreams = ['requests', 'impressions', 'clicks', 'conversions', 'unattributed'] as const
export type FeedbackStream = (typeof feedbackStreams)[number]

/** A line of `requests`. */
export interface RequestRecord {
  requestId: string
  /** RFC 3339: that of the request, else when it was answered. */
  time: string
  user?: string
  /** Item ids, oldest first, of the history that was decoded; or the SHA-256 of their canonical JSON. */
  history?: string[]
  /** RFC 3339, beside `history`: when each was taken, as far as the model was told. */
  historyTimes?: string[]
  historyDigest?: string
  /** Absent: every item of the catalogue was eligible. */
  candidates?: number
  slots: number
  entries: ({ position: number; item: string; score: number; propensity?: number } & AuctionEntryRecord)[]
  /** Natural logarithm of the probability of the whole list; only with exploration. */
  logPropensity?: number
  /** Of a model with an auction: what it was run by, and what it was about. */
  auction?: {
    settingsRevision: string
    paymentRule: string
    /** Absent where bids weigh no codes. */
    alpha?: number
    beta?: number
    listsConsidered: number
    reward?: number
    expectedRevenue: number
  }
  /** How many ads were eligible; `candidates` are the organic items then. */
  ads?: number
  /** Of each eligible ad, with spec.serving.feedback.candidates Ids. */
  adIds?: string[]
  adBids?: number[]
  adAdvertisers?: string[]
  /** In their fixed order. */
  organic?: string[]
  exploration?: { temperature: string; sharePercent: number; drawn: boolean }
  model: string
  revision: string
}

/** A line of `impressions`, `clicks` and `conversions`; in `unattributed` user or item are absent. */
export interface EventRecord extends Pick<AuctionEntryRecord, 'ad' | 'creative' | 'payment'> {
  type: EventType
  requestId: string
  time: string
  user?: string
  item?: string
  position?: number
  score?: number
  /** Of the item at its position, given those before it. */
  propensity?: number
  value?: number
  /** Whether this Pod remembered the request. */
  known: boolean
  model: string
  revision: string
}
