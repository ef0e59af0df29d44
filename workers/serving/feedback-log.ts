// Records written off the path of requests: a bounded queue, files that grow in a spool folder, and finished ones put
// into the store. A crash loses what was still in the queue; what lies in the spool is published by the next process.

import { randomUUID } from 'node:crypto'
import { appendFile, mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type FeedbackStream, feedbackStreams } from '../../crds/events.ts'
import type { LogStore } from '../artifacts/log-store.ts'
import type { Timers } from './micro-batcher.ts'
import { cutTornLine, recoverSpool } from './spool.ts'

export interface FeedbackLogOptions {
  /** Of this process alone. */
  readonly spool: string
  readonly store: Pick<LogStore, 'publish'>
  /** Folder of the store. */
  readonly prefix: string
  /** Part of the names of files: the Pod. */
  readonly writer: string
  readonly rotateSeconds: number
  readonly maxFileBytes: number
  readonly maxQueueLength: number
  readonly timers: Timers
  /** Milliseconds since 1970. */
  now(): number
  readonly events: FeedbackLogEvents
}

export interface FeedbackLogEvents {
  /** Records that will not be written. */
  onDropped(stream: FeedbackStream, count: number): void
  onPublished(stream: FeedbackStream): void
  /** It is tried again. */
  onPublishFailed(error: unknown): void
  onWriteFailed(error: unknown): void
}

export interface FeedbackRecord {
  readonly stream: FeedbackStream
  /** Called by the writer, not by who appends. */
  content(): object
}

interface OpenFile {
  /** Below the spool, and below the prefix in the store. */
  readonly name: string
  readonly stream: FeedbackStream
  readonly opened: number
  bytes: number
}

/** Records gather so long before they are written together. */
const gatherMilliseconds = 20
/** Records of one write; between two the event loop is free. */
const maxRecordsPerWrite = 256
const retryMilliseconds = 2000
/** Files that wait for the store at most; while so many do, nothing more is taken. */
const maxWaitingFiles = 64

export class FeedbackLog {
  readonly #options: FeedbackLogOptions
  #queue: FeedbackRecord[] = []
  readonly #open = new Map<FeedbackStream, OpenFile>()
  readonly #finished: { name: string; stream: FeedbackStream }[] = []
  #forgetTimer: (() => void) | undefined
  #forgetRotation: (() => void) | undefined
  #writing: Promise<void> = Promise.resolve()
  #publishing: Promise<unknown> = Promise.resolve()
  #stopping = false

  constructor(options: FeedbackLogOptions) {
    this.#options = options
  }

  /** Takes over what an earlier process left in the spool. */
  async start(): Promise<void> {
    const { spool } = this.#options
    await mkdir(spool, { recursive: true })
    for (const name of await recoverSpool(spool)) {
      const stream = feedbackStreams.find((known) => name.startsWith(`${known}/`))
      if (stream !== undefined) this.#finished.push({ name, stream })
    }
    this.#publishSoon()
  }

  /** Records that wait to be written. */
  get length(): number {
    return this.#queue.length
  }

