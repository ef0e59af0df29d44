import type { Client } from '../cluster/client.ts'
import { type Clock, microTimestamp } from '../cluster/clock.ts'
import type { Log } from '../cluster/log.ts'
import type { KubernetesObject, ObjectKey } from '../cluster/objects.ts'
import { EVENT, keyOf } from '../cluster/resources.ts'

export interface EventNote {
  type: 'Normal' | 'Warning'
  /** CamelCase, for one situation; the same word as the condition's reason. */
  reason: string
  /** What was done or tried, CamelCase. */
  action: string
  /** For people. No secrets, nothing copied out of other objects. */
  note: string
  related?: KubernetesObject
}

export interface EventRecorderOptions {
  client: Pick<Client, 'create' | 'mergePatch'>
  clock: Clock
  log: Log
  /** Like `adloom.dev/operator`. */
  reportingController: string
  /** This process. */
  reportingInstance: string
  /** Unique per call; part of the event's name. */
  newId(): string
}

interface Series {
  /** Known once the first write came back. */
  key: ObjectKey | undefined
  count: number
  lastAt: number
  writtenCount: number
  writtenAt: number
  cancelFlush: (() => void) | undefined
}

// events.k8s.io/v1: note at most 1024 bytes, reason and action at most 128 characters.
const NOTE_BYTES = 1024
const WORD_LENGTH = 128
// A repeat after so long is a new occurrence (client-go ends a series after 6 minutes).
const SERIES_MS = 6 * 60_000
const SERIES_WRITE_MS = 30_000
const MAX_SERIES = 4096

/**
 * Writes events of events.k8s.io/v1. The same event again within six minutes becomes a series of the first one, whose
 * count is written at most every half minute. Nothing here ever fails a reconcile: an event that cannot be written is
 * logged.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions
  readonly #series = new Map<string, Series>()
  readonly #pending = new Set<Promise<void>>()
  #failures = 0

  constructor(options: EventRecorderOptions) {
    this.#options = options
  }

  /** Events that could not be written. */
  get failures(): number {
    return this.#failures
  }

  record(regarding: KubernetesObject, event: EventNote): void {
    const now = this.#options.clock.now()
    const id = JSON.stringify([regarding.metadata.uid, event.type, event.reason, event.action, event.note])
    const series = this.#series.get(id)
    if (series && now - series.lastAt < SERIES_MS) {
      series.count++
      series.lastAt = now
      this.#scheduleFlush(series)
      return
    }
    series?.cancelFlush?.()
    this.#startSeries(id, regarding, event, now)
  }

  /** Writes the counts that still wait, and resolves when nothing is on its way. */
  async stop(): Promise<void> {
    for (const series of this.#series.values()) {
      if (series.cancelFlush) this.#flush(series)
    }
    await Promise.all(this.#pending)
  }

  #startSeries(id: string, regarding: KubernetesObject, event: EventNote, now: number): void {
    const series: Series = {
      key: undefined,
      count: 1,
      lastAt: now,
      writtenCount: 1,
      writtenAt: now,
      cancelFlush: undefined,
    }
    this.#series.delete(id)
    this.#series.set(id, series)
    const oldest = this.#series.keys().next().value
    if (this.#series.size > MAX_SERIES && oldest !== undefined) {
      this.#series.get(oldest)?.cancelFlush?.()
      this.#series.delete(oldest)
    }
    this.#send(async () => {
      try {
        series.key = keyOf(await this.#options.client.create(EVENT, this.#eventObject(regarding, event, now)))
      } catch (error) {
        // Then the next occurrence is the first.
        if (this.#series.get(id) === series) this.#series.delete(id)
        throw error
      }
    })
  }

  #scheduleFlush(series: Series): void {
    const { clock } = this.#options
    if (series.cancelFlush) return
    const wait = Math.max(0, series.writtenAt + SERIES_WRITE_MS - clock.now())
    series.cancelFlush = clock.after(wait, () => this.#flush(series))
  }

  #flush(series: Series): void {
    series.cancelFlush?.()
    series.cancelFlush = undefined
    const { key, count, lastAt } = series
    if (!key || count === series.writtenCount) return
    series.writtenCount = count
    series.writtenAt = this.#options.clock.now()
    const patch = { series: { count, lastObservedTime: microTimestamp(lastAt) } }
    this.#send(async () => void (await this.#options.client.mergePatch(EVENT, key, patch)))
  }

  #send(request: () => Promise<void>): void {
    const sent = request().catch((error: unknown) => {
      this.#failures++
      this.#options.log.warn({ err: error }, 'Event was not written')
    })
    this.#pending.add(sent)
    void sent.finally(() => this.#pending.delete(sent))
  }

  #eventObject(regarding: KubernetesObject, event: EventNote, now: number): KubernetesObject {
    const { reportingController, reportingInstance, newId } = this.#options
    const { name, namespace = 'default' } = regarding.metadata
    const body = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: `${name.slice(0, 200)}.${newId()}`, namespace },
      eventTime: microTimestamp(now),
      reportingController,
      reportingInstance,
      type: event.type,
      reason: event.reason.slice(0, WORD_LENGTH),
      action: event.action.slice(0, WORD_LENGTH),
      note: truncateBytes(event.note, NOTE_BYTES),
      regarding: referenceTo(regarding),
      ...(event.related && { related: referenceTo(event.related) }),
    }
    return body
  }
}

function referenceTo({ apiVersion, kind, metadata }: KubernetesObject) {
  const { name, namespace, uid, resourceVersion } = metadata
  return { apiVersion, kind, name, namespace, uid, resourceVersion }
}

/** Cuts to `limit` bytes of UTF-8, never through a character. */
export function truncateBytes(text: string, limit: number): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= limit) return text
  const ellipsis = '…'
  let end = limit - Buffer.byteLength(ellipsis)
  // Bytes 10xxxxxx continue a character.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.subarray(0, end).toString() + ellipsis
}
