import { type Change, type Journal, type JournalFiles, noJournal, openJournal } from './journal.ts'
import type { ApiObject } from './json.ts'
import { StatusError } from './status-error.ts'

/** A change as watchers see it. */
export interface StoreEvent extends Change {
  /** The state before, for MODIFIED and DELETED. */
  previous?: ApiObject
}

export interface StoreOptions {
  /** Absent: nothing outlives the process. */
  directory?: string
  /** How many changes a watch can look back; older ones answer 410. */
  historyLimit?: number
  files?: JournalFiles
  /** Told of what a person may want to know: a torn tail cut off, a compaction that failed. */
  log?: (message: string) => void
}

type Listener = (event: StoreEvent) => void

/** `namespace/name`, `/name` for what has no namespace. */
export function keyOf(namespace: string | undefined, name: string): string {
  return `${namespace ?? ''}/${name}`
}

/** All objects, one rising revision, the recent changes, and their journal. Knows nothing of kinds. */
export class Store {
  readonly #tables = new Map<string, Map<string, ApiObject>>()
  readonly #listeners = new Set<Listener>()
  readonly #history: StoreEvent[] = []
  readonly #historyLimit: number
  readonly #journal: Journal
  readonly #log: (message: string) => void
  #revision = 0
  /** Changes up to and including this revision are forgotten. */
  #forgotten = 0

  constructor(options: StoreOptions = {}) {
    this.#historyLimit = options.historyLimit ?? 10_000
    this.#log = options.log ?? (() => {})
    if (options.directory === undefined) {
      this.#journal = noJournal
      return
    }
    const { journal, recovered } = openJournal(options.directory, options.files)
    this.#journal = journal
    if (recovered.tornBytes > 0) this.#log(`journal: cut off ${recovered.tornBytes} bytes of an unfinished last write`)
    for (const { resource, object } of recovered.snapshot) this.#table(resource).set(keyOfObject(object), object)
    this.#forgotten = recovered.revision - recovered.changes.length
    for (const change of recovered.changes) this.#accept(change)
    this.#revision = recovered.revision
  }

  get revision(): number {
    return this.#revision
  }

  get oldestRevision(): number {
    return this.#forgotten
  }

  get(resource: string, namespace: string | undefined, name: string): ApiObject | undefined {
    return this.#tables.get(resource)?.get(keyOf(namespace, name))
  }

  /** All objects of a resource, sorted by namespace and name, as they are or as they were at an older revision. */
  list(resource: string, revision = this.#revision): ApiObject[] {
    const table = new Map(this.#tables.get(resource))
    for (const event of this.#historyBackTo(revision)) {
      if (event.resource !== resource) continue
      const key = keyOfObject(event.object)
      if (event.previous) table.set(key, event.previous)
      else table.delete(key)
    }
    return [...table].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object)
  }

  resources(): string[] {
    return [...this.#tables.keys()]
  }

  /** The changes after a revision; undefined when they are no longer known. */
  since(revision: number): StoreEvent[] | undefined {
    if (revision < this.#forgotten || revision > this.#revision) return undefined
    return [...this.#historyBackTo(revision)].reverse()
  }

  /**
   * Makes a change: gives it the next revision, writes the journal, then changes what readers see.
   *
   * @throws StatusError 507 when the disk does not take it; nothing has changed then.
   */
  commit(type: Change['type'], resource: string, object: ApiObject): ApiObject {
    const revision = this.#revision + 1
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } }
    const change: Change = { revision, type, resource, object: stored }
    try {
      this.#journal.append(change)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw new StatusError(507, 'InternalError', `the write was not stored: ${why}`)
    }
    this.#revision = revision
    const event = this.#accept(change)
    for (const listener of this.#listeners) listener(event)
    this.#compactIfUseful()
    return stored
  }

  /** Resolves when every commit so far is on the disk. */
  synced(): Promise<void> {
    return this.#journal.synced()
  }

  /** Listeners hear every commit, in order, before commit returns. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close(): Promise<void> {
    return this.#journal.close()
  }

  #accept(change: Change): StoreEvent {
    const table = this.#table(change.resource)
    const key = keyOfObject(change.object)
    const previous = table.get(key)
    if (change.type === 'DELETED') table.delete(key)
    else table.set(key, change.object)
    const event: StoreEvent = { ...change, ...(previous && { previous }) }
    this.#history.push(event)
    // Trimmed in blocks, so that a write costs no shift of the whole array.
    if (this.#history.length > this.#historyLimit * 1.25) {
      const dropped = this.#history.splice(0, this.#history.length - this.#historyLimit)
      this.#forgotten = dropped.at(-1)?.revision ?? this.#forgotten
    }
    return event
  }

  *#historyBackTo(revision: number): Generator<StoreEvent> {
    for (let index = this.#history.length - 1; index >= 0; index--) {
      const event = this.#history[index]
      if (!event || event.revision <= revision) return
      yield event
    }
  }

  #table(resource: string): Map<string, ApiObject> {
    const table = this.#tables.get(resource) ?? new Map<string, ApiObject>()
    this.#tables.set(resource, table)
    return table
  }

  #compactIfUseful(): void {
    if (!this.#journal.wantsCompaction()) return
    try {
      const entries = [...this.#tables].flatMap(([resource, table]) =>
        [...table.values()].map((object) => ({ resource, object })),
      )
      this.#journal.compact(this.#revision, entries)
    } catch (error) {
      this.#log(`journal: compaction failed, the journal keeps growing: ${String(error)}`)
    }
  }
}

function keyOfObject(object: ApiObject): string {
  return keyOf(object.metadata.namespace, object.metadata.name)
}
