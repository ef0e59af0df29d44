// Checks the body of /v1/rank against its schema and points at what is wrong.

import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import { type RankRequest, rankBody } from '../../crds/rank.ts'
import { HttpError } from './http-error.ts'

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

function checked<T>(validate: ValidateFunction<T>, body: unknown): T {
  if (validate(body)) return body
  const [error] = validate.errors ?? []
  throw error === undefined ? invalid('', 'is invalid') : invalid(pointerOf(error), messageOf(error))
}

const invalid = (field: string, problem: string): HttpError =>
  new HttpError(400, 'InvalidRequest', `${field === '' ? 'the body' : field} ${problem}`, { field })

/** The unknown field itself where that is what is wrong, not the object around it. */
function pointerOf({ instancePath, params, keyword }: ErrorObject): string {
  if (keyword !== 'additionalProperties') return instancePath
  return `${instancePath}/${String(params.additionalProperty).replaceAll('~', '~0').replaceAll('/', '~1')}`
}

function messageOf({ message = 'is invalid', keyword }: ErrorObject): string {
  return keyword === 'additionalProperties' ? 'is no field that is known' : message
}
