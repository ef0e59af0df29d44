// The latest answers of this process, to complete events that name them.

import type { AuctionEntryRecord } from '../../crds/events.ts'

type Charged = Pick<AuctionEntryRecord, 'ad' | 'creative' | 'payment'>

export interface RecentRequest {
  readonly user: string | undefined
  readonly entries: readonly ({
    readonly item: string
    readonly score: number
    readonly propensity?: number
  } & Charged)[]
}

export class RecentRequests {
  readonly #maxEntries: number
  /** The oldest first. */
  readonly #requests = new Map<string, RecentRequest>()
  #entries = 0

  /** @param maxEntries of all remembered lists together; a list counts as one at least */
  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries
  }

  add(id: string, request: RecentRequest): void {
    this.#forget(id)
    this.#requests.set(id, request)
    this.#entries += sizeOf(request)
    for (const oldest of this.#requests.keys()) {
      if (this.#entries <= this.#maxEntries) break
      this.#forget(oldest)
    }
  }

  find(id: string): RecentRequest | undefined {
    return this.#requests.get(id)
  }

  #forget(id: string): void {
    const known = this.#requests.get(id)
    if (known === undefined) return
    this.#requests.delete(id)
    this.#entries -= sizeOf(known)
  }
}

const sizeOf = ({ entries }: RecentRequest): number => Math.max(1, entries.length)
