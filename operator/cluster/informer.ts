import { type BackoffOptions, backoffDelay } from './backoff.ts'
import type { Client } from './client.ts'
import { type Clock, type Random, sleep } from './clock.ts'
import { ApiError, errorOfStatus, GoneError, ServerError, TooManyRequestsError, WatchLineError } from './errors.ts'
import { applyEvent, applyList, type Change } from './informer-changes.ts'
import type { Log } from './log.ts'
import { type IndexFunction, ObjectStore } from './object-store.ts'
import type { KubernetesObject, ObjectKey, Resource, StatusBody } from './objects.ts'
import { isOlder } from './resource-version.ts'

export type { IndexFunction } from './object-store.ts'

/** Told of each change, in resourceVersion order per object. What throws here is counted and logged, nothing more. */
export interface InformerHandler<T> {
  added?(object: T): void
  updated?(before: T, after: T): void
  /** The last state that was seen, which is not always the last that was. */
  deleted?(last: T): void
  /** Once per resync for every object, though nothing changed. */
  resynced?(object: T): void
}

export interface InformerOptions<T extends KubernetesObject> {
  client: Pick<Client, 'list' | 'watch'>
  resource: Resource
  clock: Clock
  random: Random
  log: Log
  namespace?: string
  labelSelector?: string
  fieldSelector?: string
  indexes?: Record<string, IndexFunction<T>>
  /** 0 or absent: never. */
  resyncMs?: number
  /** Asked of the server for each watch; up to twice that, at random, so that watches do not end together. */
  watchTimeoutSeconds?: number
  /** How long past the server's own timeout a watch may be silent before it counts as dead. */
  silenceMarginMs?: number
  backoff?: BackoffOptions
}

/** All counters run from the start of the informer. */
export interface InformerStats {
  objects: number
  events: number
  bookmarks: number
  lists: number
  /** Watches opened after the first. */
  reconnects: number
  /** Lists and watches that failed. */
  failures: number
  errorEvents: number
  unparsableLines: number
  /** Lists refused because they were older than what had been delivered. */
  staleLists: number
  /** Events that came twice or out of order. */
  staleEvents: number
  silentWatches: number
  handlerErrors: number
  /** How many lists or watches in a row have failed: 0 when all is well. */
  failuresInARow: number
  /** Since the last event, bookmark or list; undefined before the first. */
  lastEventAgeMs: number | undefined
}

/** A list read older than the cache: served by a lagging API server, it would bring back what is gone. */
class StaleListError extends Error {}
class SilentWatchError extends Error {}
class DisorderError extends Error {}

const DEFAULT_BACKOFF: BackoffOptions = { baseMs: 500, maxMs: 30_000 }
// A watch that ended sooner and brought nothing says that something is wrong, although it ended cleanly.
const SHORT_WATCH_MS = 1000

/**
 * A local copy of a resource, kept by list and watch, with an order of events that a controller can rely on.
 *
 * It comes back from everything that ends a watch; the failures it is built against are those of client-node's own
 * ListWatch (issues 596, 1933 and others of kubernetes-client/javascript).
 */
