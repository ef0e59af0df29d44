// A list filled slot by slot from ads in their order and organic items in theirs, within constraints and reserves.

import type { AuctionRequest } from './auction.ts'
import { reserveOf } from './chosen-list.ts'

export type FillRequest = Pick<
  AuctionRequest,
  'ads' | 'bids' | 'advertisers' | 'organic' | 'slots' | 'constraints' | 'slotReserves' | 'adReserves'
>

/** Whether an ad goes before the organic item that is next, each by its index among its own. */
export type PrefersAd = (ad: number, organic: number) => boolean

/** A list as far as it is filled. */
export class OpenList {
  /** As `CandidateLists` counts them, slot after slot. */
  readonly candidates: number[] = []
  readonly #request: FillRequest
  readonly #ofAdvertiser = new Map<number, number>()
  #ads = 0
  #newestAd = Number.NEGATIVE_INFINITY

  constructor(request: FillRequest) {
    this.#request = request
  }

  /** The next to be filled. */
  get slot(): number {
    return this.candidates.length
  }

  get isFull(): boolean {
    return this.slot >= this.#request.slots
  }

  /** Index of the organic item that is next; undefined where all are listed. */
  get nextOrganic(): number | undefined {
    const next = this.slot - this.#ads
    return next < this.#request.organic.length ? next : undefined
  }

  /** Whether the constraints let an ad stand at the next slot. */
  allowsAd(ad: number): boolean {
    const { maxAds, minGap, maxPerAdvertiser } = this.#request.constraints
    if (this.#ads >= maxAds || this.slot - this.#newestAd <= minGap) return false
    return this.#adsOf(this.#request.advertisers[ad]) < maxPerAdvertiser
  }

  /** Whether its bid does as well. */
  takesAd(ad: number): boolean {
    return this.#request.bids[ad] >= reserveOf(this.#request, this.slot, ad) && this.allowsAd(ad)
  }

  /** Puts a candidate at the next slot. */
  add(candidate: number): void {
    const { ads, advertisers } = this.#request
    if (candidate < ads.length) {
      const advertiser = advertisers[candidate]
      this.#ofAdvertiser.set(advertiser, this.#adsOf(advertiser) + 1)
      this.#ads++
      this.#newestAd = this.slot
    }
    this.candidates.push(candidate)
  }

  #adsOf(advertiser: number): number {
    return this.#ofAdvertiser.get(advertiser) ?? 0
  }
}

/**
 * Every slot, from the first on, takes the first ad left that bid, reserves and constraints allow there, or the next
 * organic item where that is preferred or no ad is allowed. Ends where there is neither.
 *
 * An ad that comes earlier in the order, as by a higher bid, stands no later in the list: up to the slot that it is given,
 * nothing has changed.
 * @param ranked ads that take part, best first, by their index in the request
 * @param prefersAd always, where absent: ads have the first slots that they may have
 * @returns candidates as `CandidateLists` counts them, slot after slot
 */
export function fillList(request: FillRequest, ranked: readonly number[], prefersAd: PrefersAd = () => true): number[] {
  const left = [...ranked]
  const list = new OpenList(request)
  while (!list.isFull) {
    const place = left.findIndex((ad) => list.takesAd(ad))
    const { nextOrganic } = list
    if (place >= 0 && (nextOrganic === undefined || prefersAd(left[place], nextOrganic)))
      list.add(left.splice(place, 1)[0])
    else if (nextOrganic !== undefined) list.add(request.ads.length + nextOrganic)
    else break
  }
  return list.candidates
}

/** The list without each ad of the one that is shown, in the order of their slots. */
export function listsWithoutEach(
  shown: readonly number[],
  request: FillRequest,
  ranked: readonly number[],
  prefersAd?: PrefersAd,
): number[][] {
  const without = (left: number) => ranked.filter((ad) => ad !== left)
  const ads = shown.filter((candidate) => candidate < request.ads.length)
  return ads.map((left) => fillList(request, without(left), prefersAd))
}
