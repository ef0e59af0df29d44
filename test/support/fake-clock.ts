import type { Clock, Random } from '../../operator/cluster/clock.ts'

interface Timer {
  at: number
  order: number
  run: () => void
}

/** A clock that stands still until it is told to go. Timers run in order of their time, then of their making. */
export class FakeClock implements Clock {
  readonly #epochMs: number
  readonly #timers = new Set<Timer>()
  readonly #settle: () => Promise<void>
  #elapsedMs = 0
  #order = 0

  /** @param settleAll resolves when nothing goes on any more but for timers */
  constructor(epoch = '2026-01-01T00:00:00Z', settleAll: () => Promise<void> = settle) {
    this.#epochMs = Date.parse(epoch)
    this.#settle = settleAll
  }

  get pendingTimers(): number {
    return this.#timers.size
  }

  now(): number {
    return this.#epochMs + this.#elapsedMs
  }

  monotonic(): number {
    return this.#elapsedMs
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#elapsedMs + Math.max(0, ms), order: this.#order++, run }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Lets everything happen that is due within `ms`, and all that follows from it. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsedMs + ms
    await this.#settle()
    for (let timer = this.#next(end); timer; timer = this.#next(end)) {
      this.#timers.delete(timer)
      this.#elapsedMs = Math.max(this.#elapsedMs, timer.at)
      timer.run()
      await this.#settle()
    }
    this.#elapsedMs = end
  }

  #next(end: number): Timer | undefined {
    return [...this.#timers]
      .filter((timer) => timer.at <= end)
      .sort((a, b) => a.at - b.at || a.order - b.order)
      .at(0)
  }
}

/** Lets promises and streams that are ready run to where they wait for something. */
export async function settle(turns = 8): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** Numbers in [0, 1) that a seed replays (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
