// Through which creative users took what they took, as far as clicks of the log tell.

import type { Dataset } from '../dataset-reader.ts'
import { type Market, noUser, requestParts } from './market.ts'

/** `Training` leaves out what requests of the other parts showed. */
export type TellingRequests = 'Training' | 'Every'

/**
 * Creative through which each event was clicked [events], -1 where the log does not tell; undefined where it tells none.
 * A click made the first event of its item that is not in the history of its request. So a request tells of events from
 * its `historyEnd` on, and who reads those before another request reads of requests that came before that one alone.
 */
export function creativesOfEvents(
  { events, offsets }: Pick<Dataset, 'events' | 'offsets'>,
  { requests }: Pick<Market, 'requests'>,
  telling: TellingRequests,
): Int32Array | undefined {
  const exposed = requests?.exposed
  if (requests === undefined || exposed === undefined) return undefined
  let creatives: Int32Array | undefined
  for (let request = 0; request < requests.count; request++) {
    const user = requests.user[request]
    if (user === noUser) continue
    if (telling === 'Training' && requests.part[request] !== requestParts.train) continue
    const from = offsets[user] + requests.historyEnd[request]
    const later = events.subarray(from, offsets[user + 1])
    for (let entry = exposed.offsets[request]; entry < exposed.offsets[request + 1]; entry++) {
      if (exposed.click[entry] === 0 || exposed.creative[entry] < 0) continue
      const event = later.indexOf(exposed.item[entry])
      if (event < 0) continue
      creatives ??= new Int32Array(events.length).fill(-1)
      creatives[from + event] = exposed.creative[entry]
    }
  }
  return creatives
}

/** Of a user's first `count` events, as a view; nothing where none is told, and of `noUser`. */
export const historyCreatives = (
  creatives: Int32Array | undefined,
  offsets: Uint32Array,
  user: number,
  count: number,
): { readonly historyCreatives?: Int32Array } =>
  creatives === undefined || user === noUser
    ? {}
    : { historyCreatives: creatives.subarray(offsets[user], offsets[user] + count) }
