// From answers and events to records of the feedback log.

import { createHash } from 'node:crypto'
import type { EventRecord, EventsAnswer, FeedbackEvent, FeedbackStream, RequestRecord } from '../../crds/events.ts'
import type { RankAnswer, RankEntry } from '../../crds/rank.ts'
import { candidateIds } from './auction/names.ts'
import type { ResolvedAuction } from './auction/resolve.ts'
import type { FeedbackLog } from './feedback-log.ts'
import { HttpError } from './http-error.ts'
import type { ServingMetrics } from './metrics.ts'
import { type RecentRequest, RecentRequests } from './recent-requests.ts'
import type { ServingSettings, ServingSpec } from './settings.ts'

/** What was asked and answered, and how the list came about. */
export interface AnsweredRequest {
  readonly answer: RankAnswer
  /** RFC 3339, of a request that says when it is shown. */
  readonly time: string | undefined
  readonly user: string | undefined
  /** Item indices, oldest first. */
  readonly history: Uint32Array
  /** Milliseconds since 1970, as far as the model was told. */
  readonly historyTimes?: Float64Array
  readonly candidates: number | undefined
  readonly slots: number
  /** Whether the list was drawn; undefined without exploration. */
  readonly drawn: boolean | undefined
  readonly itemIds: readonly string[]
  /** What it was about, of a model with an auction. */
  readonly auction?: ResolvedAuction
}

export interface FeedbackOptions {
  readonly settings: Pick<ServingSettings, 'digest' | 'revision' | 'serving'>
  readonly log: Pick<FeedbackLog, 'append' | 'room'>
  readonly metrics: Pick<ServingMetrics, 'events' | 'eventValue' | 'unknownRequests' | 'feedbackDropped'>
  /** Milliseconds since 1970. */
  now(): number
}

const streamOf = { impression: 'impressions', click: 'clicks', conversion: 'conversions' } as const

export class Feedback {
  readonly #options: FeedbackOptions
  readonly #history: NonNullable<ServingSpec['feedback']>['history']
  readonly #recent: RecentRequests

  constructor(options: FeedbackOptions) {
    this.#options = options
    const { feedback } = options.settings.serving
    this.#history = feedback?.history ?? 'Digest'
    this.#recent = new RecentRequests(feedback?.recentEntries ?? 0)
  }

  /** Milliseconds since 1970. */
  now(): number {
    return this.#options.now()
  }

  /** Notes an answer; the work is done by the writer. */
  answered(request: AnsweredRequest): void {
    const { answer, user } = request
    const time = request.time === undefined ? this.now() : Date.parse(request.time)
    this.#recent.add(answer.requestId, { user, entries: answer.entries.map(withoutExplanation) })
    this.#options.log.append({ stream: 'requests', content: () => this.#requestRecord(request, time) })
  }

  /**
   * Takes all events or none.
   * @throws HttpError 429 when the writer does not keep up
   */
  take(events: readonly FeedbackEvent[]): EventsAnswer {
    const { log, metrics } = this.#options
    const records = events.map((event) => this.#eventRecord(event))
    if (log.room < records.length) {
      for (const record of records) metrics.feedbackDropped.inc({ stream: streamFor(record) })
      throw new HttpError(429, 'QueueFull', 'events are written more slowly than they come; send them again later', {
        headers: { 'retry-after': '1' },
      })
    }
    let unknownRequests = 0
    for (const record of records) {
      log.append({ stream: streamFor(record), content: () => record })
      metrics.events.inc({ type: record.type })
      metrics.eventValue.inc(record.value ?? 0)
      if (!record.known) unknownRequests++
    }
    metrics.unknownRequests.inc(unknownRequests)
    return { accepted: records.length, unknownRequests }
  }

  #requestRecord(request: AnsweredRequest, time: number): RequestRecord {
    const { answer, user, candidates, slots, drawn } = request
    const { exploration } = this.#options.settings.serving
    return {
      requestId: answer.requestId,
      time: new Date(time).toISOString(),
      ...(user === undefined ? {} : { user }),
      ...this.#historyOf(request),
      ...(candidates === undefined ? {} : { candidates }),
      slots,
      entries: answer.entries.map(withoutExplanation),
      ...(answer.logPropensity === undefined ? {} : { logPropensity: answer.logPropensity }),
      ...(exploration === undefined || drawn === undefined ? {} : { exploration: { ...exploration, drawn } }),
      ...this.#auctionOf(request),
      model: answer.model.digest,
      revision: answer.model.revision,
    }
  }