export class Informer<T extends KubernetesObject> {
  readonly resource: Resource
  readonly #options: InformerOptions<T>
  readonly #store: ObjectStore<T>
  readonly #handlers = new Set<InformerHandler<T>>()
  readonly #counts = {
    events: 0,
    bookmarks: 0,
    lists: 0,
    watches: 0,
    failures: 0,
    errorEvents: 0,
    unparsableLines: 0,
    staleLists: 0,
    staleEvents: 0,
    silentWatches: 0,
    handlerErrors: 0,
  }
  readonly #syncWaiters = new Set<() => void>()
  /** Of one start; aborted for good by stop. Whoever awaits looks at it after, so no old run goes on beside a new. */
  #run: { abort: AbortController; ended: Promise<void> } | undefined
  #synced = false
  #failuresInARow = 0
  /** Highest version that was delivered: never goes back. */
  #seenVersion: string | undefined
  /** Where the next watch begins; undefined when a list has to come first. */
  #watchFrom: string | undefined
  #lastEventAt: number | undefined

  constructor(options: InformerOptions<T>) {
    this.#options = options
    this.resource = options.resource
    this.#store = new ObjectStore(options.indexes)
  }

  start(): void {
    if (this.#run) return
    const abort = new AbortController()
    this.#run = { abort, ended: this.#keepUp(abort.signal) }
    this.#scheduleResync(abort.signal)
  }

  /** After this resolves no handler is called and no connection is open. The cache stays readable. */
  async stop(): Promise<void> {
    const run = this.#run
    this.#run = undefined
    run?.abort.abort()
    await run?.ended
  }

  /** True from the first full list on. */
  hasSynced(): boolean {
    return this.#synced
  }

  /** Resolves once synced, or when the signal aborts. */
  async whenSynced(signal?: AbortSignal): Promise<void> {
    if (this.#synced || signal?.aborted) return
    await new Promise<void>((resolve) => {
      const finish = () => {
        this.#syncWaiters.delete(finish)
        signal?.removeEventListener('abort', finish)
        resolve()
      }
      this.#syncWaiters.add(finish)
      signal?.addEventListener('abort', finish, { once: true })
    })
  }

  /** Reports all present objects as added first. The function that comes back removes the handler. */
  addHandler(handler: InformerHandler<T>): () => void {
    this.#handlers.add(handler)
    for (const object of this.#store.all()) this.#guard(() => handler.added?.(object))
    return () => this.#handlers.delete(handler)
  }

  get(key: ObjectKey): T | undefined {
    return this.#store.get(key)
  }

  list(namespace?: string): T[] {
    return this.#store.all(namespace)
  }

  byOwner(uid: string): T[] {
    return this.#store.byOwner(uid)
  }

  byIndex(name: string, value: string): T[] {
    return this.#store.byIndex(name, value)
  }

  /** Whether everything up to that version has been delivered here: then a read is not older than that write. */
  hasSeen(resourceVersion: string): boolean {
    return this.#seenVersion !== undefined && !isOlder(this.#seenVersion, resourceVersion)
  }

  stats(): InformerStats {
    const { watches, ...counts } = this.#counts
    return {
      ...counts,
      objects: this.#store.size,
      reconnects: Math.max(0, watches - 1),
      failuresInARow: this.#failuresInARow,
      lastEventAgeMs: this.#lastEventAt === undefined ? undefined : this.#options.clock.monotonic() - this.#lastEventAt,
    }
  }

  async #keepUp(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.#watchFrom === undefined) await this.#list(signal)
        if (!signal.aborted) await this.#watch(this.#watchFrom ?? '', signal)
      } catch (error) {
        if (signal.aborted) return
        await this.#recover(error, signal)
      }
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, resource } = this.#options
    const list = await client.list<T>(resource, this.#selection(), signal)
    if (signal.aborted) return
    if (this.#seenVersion !== undefined && isOlder(list.resourceVersion, this.#seenVersion)) {
      throw new StaleListError(`the list is of version ${list.resourceVersion}, ${this.#seenVersion} was seen already`)
    }
    this.#counts.lists++
    this.#touch(list.resourceVersion)
    this.#watchFrom = list.resourceVersion
    for (const change of applyList(this.#store, list.items)) this.#deliver(change)
    this.#synced = true
    for (const finish of [...this.#syncWaiters]) finish()
  }

  async #watch(from: string, signal: AbortSignal): Promise<void> {
    const { client, resource, clock, random, watchTimeoutSeconds = 300 } = this.#options
    const connection = new AbortController()
    const follow = () => connection.abort(signal.reason)
    signal.addEventListener('abort', follow, { once: true })
    const timeoutSeconds = Math.ceil(watchTimeoutSeconds * (1 + random()))
    const openedAt = clock.monotonic()
    const silence = this.#silenceTimer(timeoutSeconds, connection)
    let received = 0
    this.#counts.watches++
    try {
      const selection = { ...this.#selection(), resourceVersion: from, timeoutSeconds }
      for await (const event of client.watch<T>(resource, selection, connection.signal)) {
        if (signal.aborted) return
        silence.restart()
        received++
        this.#accept(event.type, event.object)
        this.#failuresInARow = 0
      }
    } catch (error) {
      throw silence.expired() ? new SilentWatchError('the watch fell silent') : error
    } finally {
      silence.cancel()
      signal.removeEventListener('abort', follow)
      connection.abort()
    }
    if (silence.expired()) throw new SilentWatchError('the watch fell silent')
    if (received === 0 && clock.monotonic() - openedAt < SHORT_WATCH_MS && !signal.aborted) {
      throw new Error('the watch ended at once and brought nothing')
    }
    this.#failuresInARow = 0
  }

  #accept(type: string, object: T): void {
    if (type === 'ERROR') {
      // The object of an ERROR event is a metav1.Status.
      throw errorOfStatus({ verb: 'WATCH', path: this.resource.plural }, object as unknown as Partial<StatusBody>)
    }
    const version = object.metadata.resourceVersion ?? ''
    if (type === 'BOOKMARK') {
      this.#counts.bookmarks++
    } else {
      this.#counts.events++
      const outcome = applyEvent(this.#store, type === 'DELETED' ? 'DELETED' : 'PRESENT', object, this.#seenVersion)
      if (outcome === 'disorder')
        throw new DisorderError(`an event of version ${version} came after ${this.#seenVersion}`)
      if (outcome === 'stale') this.#counts.staleEvents++
      else for (const change of outcome) this.#deliver(change)
    }
    this.#touch(version)
    this.#watchFrom = this.#seenVersion
  }

  /** Decides from where to go on after a failure, and waits. */
  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    this.#failuresInARow++
    this.#counts.failures++
    if (error instanceof WatchLineError) this.#counts.unparsableLines++
    else if (error instanceof StaleListError) this.#counts.staleLists++
    else if (error instanceof SilentWatchError) this.#counts.silentWatches++
    else if (error instanceof DisorderError) this.#counts.staleEvents++
    else if (error instanceof ApiError && error.verb === 'WATCH') this.#counts.errorEvents++
    if (!canResume(error)) this.#watchFrom = undefined
    const waitMs = this.#delayAfter(error)
    const { log, clock, resource } = this.#options
    const fields = { err: error, resource: resource.plural, failuresInARow: this.#failuresInARow, waitMs }
    const quiet = error instanceof GoneError || error instanceof SilentWatchError
    log[quiet ? 'info' : 'warn'](fields, this.#watchFrom === undefined ? 'Lists again' : 'Watches again')
    if (waitMs > 0) await sleep(clock, waitMs, signal)
  }

  #delayAfter(error: unknown): number {
    const { random, backoff = DEFAULT_BACKOFF } = this.#options
    const atOnce = error instanceof GoneError || error instanceof SilentWatchError
    if (atOnce && this.#failuresInARow === 1) return 0
    const asked = error instanceof ApiError ? (error.retryAfterSeconds ?? 0) * 1000 : 0
    return Math.max(asked, backoffDelay(this.#failuresInARow, backoff, random))
  }

  #deliver(change: Change<T>): void {
    for (const handler of [...this.#handlers]) {
      this.#guard(() => {
        if (change.type === 'added') return handler.added?.(change.object)
        if (change.type === 'updated') return handler.updated?.(change.before, change.object)
        return handler.deleted?.(change.object)
      })
    }
  }

  /** A handler may be async by mistake: its rejection must not end the process. */
  #guard(call: () => unknown): void {
    const failed = (error: unknown) => {
      this.#counts.handlerErrors++
      this.#options.log.error({ err: error, resource: this.resource.plural }, 'Event handler failed')
    }
    try {
      const result = call()
      if (result instanceof Promise) result.catch(failed)
    } catch (error) {
      failed(error)
    }
  }

  #touch(version: string): void {
    this.#lastEventAt = this.#options.clock.monotonic()
    if (version && !(this.#seenVersion !== undefined && isOlder(version, this.#seenVersion)))
      this.#seenVersion = version
  }

  #silenceTimer(timeoutSeconds: number, connection: AbortController) {
    const { clock, silenceMarginMs = 30_000 } = this.#options
    let expired = false
    const arm = () =>
      clock.after(timeoutSeconds * 1000 + silenceMarginMs, () => {
        expired = true
        connection.abort()
      })
    let cancel = arm()
    return {
      restart: () => {
        cancel()
        cancel = arm()
      },
      cancel: () => cancel(),
      expired: () => expired,
    }
  }

  #scheduleResync(signal: AbortSignal): void {
    const { resyncMs = 0, clock, random } = this.#options
    if (resyncMs <= 0) return
    const cancel = clock.after(resyncMs * (0.9 + 0.2 * random()), () => {
      signal.removeEventListener('abort', cancel)
      if (signal.aborted) return
      if (this.#synced) {
        for (const object of this.#store.all()) {
          for (const handler of [...this.#handlers]) this.#guard(() => handler.resynced?.(object))
        }
      }
      this.#scheduleResync(signal)
    })
    signal.addEventListener('abort', cancel, { once: true })
  }

  #selection() {
    const { namespace, labelSelector, fieldSelector } = this.#options
    return {
      ...(namespace !== undefined && { namespace }),
      ...(labelSelector !== undefined && { labelSelector }),
      ...(fieldSelector !== undefined && { fieldSelector }),
    }
  }
}

/** Whether the watch may go on from where it was; otherwise what happened meanwhile is only known from a list. */
function canResume(error: unknown): boolean {
  const fromWatchEvent = error instanceof ApiError && error.verb === 'WATCH'
  if (fromWatchEvent || error instanceof WatchLineError || error instanceof DisorderError) return false
  if (error instanceof ApiError) return error instanceof ServerError || error instanceof TooManyRequestsError
  return !(error instanceof StaleListError)
}
