// Times in the bodies of requests: RFC 3339, and none that lies in the future.

import { invalid } from './schema-fault.ts'

/** Clocks of callers are wrong by minutes, not by days; a later time would be the newest for ever. */
const maxAheadMilliseconds = 3_600_000
const rfc3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/

/** For Ajv. */
export const formats = {
  'date-time': (text: string) => rfc3339.test(text) && !Number.isNaN(Date.parse(text)),
}

/**
 * @param time and `now` in milliseconds since 1970
 * @throws HttpError 400 that points at the field
 */
export function refuseAhead(time: number, field: string, now: number): void {
  if (time > now + maxAheadMilliseconds) throw invalid(field, 'is more than an hour ahead')
}
