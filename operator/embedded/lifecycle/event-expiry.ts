import type { Clock } from '../../cluster/clock.ts'
import { eventType } from '../builtin/types.ts'
import { asObject, asString } from '../json.ts'
import type { Store } from '../store.ts'

/** kube-apiserver's --event-ttl. */
const lifetimeMilliseconds = 60 * 60 * 1000

/** Deletes Events that nothing was added to for an hour. */
export function expireEvents(store: Store, clock: Clock): void {
  const oldest = clock.now() - lifetimeMilliseconds
  for (const event of store.list(eventType.storage)) {
    const times = [
      asObject(event.series).lastObservedTime,
      event.lastTimestamp,
      event.eventTime,
      event.metadata.creationTimestamp,
    ]
    const latest = Math.max(...times.map((time) => Date.parse(asString(time))).filter((time) => !Number.isNaN(time)))
    if (latest < oldest) store.commit('DELETED', eventType.storage, event)
  }
}