  /** How many more records it takes now. */
  get room(): number {
    if (this.#stopping || this.#finished.length >= maxWaitingFiles) return 0
    return this.#options.maxQueueLength - this.#queue.length
  }

  /** False, and counted as dropped, where there is no room. Never waits. */
  append(record: FeedbackRecord): boolean {
    if (this.room <= 0) {
      this.#options.events.onDropped(record.stream, 1)
      return false
    }
    this.#queue.push(record)
    this.#forgetTimer ??= this.#options.timers.after(gatherMilliseconds, () => {
      this.#forgetTimer = undefined
      this.#write()
    })
    return true
  }

  /** Writes what waits and puts every file into the store; gives up with the signal and leaves the rest in the spool. */
  async stop(signal: AbortSignal): Promise<void> {
    this.#stopping = true
    this.#forgetTimer?.()
    this.#forgetRotation?.()
    this.#write()
    await this.#writing
    for (const file of this.#open.values()) this.#finish(file)
    const given = Promise.withResolvers<void>()
    const giveUp = () => given.resolve()
    if (signal.aborted) giveUp()
    signal.addEventListener('abort', giveUp, { once: true })
    await Promise.race([this.#publishAll(signal), given.promise])
    signal.removeEventListener('abort', giveUp)
  }

  #write(): void {
    this.#writing = this.#writing.then(() => this.#writeQueue())
  }

  async #writeQueue(): Promise<void> {
    while (this.#queue.length > 0) {
      const records = this.#queue.slice(0, maxRecordsPerWrite)
      this.#queue = this.#queue.slice(maxRecordsPerWrite)
      for (const stream of feedbackStreams) {
        const own = records.filter((record) => record.stream === stream)
        if (own.length > 0) await this.#writeRecords(stream, own)
      }
    }
  }

  async #writeRecords(stream: FeedbackStream, records: readonly FeedbackRecord[]): Promise<void> {
    const file = this.#open.get(stream) ?? this.#openFile(stream)
    const path = join(this.#options.spool, file.name)
    try {
      const lines = records.map((record) => `${JSON.stringify(record.content())}\n`).join('')
      if (file.bytes === 0) await mkdir(dirname(path), { recursive: true })
      file.bytes += Buffer.byteLength(lines)
      await appendFile(path, lines)
    } catch (error) {
      this.#options.events.onDropped(stream, records.length)
      this.#options.events.onWriteFailed(error)
      await this.#closeDamaged(file, path)
      return
    }
    if (file.bytes >= this.#options.maxFileBytes) this.#finish(file)
    this.#rotateInTime()
  }

  /** A full disk may have torn a line: what came before it is good. */
  async #closeDamaged(file: OpenFile, path: string): Promise<void> {
    this.#open.delete(file.stream)
    const hasLines = await cutTornLine(path).catch(() => false)
    if (hasLines) this.#finish(file)
    else await rm(path, { force: true }).catch(() => undefined)
  }

  #openFile(stream: FeedbackStream): OpenFile {
    const { writer, timers, now } = this.#options
    const [day = '', time = ''] = new Date(now()).toISOString().split('T')
    const stamp = time.replaceAll(/[:.Z]/g, '')
    const name = `${stream}/${day}/${stamp}-${writer}-${randomUUID().slice(0, 8)}.jsonl`
    const file = { name, stream, opened: timers.monotonic(), bytes: 0 }
    this.#open.set(stream, file)
    return file
  }

  #finish({ stream, name }: OpenFile): void {
    this.#open.delete(stream)
    this.#finished.push({ name, stream })
    this.#publishSoon()
  }

  /** One timer for the file that is due first. */
  #rotateInTime(): void {
    if (this.#forgetRotation !== undefined || this.#stopping) return
    const { timers, rotateSeconds } = this.#options
    const first = Math.min(...[...this.#open.values()].map(({ opened }) => opened))
    if (!Number.isFinite(first)) return
    this.#forgetRotation = timers.after(Math.max(0, first + rotateSeconds * 1000 - timers.monotonic()), () => {
      // In turn with the writes, so that no line is torn.
      this.#writing = this.#writing.then(() => {
        this.#forgetRotation = undefined
        const due = timers.monotonic() - rotateSeconds * 1000
        for (const file of [...this.#open.values()]) if (file.opened <= due) this.#finish(file)
        this.#rotateInTime()
      })
    })
  }

  #publishSoon(): void {
    if (!this.#stopping) this.#publishing = this.#publishing.then(() => this.#publishOnce())
  }

  async #publishOnce(): Promise<boolean> {
    const { spool, store, prefix, events } = this.#options
    for (let file = this.#finished[0]; file !== undefined; file = this.#finished[0]) {
      const path = join(spool, file.name)
      try {
        await store.publish(`${prefix}/${file.name}`, path)
        await rm(path, { force: true })
      } catch (error) {
        events.onPublishFailed(error)
        if (!this.#stopping) this.#options.timers.after(retryMilliseconds, () => this.#publishSoon())
        return false
      }
      this.#finished.shift()
      events.onPublished(file.stream)
    }
    return true
  }

  async #publishAll(signal: AbortSignal): Promise<void> {
    await this.#publishing
    while (!signal.aborted && !(await this.#publishOnce())) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#options.timers.after(retryMilliseconds / 10, resolve)
      await promise
    }
  }
}