  #auctionOf({ answer, auction, itemIds }: AnsweredRequest): Partial<RequestRecord> {
    const summary = answer.auction
    if (auction === undefined || summary === undefined) return {}
    const { constraints, slotReserves, advertiserReserves, reservePrice, rewardWeights, eligibleAds, ...noted } =
      summary
    const all = this.#options.settings.serving.feedback?.candidates === 'Ids'
    return { auction: noted, ads: eligibleAds, ...(all ? candidateIds(auction, itemIds) : {}) }
  }

  #historyOf({
    history,
    historyTimes,
    itemIds,
  }: AnsweredRequest): Pick<RequestRecord, 'history' | 'historyTimes' | 'historyDigest'> {
    const items = Array.from(history, (item) => itemIds[item])
    if (this.#history === 'Items')
      return { history: items, ...(historyTimes && { historyTimes: Array.from(historyTimes, toRfc3339) }) }
    return { historyDigest: `sha256:${createHash('sha256').update(JSON.stringify(items)).digest('hex')}` }
  }

  /** What the caller gives goes before what is remembered. */
  #eventRecord(event: FeedbackEvent): EventRecord {
    const { digest, revision } = this.#options.settings
    const known = this.#recent.find(event.requestId)
    const user = event.user ?? known?.user
    const { type, requestId, value } = event
    return {
      type,
      requestId,
      time: new Date(event.time === undefined ? this.now() : Date.parse(event.time)).toISOString(),
      ...(user === undefined ? {} : { user }),
      ...shown(event, known),
      ...(value === undefined ? {} : { value }),
      known: known !== undefined,
      model: digest,
      revision,
    }
  }
}

const firstYear = Date.parse('0000-01-01T00:00:00Z')
const lastYear = Date.parse('9999-12-31T23:59:59.999Z')

/** Datasets may hold times that RFC 3339 has no digits for, and `Date` none at all. */
const toRfc3339 = (time: number): string => new Date(Math.min(Math.max(time, firstYear), lastYear)).toISOString()

/** It can be told again, and would be the larger part of the log. */
const withoutExplanation = ({ explain, ...entry }: RankEntry): RankEntry => entry

/** Streams of events hold only rows that a Dataset can read: who took what, and when. */
function streamFor({ type, user, item }: EventRecord): FeedbackStream {
  return user === undefined || item === undefined ? 'unattributed' : streamOf[type]
}

/** The entry that an event speaks of; score and propensity only where item and position do not contradict the list. */
function shown({ item, position }: FeedbackEvent, known: RecentRequest | undefined): Partial<EventRecord> {
  const index = position === undefined ? known?.entries.findIndex((entry) => entry.item === item) : position - 1
  const entry = index === undefined ? undefined : known?.entries[index]
  if (index === undefined || entry === undefined || (item !== undefined && entry.item !== item))
    return { ...(item === undefined ? {} : { item }), ...(position === undefined ? {} : { position }) }
  const { score, propensity, ad, creative, payment } = entry
  return {
    item: entry.item,
    position: index + 1,
    score,
    ...(propensity === undefined ? {} : { propensity }),
    ...(ad === undefined ? {} : { ad }),
    ...(creative === undefined ? {} : { creative }),
    ...(payment === undefined ? {} : { payment }),
  }
}
