import type { Clock } from '../../cluster/clock.ts'
import { eventType, namespaceType } from '../builtin/types.ts'
import { crdStorage } from '../crd.ts'
import type { ResourceTypes } from '../resource-types.ts'
import type { Store, StoreEvent } from '../store.ts'
import { emptyWhatEnds } from './emptying.ts'
import { expireEvents } from './event-expiry.ts'
import { GarbageCollector } from './garbage-collector.ts'

const expiryPeriodMilliseconds = 60_000

/**
 * What a cluster's controller manager does for every kind: garbage collection, emptying of namespaces and of deleted
 * CRDs, expiry of Events. It runs after the write that made it necessary, on its own turn; a restart starts it anew.
 */
export class Housekeeping {
  readonly #store: Store
  readonly #types: ResourceTypes
  readonly #clock: Clock
  readonly #log: (message: string) => void
  readonly #collector: GarbageCollector
  #scheduled = false
  #somethingEnds = true
  #lastExpiry = 0
  #expiryDue = false
  #stopped = false

  constructor(store: Store, types: ResourceTypes, clock: Clock, log: (message: string) => void) {
    this.#store = store
    this.#types = types
    this.#clock = clock
    this.#log = log
    this.#collector = new GarbageCollector(store, types, clock)
    store.subscribe((event) => {
      this.#collector.notice(event)
      this.#somethingEnds ||= mayEnd(event)
      this.#expiryDue ||= this.#isExpiryDue(event)
      this.#schedule()
    })
    this.#schedule()
  }

  stop(): void {
    this.#stopped = true
  }

  #schedule(): void {
    if (this.#scheduled || this.#stopped) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.#work()
    })
  }

  #work(): void {
    try {
      if (this.#expiryDue) this.#expire()
      while (!this.#stopped && (this.#collector.work() || this.#emptyIfNeeded()));
    } catch (error) {
      // Most likely a full disk; the next write tries again.
      this.#log(`housekeeping stopped: ${String(error)}`)
    }
  }

  #emptyIfNeeded(): boolean {
    if (!this.#somethingEnds) return false
    this.#somethingEnds = false
    return emptyWhatEnds(this.#store, this.#types, this.#clock)
  }

  #isExpiryDue(event: StoreEvent): boolean {
    const due = this.#clock.now() - this.#lastExpiry >= expiryPeriodMilliseconds
    return due && event.resource === eventType.storage && event.type === 'ADDED'
  }

  #expire(): void {
    this.#expiryDue = false
    this.#lastExpiry = this.#clock.now()
    expireEvents(this.#store, this.#clock)
  }
}

function mayEnd({ type, resource, object }: StoreEvent): boolean {
  const container = resource === namespaceType.storage || resource === crdStorage
  return type === 'DELETED' || (container && object.metadata.deletionTimestamp !== undefined)
}
