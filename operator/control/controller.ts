import { type BackoffOptions, backoffDelay } from '../cluster/backoff.ts'
import type { Client } from '../cluster/client.ts'
import type { Clock, Random } from '../cluster/clock.ts'
import { ApiError, ConflictError, ForbiddenError, NetworkError } from '../cluster/errors.ts'
import type { Log } from '../cluster/log.ts'
import type { ObjectKey } from '../cluster/objects.ts'
import { parseKey } from '../cluster/resources.ts'
import { type Outcome, waiting } from './outcome.ts'
import { WriteMemory } from './read-your-writes.ts'
import { ObjectGoneError } from './status-writer.ts'
import type { Trigger } from './triggers.ts'
import { WorkQueue, type WorkQueueObserver, type WorkQueueOptions } from './workqueue.ts'

export interface ReconcileContext {
  /** Writes through it are remembered: the next reconcile of the key waits until the caches show them. */
  client: Client
  log: Log
  /** Aborted when the controller stops. */
  signal: AbortSignal
}

export type Reconcile = (key: ObjectKey, context: ReconcileContext) => Promise<Outcome>

/** `conflict` is a lost race, which is no failure; `panic` a bug of ours. */
export type ReconcileResult = Outcome['kind'] | 'conflict' | 'panic'

export interface ControllerObserver {
  queue?: WorkQueueObserver
  started(): void
  finished(result: ReconcileResult, seconds: number): void
  /** A reconcile went on although a write of ours was still not visible. */
  readStale(): void
}

export interface ControllerOptions {
  name: string
  reconcile: Reconcile
  triggers: readonly Trigger[]
  client: Client
  clock: Clock
  random: Random
  log: Log
  workers?: number
  queue?: Pick<WorkQueueOptions, 'backoff' | 'bucket'>
  observer?: ControllerObserver
}

const DEFAULT_WORKERS = 2
const CONFLICT_BACKOFF: BackoffOptions = { baseMs: 20, maxMs: 10_000 }
// How often the caches are asked whether they show our writes, and how long before we trust that they never will: a
// write of which no event comes (outside the informer's selection) must not stop its owner for good.
const CATCH_UP_POLL_MS = 20
const CATCH_UP_LIMIT_MS = 5000

/** Runs `reconcile` for every key that a trigger names, one at a time per key, until its outcome asks for no more. */
export class Controller {
  readonly name: string
  readonly queue: WorkQueue
  readonly #options: ControllerOptions
  readonly #memory: WriteMemory
  readonly #abort = new AbortController()
  readonly #conflicts = new Map<string, number>()
  readonly #behindSince = new Map<string, number>()
  #disconnects: (() => void)[] = []
  #running: Promise<void> | undefined

  constructor(options: ControllerOptions) {
    const { clock, random, observer } = options
    this.name = options.name
    this.#options = options
    this.#memory = new WriteMemory(options.triggers)
    this.queue = new WorkQueue({
      clock,
      random,
      ...options.queue,
      ...(observer?.queue && { observer: observer.queue }),
    })
  }

  /** The informers are started by their owner; no reconcile runs before all of them have synced. */
  start(): void {
    this.#running ??= this.#run()
  }

  /** For what no informer tells of: an event of a queue, a timer. */
  enqueue(key: string): void {
    this.queue.add(key)
  }

  /** Ends after the reconciles that run now; their signal is aborted. */
  async stop(): Promise<void> {
    for (const disconnect of this.#disconnects.splice(0)) disconnect()
    this.#abort.abort()
    await this.queue.shutDown()
    await this.#running
  }

  async #run(): Promise<void> {
    const { triggers, workers = DEFAULT_WORKERS } = this.#options
    const { signal } = this.#abort
    this.#disconnects = triggers.map((trigger) => trigger.connect((key) => this.queue.add(key)))
    await Promise.all(triggers.map((trigger) => trigger.whenSynced(signal)))
    await Promise.all(Array.from({ length: workers }, () => this.#work()))
  }

  async #work(): Promise<void> {
    for (;;) {
      const key = await this.queue.take()
      if (key === undefined) return
      try {
        // After stop the rest of the queue is only emptied: a fresh start reconciles everything anyway.
        if (!this.#abort.signal.aborted && this.#mayRun(key)) await this.#reconcile(key)
      } finally {
        this.queue.done(key)
      }
    }
  }

  /** False, and asked again soon, while a cache lags behind what we wrote for the key. */
  #mayRun(key: string): boolean {
    const { clock, observer, log } = this.#options
    if (!this.#memory.caughtUp(key)) {
      const since = this.#behindSince.get(key) ?? clock.monotonic()
      this.#behindSince.set(key, since)
      if (clock.monotonic() - since < CATCH_UP_LIMIT_MS) {
        this.queue.addAfter(key, CATCH_UP_POLL_MS)
        return false
      }
      log.warn({ controller: this.name, key }, 'Goes on although the cache does not show what was written')
      observer?.readStale()
      this.#memory.forget(key)
    }
    this.#behindSince.delete(key)
    return true
  }

  async #reconcile(key: string): Promise<void> {
    const { clock, observer } = this.#options
    const startedAt = clock.monotonic()
    observer?.started()
    const outcome = await this.#outcomeOf(key)
    const result = this.#follow(key, outcome)
    observer?.finished(result, (clock.monotonic() - startedAt) / 1000)
  }

  async #outcomeOf(key: string): Promise<Outcome> {
    const { reconcile, client, log } = this.#options
    try {
      const context = { client: this.#memory.track(client, key), log, signal: this.#abort.signal }
      return await reconcile(parseKey(key), context)
    } catch (error) {
      // A terminating namespace never comes back: the deletion of the object is the next thing to see.
      if (error instanceof ForbiddenError && error.namespaceTerminating) return waiting('the end of the namespace')
      if (error instanceof ObjectGoneError) return waiting('the news that the object is gone')
      return { kind: 'retry', error }
    }
  }

  #follow(key: string, outcome: Outcome): ReconcileResult {
    if (outcome.kind === 'retry') return this.#tryAgain(key, outcome.error)
    this.queue.forget(key)
    this.#conflicts.delete(key)
    if (outcome.kind === 'requeueAfter') this.queue.addAfter(key, outcome.delayMs)
    return outcome.kind
  }

  #tryAgain(key: string, error: unknown): ReconcileResult {
    const { log, random } = this.#options
    if (this.#abort.signal.aborted) return 'retry'
    if (error instanceof ConflictError && !error.ownedByOthers) {
      const conflicts = (this.#conflicts.get(key) ?? 0) + 1
      this.#conflicts.set(key, conflicts)
      this.queue.addAfter(key, backoffDelay(conflicts, CONFLICT_BACKOFF, random))
      return 'conflict'
    }
    const asked = error instanceof ApiError ? (error.retryAfterSeconds ?? 0) * 1000 : 0
    const retryInMs = this.queue.retry(key, asked)
    const fields = { controller: this.name, key, err: error, failures: this.queue.failures(key), retryInMs }
    const panic = isPanic(error)
    log.error(fields, panic ? 'Reconcile ended by a programming error' : 'Reconcile failed')
    return panic ? 'panic' : 'retry'
  }
}

/** Errors that the language throws at a mistake in the code, not at a state of the world. */
function isPanic(error: unknown): boolean {
  if (error instanceof ApiError || error instanceof NetworkError) return false
  const bugs = [TypeError, ReferenceError, RangeError, SyntaxError]
  return !(error instanceof Error) || bugs.some((Bug) => error instanceof Bug)
}
