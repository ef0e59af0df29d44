import * as fs from 'node:fs'
import { join } from 'node:path'
import { readChecked, sealed } from './journal-line.ts'
import type { ApiObject } from './json.ts'

/** One change. A deletion carries the last state, with the deletion's own revision in it. */
export interface Change {
  revision: number
  type: 'ADDED' | 'MODIFIED' | 'DELETED'
  /** `group/plural`, the same for every version of a kind. */
  resource: string
  object: ApiObject
}

export interface SnapshotEntry {
  resource: string
  object: ApiObject
}

interface SnapshotHead {
  format: 1
  revision: number
  entries: number
}

/** The calls that a full or failing disk makes fail. */
export interface JournalFiles {
  /** Writes all bytes at the end of the file, or throws. */
  append(descriptor: number, bytes: Uint8Array): void
  sync(descriptor: number): Promise<void>
}

export const realFiles: JournalFiles = {
  append(descriptor, bytes) {
    for (let written = 0; written < bytes.length; ) written += fs.writeSync(descriptor, bytes, written)
  },
  sync: (descriptor) =>
    new Promise((resolve, reject) => {
      fs.fdatasync(descriptor, (error) => (error ? reject(error) : resolve()))
    }),
}

export interface Journal {
  /**
   * Adds a change to the file at once, without waiting for the disk.
   * @throws Error when the file does not take it; the file then is as it was.
   */
  append(change: Change): void
  /** Resolves when all that was appended so far is on the disk; calls in between share one fsync. */
  synced(): Promise<void>
  /** True when a snapshot would be much shorter than the journal. */
  wantsCompaction(): boolean
  /** Writes all objects as the new base and empties the journal. */
  compact(revision: number, entries: readonly SnapshotEntry[]): void
  close(): Promise<void>
}

export interface Recovered {
  revision: number
  snapshot: SnapshotEntry[]
  changes: Change[]
  /** Bytes of an unfinished last line that were cut off: the write of a server that died in it. */
  tornBytes: number
}

const compactionBytes = 8 * 1024 * 1024

/**
 * Opens `journal.jsonl` and `snapshot.jsonl` of a directory and reads what they hold.
 *
 * @throws Error with file, line and remedy when a line other than the journal's last one is damaged.
 */
export function openJournal(
  directory: string,
  files: JournalFiles = realFiles,
): { journal: Journal; recovered: Recovered } {
  const snapshotPath = join(directory, 'snapshot.jsonl')
  const journalPath = join(directory, 'journal.jsonl')
  const base = readSnapshot(snapshotPath)
  const { values, goodBytes, totalBytes } = readChecked<Change>(journalPath, 'tail may be torn')
  if (goodBytes < totalBytes) fs.truncateSync(journalPath, goodBytes)
  // A crash between the new snapshot and the emptying of the journal leaves changes that the snapshot already has.
  const changes = values.filter((change) => change.revision > base.revision)
  const revision = changes.at(-1)?.revision ?? base.revision
  return {
    journal: new FileJournal(directory, fs.openSync(journalPath, 'a', 0o600), goodBytes, files),
    recovered: { revision, snapshot: base.entries, changes, tornBytes: totalBytes - goodBytes },
  }
}

function readSnapshot(path: string): { revision: number; entries: SnapshotEntry[] } {
  const { values } = readChecked<SnapshotHead | SnapshotEntry>(path, 'every line counts')
  const [head, ...entries] = values
  if (head === undefined) return { revision: 0, entries: [] }
  if (!('format' in head) || head.format !== 1 || head.entries !== entries.length) {
    throw new Error(
      `${path}:1: the snapshot is cut short or of another format: put a backup of the directory in its place`,
    )
  }
  return { revision: head.revision, entries: entries as SnapshotEntry[] }
}

class FileJournal implements Journal {
  readonly #directory: string
  readonly #descriptor: number
  readonly #files: JournalFiles
  #bytes: number
  #snapshotBytes = 0
  #dirty = false
  #running: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined
  #failure: Error | undefined

  constructor(directory: string, descriptor: number, bytes: number, files: JournalFiles) {
    this.#directory = directory
    this.#descriptor = descriptor
    this.#bytes = bytes
    this.#files = files
  }

  append(change: Change): void {
    if (this.#failure) throw this.#failure
    const line = Buffer.from(sealed(change))
    try {
      this.#files.append(this.#descriptor, line)
    } catch (error) {
      // A part of the line may be in the file; the next line must not be glued to it.
      fs.ftruncateSync(this.#descriptor, this.#bytes)
      throw error
    }
    this.#bytes += line.length
    this.#dirty = true
  }

  synced(): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure)
    if (!this.#dirty) return this.#running
    this.#next ??= this.#running.then(async () => {
      this.#next = undefined
      this.#dirty = false
      try {
        await this.#files.sync(this.#descriptor)
      } catch (error) {
        // After a failed fsync the system may have dropped the pages: what is on disk is unknown until a restart reads it.
        this.#failure = new Error('the journal could not be brought to the disk; restart the API server', {
          cause: error,
        })
        throw this.#failure
      }
    })
    const result = this.#next
    this.#running = result
    result.catch(() => {})
    return result
  }

  wantsCompaction(): boolean {
    return this.#bytes > Math.max(compactionBytes, 2 * this.#snapshotBytes)
  }

  compact(revision: number, entries: readonly SnapshotEntry[]): void {
    const path = join(this.#directory, 'snapshot.jsonl')
    const temporary = `${path}.tmp`
    const head: SnapshotHead = { format: 1, revision, entries: entries.length }
    const text = Buffer.from([head, ...entries].map(sealed).join(''))
    const descriptor = fs.openSync(temporary, 'w', 0o600)
    try {
      this.#files.append(descriptor, text)
      fs.fsyncSync(descriptor)
    } finally {
      fs.closeSync(descriptor)
    }
    fs.renameSync(temporary, path)
    syncDirectory(this.#directory)
    fs.ftruncateSync(this.#descriptor, 0)
    this.#bytes = 0
    this.#snapshotBytes = text.length
  }

  async close(): Promise<void> {
    await this.synced().catch(() => {})
    fs.closeSync(this.#descriptor)
  }
}

function syncDirectory(directory: string): void {
  const descriptor = fs.openSync(directory, 'r')
  try {
    fs.fsyncSync(descriptor)
  } finally {
    fs.closeSync(descriptor)
  }
}

/** For a server that forgets everything when it stops. */
export const noJournal: Journal = {
  append() {},
  synced: () => Promise.resolve(),
  wantsCompaction: () => false,
  compact() {},
  close: () => Promise.resolve(),
}
