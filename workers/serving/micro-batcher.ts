// Requests of many callers decoded together: one run over 32 requests takes far less than 32 runs.

export interface BatcherOptions {
  /** Requests of one run at most. */
  readonly maxBatchSize: number
  /** How long a request waits for others. */
  readonly maxBatchDelayMilliseconds: number
  /** Requests that wait at most. */
  readonly maxQueueLength: number
  /** From submission to answer; what has waited longer is not decoded. */
  readonly requestTimeoutMilliseconds: number
}

export interface Timers {
  /** Milliseconds from any origin, never backwards. */
  monotonic(): number
  /** @returns forgets the timer */
  after(milliseconds: number, run: () => void): () => void
}

export interface BatcherEvents {
  /** A run has ended, well or badly. */
  onRun(size: number, milliseconds: number, error?: unknown): void
}

export class QueueFullError extends Error {
  constructor(maxQueueLength: number) {
    super(`${maxQueueLength} requests wait already; try again later, or give the ranker more replicas`)
    this.name = 'QueueFullError'
  }
}

export class RequestTimeoutError extends Error {
  constructor(milliseconds: number) {
    super(`no answer within ${milliseconds} ms; try again later, or give the ranker more replicas`)
    this.name = 'RequestTimeoutError'
  }
}

export interface Answered<Answer> {
  readonly answer: Answer
  readonly queueMilliseconds: number
  readonly decodeMilliseconds: number
}

interface Waiting<Request, Answer> {
  readonly request: Request
  readonly since: number
  readonly settled: PromiseWithResolvers<Answered<Answer>>
}

export type DecodeBatch<Request, Answer> = (requests: readonly Request[]) => Promise<readonly Answer[]>

/** A queue before one decoder that runs one batch at a time; while it runs, the next batch gathers. */
export class MicroBatcher<Request, Answer> {
  readonly #decode: DecodeBatch<Request, Answer>
  readonly #options: BatcherOptions
  readonly #timers: Timers
  readonly #events: BatcherEvents
  /** In the order of arrival. */
  readonly #queue = new Set<Waiting<Request, Answer>>()
  #running = false
  #gathering: (() => void) | undefined

  constructor(decode: DecodeBatch<Request, Answer>, options: BatcherOptions, timers: Timers, events: BatcherEvents) {
    this.#decode = decode
    this.#options = options
    this.#timers = timers
    this.#events = events
  }

  /** Requests that wait for a run. */
  get length(): number {
    return this.#queue.size
  }

  /**
   * Answers in the order of the requests; all are taken or none. An aborted signal takes those that still wait out of
   * the queue and rejects with its reason.
   * @throws QueueFullError, RequestTimeoutError, and what the decoder throws
   */
  async submit(requests: readonly Request[], signal?: AbortSignal): Promise<Answered<Answer>[]> {
    signal?.throwIfAborted()
    const { maxQueueLength, requestTimeoutMilliseconds: timeout } = this.#options
    if (this.#queue.size + requests.length > maxQueueLength) throw new QueueFullError(maxQueueLength)
    const since = this.#timers.monotonic()
    const entries = requests.map((request) => ({ request, since, settled: Promise.withResolvers<Answered<Answer>>() }))
    const answers = Promise.all(entries.map(({ settled }) => settled.promise))
    const giveUp = (reason: unknown) => {
      for (const entry of entries) {
        this.#queue.delete(entry)
        entry.settled.reject(reason)
      }
    }
    const aborted = () => giveUp(signal?.reason)
    const forget = this.#timers.after(timeout, () => giveUp(new RequestTimeoutError(timeout)))
    signal?.addEventListener('abort', aborted, { once: true })
    for (const entry of entries) this.#queue.add(entry)
    this.#pump()
    try {
      return await answers
    } finally {
      forget()
      signal?.removeEventListener('abort', aborted)
    }
  }

  /** Starts a run when the decoder is free and a batch is full or its oldest request has waited long enough. */
  #pump(): void {
    const [oldest] = this.#queue
    if (this.#running || oldest === undefined) return
    const { maxBatchSize, maxBatchDelayMilliseconds } = this.#options
    const left = oldest.since + maxBatchDelayMilliseconds - this.#timers.monotonic()
    if (this.#queue.size >= maxBatchSize || left <= 0) void this.#run()
    else
      this.#gathering ??= this.#timers.after(left, () => {
        this.#gathering = undefined
        this.#pump()
      })
  }

  async #run(): Promise<void> {
    this.#gathering?.()
    this.#gathering = undefined
    this.#running = true
    const batch = this.#takeBatch()
    const started = this.#timers.monotonic()
    try {
      const answers = await this.#decode(batch.map(({ request }) => request))
      const took = this.#timers.monotonic() - started
      this.#events.onRun(batch.length, took)
      for (const [index, { settled, since }] of batch.entries())
        settled.resolve({ answer: answers[index], queueMilliseconds: started - since, decodeMilliseconds: took })
    } catch (error) {
      this.#events.onRun(batch.length, this.#timers.monotonic() - started, error)
      for (const { settled } of batch) settled.reject(error)
    } finally {
      this.#running = false
      this.#pump()
    }
  }

  #takeBatch(): Waiting<Request, Answer>[] {
    const batch: Waiting<Request, Answer>[] = []
    for (const entry of this.#queue) {
      if (batch.length === this.#options.maxBatchSize) break
      this.#queue.delete(entry)
      batch.push(entry)
    }
    return batch
  }
}
