// Checks the body of /v1/rank against its schema and points at what is wrong.

import { Ajv } from 'ajv'
import { type RankRequest, rankBody } from '../../crds/rank.ts'
import { formats, refuseAhead } from './body-times.ts'
import { checked, invalid } from './schema-fault.ts'

export interface RankCall {
  readonly requests: readonly RankRequest[]
  /** Whether a list was asked and shall be answered. */
  readonly isList: boolean
}

export interface RankLimits {
  /** Longest list that is answered, and what bounds it. */
  readonly slots: number
  readonly slotsBoundBy: string
  /** A call with more requests could never be taken. */
  readonly maxQueueLength: number
  /** The most candidates that an auction takes; 'None': the model has no auction. Undefined while none is loaded. */
  readonly auction: { readonly ads: number; readonly organic: number } | 'None' | undefined
}

const ajv = new Ajv({ formats })
const [single, list] = rankBody.anyOf
const isRequest = ajv.compile<RankRequest>(single)
const isRequestList = ajv.compile<RankRequest[]>(list)

/**
 * @param now milliseconds since 1970
 * @throws HttpError 400 with a JSON pointer to the field
 */
export function readRankCall(body: unknown, limits: RankLimits, now: number): RankCall {
  const isList = Array.isArray(body)
  const requests = isList ? checked(isRequestList, body) : [checked(isRequest, body)]
  if (requests.length > limits.maxQueueLength)
    throw invalid('', `must not have more than ${limits.maxQueueLength} requests (spec.serving.maxQueueLength)`)
  for (const [index, request] of requests.entries()) {
    const at = isList ? `/${index}` : ''
    checkRequest(request, at, limits)
    checkTimes(request, at, now)
    checkCreatives(request, at)
  }
  return { requests, isList }
}

function checkRequest(request: RankRequest, at: string, { slots, slotsBoundBy, auction }: RankLimits): void {
  if ((request.slots ?? 0) > slots) throw invalid(`${at}/slots`, `must be <= ${slots} (${slotsBoundBy})`)
  const { candidates } = request
  if (auction === 'None') {
    const asked = auctionFields.find(([, isAsked]) => isAsked(request))
    if (asked) throw invalid(`${at}/${asked[0]}`, 'goes with a model with an auction only; this one has none')
  } else if (auction !== undefined) {
    for (const list of ['ads', 'organic'] as const)
      if ((candidates?.[list]?.length ?? 0) > auction[list])
        throw invalid(
          `${at}/candidates/${list}`,
          `must NOT have more than ${auction[list]} items, which the model takes`,
        )
  }
}

function checkTimes({ time, user }: RankRequest, at: string, now: number): void {
  if (time !== undefined) refuseAhead(Date.parse(time), `${at}/time`, now)
  const { history, historyTimes } = user ?? {}
  if (historyTimes === undefined) return
  const field = `${at}/user/historyTimes`
  if (history === undefined) throw invalid(field, 'goes with history only')
  const times = historyTimes.map((taken) => Date.parse(taken))
  if (times.length !== history.length)
    throw invalid(field, `must have as many times as history has items: ${history.length}, not ${times.length}`)
  const early = times.findIndex((taken, index) => index > 0 && taken < times[index - 1])
  if (early >= 0) throw invalid(`${field}/${early}`, 'is before the one before it; a history has the oldest first')
  const newest = times.length - 1
  if (newest < 0) return
  const last = `${field}/${newest}`
  if (time === undefined) refuseAhead(times[newest], last, now)
  else if (times[newest] > Date.parse(time)) throw invalid(last, 'is after the time of the request')
}

function checkCreatives({ user }: RankRequest, at: string): void {
  const { history, historyCreatives } = user ?? {}
  if (historyCreatives === undefined) return
  const field = `${at}/user/historyCreatives`
  if (history === undefined) throw invalid(field, 'goes with history only')
  if (historyCreatives.length === history.length) return
  const lengths = `${history.length}, not ${historyCreatives.length}`
  throw invalid(field, `must have as many creatives, or nulls, as history has items: ${lengths}`)
}

const auctionFields: readonly [field: string, isAsked: (request: RankRequest) => boolean][] = [
  ['candidates/ads', ({ candidates }) => candidates?.ads !== undefined],
  ['user/historyCreatives', ({ user }) => user?.historyCreatives !== undefined],
  ['constraints', ({ constraints }) => constraints !== undefined],
  ['explain', ({ explain }) => explain !== undefined],
]
