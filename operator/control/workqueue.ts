import { type BackoffOptions, backoffDelay } from '../cluster/backoff.ts'
import type { Clock, Random } from '../cluster/clock.ts'
import { TokenBucket, type TokenBucketOptions } from './token-bucket.ts'

/** Observed by metrics; times in seconds. */
export interface WorkQueueObserver {
  added(): void
  retried(): void
  taken(waitedSeconds: number): void
  finished(workedSeconds: number): void
}

export interface WorkQueueOptions {
  clock: Clock
  random: Random
  /** Per key, doubling with each failure. controller-runtime goes from 5 ms to 1000 s; people wait for ours. */
  backoff?: BackoffOptions
  /** Over all keys: what keeps a loop that triggers itself from eating the API server. */
  bucket?: TokenBucketOptions
  observer?: WorkQueueObserver
}

const DEFAULT_BACKOFF: BackoffOptions = { baseMs: 5, maxMs: 300_000 }
// A hundred runs a second, which look at themselves four times each, with a quarter to spare.
const DEFAULT_BUCKET: TokenBucketOptions = { ratePerSecond: 500, burst: 1000 }

/**
 * Keys to work on. A key that is added several times is handed out once; one that is added while it is worked on is
 * handed out once more after, never at the same time.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions
  readonly #bucket: TokenBucket
  /** Ready keys in order of arrival, with the time from which they waited. */
  readonly #ready = new Map<string, number>()
  /** Being worked on, since when; and of these, the ones to hand out once more. */
  readonly #running = new Map<string, number>()
  readonly #again = new Set<string>()
  readonly #delayed = new Map<string, { at: number; cancel: () => void }>()
  readonly #failures = new Map<string, number>()
  readonly #takers: ((key: string | undefined) => void)[] = []
  readonly #drainWaiters: (() => void)[] = []
  #cancelRefill: (() => void) | undefined
  #closed = false

  constructor(options: WorkQueueOptions) {
    this.#options = options
    this.#bucket = new TokenBucket(options.bucket ?? DEFAULT_BUCKET, options.clock.monotonic())
  }

  /** Keys that wait to be taken; delayed ones are not among them. */
  get depth(): number {
    return this.#ready.size
  }

  get delayed(): number {
    return this.#delayed.size
  }

  get running(): number {
    return this.#running.size
  }

  /** Seconds that each key now worked on has been worked on. */
  runningSeconds(): number[] {
    const now = this.#options.clock.monotonic()
    return [...this.#running.values()].map((since) => (now - since) / 1000)
  }

  add(key: string): void {
    if (this.#closed || this.#ready.has(key)) return
    this.#options.observer?.added()
    if (this.#running.has(key)) this.#again.add(key)
    else {
      this.#ready.set(key, this.#options.clock.monotonic())
      this.#handOut()
    }
  }

  /** Adds the key later; of several times the earliest counts. */
  addAfter(key: string, delayMs: number): void {
    if (delayMs <= 0) this.add(key)
    if (this.#closed || delayMs <= 0) return
    const { clock } = this.#options
    const at = clock.monotonic() + delayMs
    const pending = this.#delayed.get(key)
    if (pending && pending.at <= at) return
    pending?.cancel()
    const cancel = clock.after(delayMs, () => {
      this.#delayed.delete(key)
      this.add(key)
    })
    this.#delayed.set(key, { at, cancel })
  }

  /** Counts a failure of the key and adds it after its back-off, or after `atLeastMs` if that is longer. */
  retry(key: string, atLeastMs = 0): number {
    const failures = this.failures(key) + 1
    this.#failures.set(key, failures)
    this.#options.observer?.retried()
    const backoff = this.#options.backoff ?? DEFAULT_BACKOFF
    const delayMs = Math.max(atLeastMs, backoffDelay(failures, backoff, this.#options.random))
    this.addAfter(key, delayMs)
    return delayMs
  }

  /** The key succeeded: its next failure is a first one. */
  forget(key: string): void {
    this.#failures.delete(key)
  }

  /** Failures of the key since it last succeeded. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0
  }

  /** The next key, to be given back by `done`; undefined once the queue is shut down and empty. */
  take(): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.#takers.push(resolve)
      this.#handOut()
    })
  }

  done(key: string): void {
    const { clock, observer } = this.#options
    const since = this.#running.get(key)
    if (since === undefined) throw new Error(`"${key}" is not being worked on`)
    this.#running.delete(key)
    observer?.finished((clock.monotonic() - since) / 1000)
    if (this.#again.delete(key)) this.#ready.set(key, clock.monotonic())
    this.#handOut()
  }

  /** Takes no more keys, drops the delayed ones, hands out those that wait, and resolves when all are done. */
  shutDown(): Promise<void> {
    this.#closed = true
    for (const { cancel } of this.#delayed.values()) cancel()
    this.#delayed.clear()
    return new Promise((resolve) => {
      this.#drainWaiters.push(resolve)
      this.#handOut()
    })
  }

  #handOut(): void {
    while (this.#takers.length > 0) {
      const next = this.#ready.entries().next().value
      if (!next || !this.#allowed()) break
      const [key, since] = next
      const now = this.#options.clock.monotonic()
      this.#ready.delete(key)
      this.#running.set(key, now)
      this.#options.observer?.taken((now - since) / 1000)
      this.#takers.shift()?.(key)
    }
    if (this.#closed && this.#ready.size === 0) this.#finish()
  }

  #finish(): void {
    // A key still worked on may come back through #again, and then somebody has to take it.
    if (this.#again.size > 0) return
    for (const resolve of this.#takers.splice(0)) resolve(undefined)
    if (this.#running.size === 0) for (const resolve of this.#drainWaiters.splice(0)) resolve()
  }

  #allowed(): boolean {
    if (this.#cancelRefill) return false
    const waitMs = this.#bucket.take(this.#options.clock.monotonic())
    if (waitMs === 0) return true
    this.#cancelRefill = this.#options.clock.after(waitMs, () => {
      this.#cancelRefill = undefined
      this.#handOut()
    })
    return false
  }
}
