// Sessions of the decoding graph by the size of requests that they take. To load one takes seconds, so few are kept, and
// where it is allowed a larger one stands in for one that is still to come.

import type { Runner } from '../../tensor/runner.ts'
import type { Session, Tensors } from '../../tensor/session.ts'
import type { Capacity } from './request-tensors.ts'

export interface SessionCacheOptions {
  /** Kept at most, the least recently used go first; each has the weights for itself. Absent: all. */
  readonly most?: number
  /**
   * Whether a larger session answers what is asked of one that is not there: its padding costs time, and answers agree
   * up to rounding only. The right one is then loaded meanwhile. Absent: each size has its own.
   */
  readonly standIns?: boolean
}

interface Kept {
  readonly capacity: Capacity
  readonly runner: Promise<Runner>
  isReady: boolean
  /** Runs under way or about to start. */
  leases: number
}

/** A stand-in with so many times the columns that are needed is good enough for good. */
const goodEnough = 1.5

export class SessionCache {
  readonly #create: (capacity: Capacity) => Promise<Runner>
  readonly #options: SessionCacheOptions
  /** The least recently used first. */
  readonly #kept = new Map<string, Kept>()

  constructor(create: (capacity: Capacity) => Promise<Runner>, options: SessionCacheOptions = {}) {
    this.#create = create
    this.#options = options
  }

  /**
   * Runs a session that takes requests of this size.
   * @param inputsOf the inputs, padded to the capacity of the session
   */
  async run(wanted: Capacity, inputsOf: (capacity: Capacity) => Tensors): ReturnType<Session['run']> {
    const session = this.#find(wanted)
    session.leases++
    try {
      const runner = await session.runner
      return await runner.run(inputsOf(session.capacity))
    } finally {
      session.leases--
      this.#evict()
    }
  }

  /** Once there is a session for requests of this size. */
  async prepare(wanted: Capacity): Promise<void> {
    await this.#find(wanted).runner
  }

  async release(): Promise<void> {
    const all = [...this.#kept.values()]
    this.#kept.clear()
    for (const { runner } of all) await (await runner.catch(() => undefined))?.release()
  }

  #find(wanted: Capacity): Kept {
    const exact = this.#kept.get(keyOf(wanted))
    if (exact?.isReady || !this.#options.standIns) return this.#touch(exact ?? this.#load(wanted))
    const standIn = this.#standIn(wanted)
    if (standIn === undefined) return this.#touch(exact ?? this.#load(wanted))
    if (exact === undefined && standIn.capacity.columns > goodEnough * wanted.columns && this.#isIdle())
      // Nobody waits for it; who asks next time tries again, and is told.
      this.#load(wanted).runner.catch(() => undefined)
    return this.#touch(standIn)
  }

  /** One at a time is loaded ahead: it takes a core from the requests. */
  #isIdle(): boolean {
    return [...this.#kept.values()].every(({ isReady }) => isReady)
  }

  #standIn({ slots, columns }: Capacity): Kept | undefined {
    return [...this.#kept.values()]
      .filter(({ capacity, isReady }) => isReady && capacity.slots === slots && capacity.columns >= columns)
      .sort((one, other) => one.capacity.columns - other.capacity.columns)[0]
  }

  #load(capacity: Capacity): Kept {
    const key = keyOf(capacity)
    const kept: Kept = { capacity, runner: this.#create(capacity), isReady: false, leases: 0 }
    this.#kept.set(key, kept)
    kept.runner.then(
      () => {
        kept.isReady = true
        this.#evict()
      },
      () => {
        if (this.#kept.get(key) === kept) this.#kept.delete(key)
      },
    )
    return kept
  }

  #touch(kept: Kept): Kept {
    const key = keyOf(kept.capacity)
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    return kept
  }

  #evict(): void {
    const { most = Number.POSITIVE_INFINITY } = this.#options
    for (const [key, { runner, leases, isReady }] of this.#kept) {
      if (this.#kept.size <= most) return
      if (leases > 0 || !isReady) continue
      this.#kept.delete(key)
      void runner.then((session) => session.release())
    }
  }
}

/** Entries of the levels follow from the columns. */
const keyOf = ({ slots, columns }: Capacity): string => `${slots}:${columns}`
