/** How much may happen on the whole: `ratePerSecond` in the long run, `burst` at once. */
export interface TokenBucketOptions {
  ratePerSecond: number
  burst: number
}

export class TokenBucket {
  readonly #options: TokenBucketOptions
  #tokens: number
  #filledAt: number

  constructor(options: TokenBucketOptions, nowMs: number) {
    this.#options = options
    this.#tokens = options.burst
    this.#filledAt = nowMs
  }

  /** Takes a token if there is one and gives 0; else takes none and gives the milliseconds until the next one. */
  take(nowMs: number): number {
    const { ratePerSecond, burst } = this.#options
    this.#tokens = Math.min(burst, this.#tokens + ((nowMs - this.#filledAt) / 1000) * ratePerSecond)
    this.#filledAt = nowMs
    if (this.#tokens >= 1) {
      this.#tokens--
      return 0
    }
    // Rounded up: a timer that fires a fraction early would find the bucket still empty and spin.
    return Math.ceil(((1 - this.#tokens) / ratePerSecond) * 1000)
  }
}
