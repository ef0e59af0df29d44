// Checks the body of /v1/rank against its schema and points at what is wrong.

import { Ajv } from 'ajv'
import { type RankRequest, rankBody } from '../../crds/rank.ts'
import { checked, invalid } from './schema-fault.ts'

export interface RankCall {
  readonly requests: readonly RankRequest[]
  /** Whether a list was asked and shall be answered. */
  readonly isList: boolean
}

export interface RankLimits {
  /** Longest list that is answered. */
  readonly beamSize: number
  /** A call with more requests could never be taken. */
  readonly maxQueueLength: number
}

const ajv = new Ajv()
const [single, list] = rankBody.anyOf
const isRequest = ajv.compile<RankRequest>(single)
const isRequestList = ajv.compile<RankRequest[]>(list)

/** @throws HttpError 400 with a JSON pointer to the field */
export function readRankCall(body: unknown, limits: RankLimits): RankCall {
  const isList = Array.isArray(body)
  const requests = isList ? checked(isRequestList, body) : [checked(isRequest, body)]
  if (requests.length > limits.maxQueueLength)
    throw invalid('', `must not have more than ${limits.maxQueueLength} requests (spec.serving.maxQueueLength)`)
  for (const [index, { slots = 0 }] of requests.entries())
    if (slots > limits.beamSize)
      throw invalid(`${isList ? `/${index}` : ''}/slots`, `must be <= ${limits.beamSize} (spec.serving.beamSize)`)
  return { requests, isList }
}
