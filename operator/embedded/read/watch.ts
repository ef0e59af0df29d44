import type { Clock } from '../../cluster/clock.ts'
import type { ApiObject } from '../json.ts'
import { apiVersionOf, type ResourceType } from '../resource-type.ts'
import { expired } from '../status-error.ts'
import type { Store, StoreEvent } from '../store.ts'
import type { ReadQuery } from './query.ts'

export interface WatchOptions {
  store: Store
  type: ResourceType
  query: ReadQuery
  clock: Clock
  /** How an object is shown in an event. */
  present: (object: ApiObject) => unknown
  /** Ends the watch: the client went away or the server stops. */
  signal: AbortSignal
  /** A watcher that has so many bytes waiting is cut off; it comes back with the version that it has seen. */
  bufferBytes?: number
}

type EventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'

const defaultBufferBytes = 4 * 1024 * 1024
const defaultTimeoutSeconds = 1800
const bookmarkPeriodMilliseconds = 60_000
const encoder = new TextEncoder()

/** The body of a watch: one event of JSON a line. */
export function watchStream(options: WatchOptions): ReadableStream<Uint8Array> {
  const opening = openingEvents(options)
  const openingBytes = opening.lines.reduce((sum, line) => sum + line.byteLength, 0)
  const bufferBytes = options.bufferBytes ?? defaultBufferBytes
  let end = () => {}
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        for (const line of opening.lines) controller.enqueue(line)
        if (opening.refused) controller.close()
        else end = follow(options, controller)
      },
      cancel: () => end(),
    },
    new ByteLengthQueuingStrategy({ highWaterMark: openingBytes + bufferBytes }),
  )
}

function follow(options: WatchOptions, controller: ReadableStreamDefaultController<Uint8Array>): () => void {
  const { store, type, query, clock, signal } = options
  const finish = (how: () => void) => {
    release()
    how()
  }
  const send = (line: Uint8Array) => {
    if ((controller.desiredSize ?? 0) < line.byteLength) finish(() => controller.close())
    else controller.enqueue(line)
  }
  const onAbort = () => finish(() => controller.close())
  let cancelBookmark = () => {}
  const bookmarkLater = () => {
    cancelBookmark = clock.after(bookmarkPeriodMilliseconds, () => {
      bookmarkLater()
      send(bookmark(options, store.revision))
    })
  }
  const seconds = query.timeoutSeconds ?? defaultTimeoutSeconds
  const cancelTimeout = clock.after(seconds * 1000, onAbort)
  const unsubscribe = store.subscribe((event) => {
    if (event.resource !== type.storage) return
    const line = eventLine(options, event)
    if (line) send(line)
  })
  const release = () => {
    unsubscribe()
    cancelTimeout()
    cancelBookmark()
    signal.removeEventListener('abort', onAbort)
  }
  if (query.allowBookmarks) bookmarkLater()
  signal.addEventListener('abort', onAbort)
  if (signal.aborted) onAbort()
  return release
}

/** What the watcher gets at once: the state, or what changed since its version, or the refusal of that version. */
function openingEvents(options: WatchOptions): { lines: Uint8Array[]; refused: boolean } {
  const { store, type, query } = options
  const { resourceVersion = 0, sendInitialEvents } = query
  const isNew = resourceVersion > store.revision
  if (sendInitialEvents || resourceVersion === 0) {
    if (isNew) return refusal(resourceVersion, store)
    const state = store.list(type.storage).filter(query.matches)
    const lines = state.map((object) => line('ADDED', options.present(object)))
    if (sendInitialEvents) lines.push(bookmark(options, store.revision, { 'k8s.io/initial-events-end': 'true' }))
    return { lines, refused: false }
  }
  const missed = isNew ? undefined : store.since(resourceVersion)
  if (!missed) return refusal(resourceVersion, store)
  const lines = missed
    .filter((event) => event.resource === type.storage)
    .map((event) => eventLine(options, event))
    .filter((found) => found !== undefined)
  return { lines, refused: false }
}

/** A version of the future means that the server lost its directory: the watcher has to list anew there, too. */
function refusal(resourceVersion: number, store: Store): { lines: Uint8Array[]; refused: boolean } {
  const { status } = expired(`too old resource version: ${resourceVersion} (${store.oldestRevision})`)
  return { lines: [line('ERROR', status)], refused: true }
}

/** To a watcher an object that starts to match is added, one that no longer matches is deleted. */
function eventLine(options: WatchOptions, event: StoreEvent): Uint8Array | undefined {
  const { matches } = options.query
  const before = event.previous !== undefined && matches(event.previous)
  const after = event.type !== 'DELETED' && matches(event.object)
  if (after) return line(before ? 'MODIFIED' : 'ADDED', options.present(event.object))
  if (!before) return undefined
  if (event.type === 'DELETED') return line('DELETED', options.present(event.object))
  const { previous = event.object } = event
  const metadata = { ...previous.metadata, resourceVersion: String(event.revision) }
  return line('DELETED', options.present({ ...previous, metadata }))
}

function bookmark({ type, present }: WatchOptions, revision: number, annotations?: Record<string, string>): Uint8Array {
  const metadata = { resourceVersion: String(revision), ...(annotations && { annotations }) }
  const object = { kind: type.kind, apiVersion: apiVersionOf(type), metadata }
  return line('BOOKMARK', present(object as unknown as ApiObject))
}

function line(type: EventType, object: unknown): Uint8Array {
  return encoder.encode(`${JSON.stringify({ type, object })}\n`)
}
