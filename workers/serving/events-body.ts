// Checks the body of /v1/events against its schema and points at what is wrong.

import { Ajv } from 'ajv'
import { eventsBody, type FeedbackEvent } from '../../crds/events.ts'
import { formats, refuseAhead } from './body-times.ts'
import { checked, invalid } from './schema-fault.ts'

const ajv = new Ajv({ formats })
const [single, list] = eventsBody.anyOf
const isEvent = ajv.compile<FeedbackEvent>(single)
const isEventList = ajv.compile<FeedbackEvent[]>(list)

/** @throws HttpError 400 with a JSON pointer to the field */
export function readEvents(body: unknown, now: number): readonly FeedbackEvent[] {
  const isList = Array.isArray(body)
  const events = isList ? checked(isEventList, body) : [checked(isEvent, body)]
  for (const [index, event] of events.entries()) checkEvent(event, isList ? `/${index}` : '', now)
  return events
}

function checkEvent({ type, item, position, value, time }: FeedbackEvent, at: string, now: number): void {
  if (item === undefined && position === undefined) throw invalid(at, 'must have item or position')
  if (value !== undefined && type !== 'conversion') throw invalid(`${at}/value`, 'goes with type conversion only')
  if (time !== undefined) refuseAhead(Date.parse(time), `${at}/time`, now)
}
