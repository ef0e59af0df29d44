import type { DecodedList, DecodeRequest } from '../decoding/decoder.ts'

export interface BatcherOptions {
  /** Decodes some requests together, in their order. */
  decode(requests: readonly DecodeRequest[]): Promise<DecodedList[]>
  maxBatchSize: number
  maxBatchDelayMilliseconds: number
  maxQueueLength: number
  requestTimeoutMilliseconds: number
  /** Milliseconds that never go back. */
  monotonic(): number
  onBatch?(size: number, seconds: number): void
}

/** The queue is full, or the request has waited too long: come again later. */
export class OverloadError extends Error {
  readonly status: 429 | 503
  readonly retryAfterSeconds = 1

  constructor(status: 429 | 503, message: string) {
    super(message)
    this.name = 'OverloadError'
    this.status = status
  }
}

export interface Decoded extends DecodedList {
  queueMilliseconds: number
  decodeMilliseconds: number
}

interface Waiting {
  request: DecodeRequest
  signal: AbortSignal | undefined
  since: number
  settle: PromiseWithResolvers<Decoded>
}

/**
 * Decodes requests that come at about the same time together: a batch of 32 costs little more than one request. One
 * batch is decoded at a time; the next one gathers meanwhile, so under load nobody waits for the delay.
 */
export class Batcher {
  readonly #options: BatcherOptions
  #waiting: Waiting[] = []
  #timer: NodeJS.Timeout | undefined
  #isDecoding = false
  #idle: PromiseWithResolvers<void> | undefined

  constructor(options: BatcherOptions) {
    this.#options = options
  }

  get length(): number {
    return this.#waiting.length
  }

  /** @throws OverloadError; whoever went away (signal) is not decoded */
  rank(request: DecodeRequest, signal?: AbortSignal): Promise<Decoded> {
    const { maxQueueLength, maxBatchSize, maxBatchDelayMilliseconds, monotonic } = this.#options
    if (this.#waiting.length >= maxQueueLength)
      return Promise.reject(new OverloadError(429, `${maxQueueLength} requests wait already`))
    const settle = Promise.withResolvers<Decoded>()
    this.#waiting.push({ request, signal, since: monotonic(), settle })
    if (this.#isDecoding) return settle.promise
    if (this.#waiting.length >= maxBatchSize || maxBatchDelayMilliseconds === 0) this.#next()
    else this.#timer ??= setTimeout(() => this.#next(), maxBatchDelayMilliseconds)
    return settle.promise
  }

  /** Resolves when nothing waits and nothing is decoded. */
  async drained(): Promise<void> {
    if (this.#waiting.length === 0 && !this.#isDecoding) return
    this.#idle ??= Promise.withResolvers<void>()
    await this.#idle.promise
  }

  #next(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#isDecoding) return
    const batch = this.#takeBatch()
    if (batch.length > 0) void this.#decode(batch)
    else this.#idle?.resolve()
  }

  #takeBatch(): Waiting[] {
    const { maxBatchSize, requestTimeoutMilliseconds, monotonic } = this.#options
    const oldest = monotonic() - requestTimeoutMilliseconds
    const batch: Waiting[] = []
    while (batch.length < maxBatchSize && this.#waiting.length > 0) {
      const waiting = this.#waiting.shift() as Waiting
      if (waiting.signal?.aborted) waiting.settle.reject(waiting.signal.reason)
      else if (waiting.since < oldest)
        waiting.settle.reject(new OverloadError(503, `the request waited longer than ${requestTimeoutMilliseconds} ms`))
      else batch.push(waiting)
    }
    return batch
  }

  async #decode(batch: Waiting[]): Promise<void> {
    const { decode, monotonic, onBatch } = this.#options
    this.#isDecoding = true
    const started = monotonic()
    try {
      const lists = await decode(batch.map(({ request }) => request))
      const decodeMilliseconds = monotonic() - started
      onBatch?.(batch.length, decodeMilliseconds / 1000)
      for (const [index, { settle, since }] of batch.entries())
        settle.resolve({ ...lists[index], queueMilliseconds: started - since, decodeMilliseconds })
    } catch (error) {
      for (const { settle } of batch) settle.reject(error)
    } finally {
      this.#isDecoding = false
      this.#next()
    }
  }
}
