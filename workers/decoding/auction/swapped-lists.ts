// Lists that come of swapping ads [ours]. A beam search goes by the probabilities of a generator; what a list is worth, by
// the clicks that a reward model expects of it as a whole, no beam knows. So the best list of a search is climbed from: each
// of its ads is swapped for other ads, and the best of what comes of it is climbed from in turn; then likewise for the best
// list without each bidder in it, which is what the others lose by it. Everything goes by expected bids, so that no bid of
// the request moves a list, but that it meets a reserve or not.

import type { Bidder } from '../../../crds/auction-terms.ts'
import type { AuctionRequest } from '../../auction/auction.ts'
import { bidsAsOne } from '../../auction/bidder.ts'
import { reserveOf } from '../../auction/chosen-list.ts'
import type { ListRewards, RewardList } from '../../auction/reward-model/scorer.ts'
import type { Alternatives, SearchedView } from './alternative-lists.ts'
import { judgedLists, type ListEntry, rewardListOf, unpaidValue, type Worth } from './judged-lists.ts'
import { chooseCreatives, offerOf } from './shown-creatives.ts'

export interface SwappingParts extends Worth {
  /** Scores of whole lists by the reward model. */
  score(lists: readonly RewardList[]): Promise<ListRewards[]>
  /** By item, in money. */
  readonly expectedBids: Float32Array
  /** Creatives by item [items + 1]; absent where the model has none. */
  readonly creativeOffsets: Uint32Array | undefined
  /** Absent: every ad for itself. */
  readonly bidder?: Bidder | undefined
}

/** Ads with the highest expected bids, which are tried in one slot; the best of them are swapped in. */
const tried = 48
const pooled = 12
/** Swaps of a climb at most. */
const steps = 6
/** log z of an ad where no list of the search has it. */
const unsearched = -40

/** Further lists for each page view. */
export const swappedLists =
  (parts: SwappingParts): Alternatives =>
  async (found) => {
    const views = found.map((view) => new SwappedView(view, parts))
    await judge(views.flatMap((view) => view.trials()))
    for (const view of views) view.rankTried()
    await chooseCreativesOf(views, parts)
    await climb(views.map((view) => new Climb(view, view.pool(), () => true)))
    const without = views.flatMap((view) => view.climbsWithoutBidders())
    await judge(without.flatMap(({ start }) => start))
    await climb(without.map(({ climb }) => climb))
    return views.map((view) => view.made())

    async function judge(proposals: readonly Proposal[]): Promise<void> {
      const open = proposals.filter(({ view, entries }) => view.isNew(entries))
      const lists = open.map(({ view, entries }) => rewardListOf(view.request, entries))
      const scores = lists.length === 0 ? [] : await parts.score(lists)
      for (const [index, { view, entries }] of open.entries()) view.add(entries, scores[index])
    }

    async function climb(climbs: readonly Climb[]): Promise<void> {
      for (let step = 0; step < steps; step++) {
        const proposals = climbs.flatMap((each) => each.proposals())
        if (proposals.length === 0) return
        await judge(proposals)
      }
    }
  }

async function chooseCreativesOf(views: readonly SwappedView[], { creativeOffsets, score }: SwappingParts) {
  if (creativeOffsets === undefined) return
  const open = views.flatMap((view) =>
    view
      .likely()
      .flatMap((ad) => (view.knowsCreative(ad) ? [] : [{ view, ...offerOf(view.request, ad, creativeOffsets) }])),
  )
  const chosen = await chooseCreatives(open, score)
  for (const [index, { view, candidate }] of open.entries()) view.setCreative(candidate, chosen[index])
}

/** A list that is to be judged. */
interface Proposal {
  readonly view: SwappedView
  readonly entries: readonly ListEntry[]
}

/** A list that is judged. */
interface Row {
  readonly entries: readonly ListEntry[]
  readonly pCtr: ArrayLike<number>
  /** By expected bids. */
  readonly worth: number
}

/** The lists of a page view, those of the search and those that were made since. */
class SwappedView {
  readonly request: AuctionRequest
  readonly #parts: SwappingParts
  /** Per click, by ad. */
  readonly #expected: Float64Array
  readonly #rows: Row[] = []
  readonly #keys = new Set<string>()
  readonly #made: { readonly entries: readonly ListEntry[]; readonly scores: ListRewards }[] = []
  /** Of the ads that the search has listed, and of those in the pool. */
  readonly #shownAs = new Map<number, Omit<ListEntry, 'candidate'>>()
  /** The best first. */
  #ranked: readonly number[] = []

  constructor({ request, lists }: SearchedView, parts: SwappingParts) {
    this.request = request
    this.#parts = parts
    this.#expected = Float64Array.from(request.ads, (item) => parts.expectedBids[item])
    const { slots, candidate, creative, logZ, pCtr, pCvr } = lists
    for (let row = 0; row < lists.count; row++) {
      const entries: ListEntry[] = []
      for (let at = row * slots; at < (row + 1) * slots && candidate[at] >= 0; at++) {
        entries.push({ candidate: candidate[at], creative: creative[at], logZ: logZ[at] })
        if (!this.#shownAs.has(candidate[at]))
          this.#shownAs.set(candidate[at], { creative: creative[at], logZ: logZ[at] })
      }
      const from = row * slots
      if (this.isNew(entries))
        this.#keep(entries, pCtr.subarray(from, from + entries.length), pCvr.subarray(from, from + entries.length))
    }
  }

  /** Each of the tried ads in the first slot of the best list's ads where it may stand. */
  trials(): Proposal[] {
    const best = this.best(() => true)
    if (best === undefined) return []
    const slots = this.#adSlots(best)
    const trialOf = (ad: number): Proposal[] => slots.flatMap((slot) => this.#swapped(best, slot, ad)).slice(0, 1)
    const byBid = [...this.request.ads.keys()].sort((a, b) => this.#expected[b] - this.#expected[a] || a - b)
    const highest = byBid.filter((ad) => trialOf(ad).length > 0).slice(0, tried)
    const listed = [...this.#shownAs.keys()].filter((candidate) => this.#isAd(candidate))
    return [...new Set([...highest, ...listed])].flatMap(trialOf)
  }

  /** By the best that each ad earned in a list so far, by expected bids. */
  rankTried(): void {
    const earned = new Map<number, number>()
    for (const { entries, pCtr } of this.#rows)
      for (const [slot, { candidate }] of entries.entries()) {
        if (!this.#isAd(candidate)) continue
        const own = this.#expected[candidate] * pCtr[slot]
        earned.set(candidate, Math.max(own, earned.get(candidate) ?? 0))
      }
    this.#ranked = [...earned].sort(([a, one], [b, other]) => other - one || a - b).map(([ad]) => ad)
  }

  /** Ads that a pool may hold, whichever bidder it leaves out. */
  likely(): readonly number[] {
    return this.#ranked.slice(0, 2 * pooled)
  }

  /** Ads to be swapped in. */
  pool(allows: (ad: number) => boolean = () => true): number[] {
    return this.#ranked.filter(allows).slice(0, pooled)
  }

  knowsCreative(ad: number): boolean {
    return this.#shownAs.has(ad)
  }

  setCreative(ad: number, creative: number): void {
    this.#shownAs.set(ad, { creative, logZ: unsearched })
  }

  /** The list with the highest worth of those that are allowed; undefined where there is none. */
  best(allows: (entries: readonly ListEntry[]) => boolean): Row | undefined {
    let best: Row | undefined
    for (const row of this.#rows) if ((best === undefined || row.worth > best.worth) && allows(row.entries)) best = row
    return best
  }

  /** Every ad of the list swapped for every ad that may stand there. */
  swapsOf(row: Row, pool: readonly number[]): Proposal[] {
    return this.#adSlots(row).flatMap((slot) => pool.flatMap((ad) => this.#swapped(row, slot, ad)))
  }

  /** One for each bidder of the best list, from that list with other ads in the place of the bidder's. */
  climbsWithoutBidders(): { readonly start: Proposal[]; readonly climb: Climb }[] {
    const best = this.best(() => true)
    if (best === undefined) return []
    const left = new Set(this.#adSlots(best).map((slot) => best.entries[slot].candidate))
    const climbs: { start: Proposal[]; climb: Climb }[] = []
    for (const ad of left) {
      const isOwn = bidsAsOne(this.request, ad, this.#parts.bidder)
      for (const each of left) if (isOwn(each)) left.delete(each)
      const pool = this.pool((other) => !isOwn(other))
      const allows = (entries: readonly ListEntry[]) => !entries.some(({ candidate }) => isOwn(candidate))
      climbs.push({ start: this.#replaced(best, isOwn, pool), climb: new Climb(this, pool, allows) })
    }
    return climbs
  }

  /** Whether a list is asked about for the first time. */
  isNew(entries: readonly ListEntry[]): boolean {
    const key = entries.map(({ candidate, creative }) => `${candidate}.${creative}`).join()
    return this.#keys.size < this.#keys.add(key).size
  }

  add(entries: readonly ListEntry[], scores: ListRewards): void {
    this.#keep(entries, scores.pCtr, scores.pCvr)
    this.#made.push({ entries, scores })
  }

  /** Lists that the search does not have. */
  made() {
    const entries = this.#made.map((list) => list.entries)
    const { reward: _, ...lists } = judgedLists(
      this.request,
      entries,
      this.#made.map(({ scores }) => scores),
      this.#parts,
    )
    return [lists]
  }

  #isAd(candidate: number): boolean {
    return candidate < this.request.ads.length
  }

  #adSlots({ entries }: Row): number[] {
    return [...entries.keys()].filter((slot) => this.#isAd(entries[slot].candidate))
  }

  #keep(entries: readonly ListEntry[], pCtr: ArrayLike<number>, pCvr: ArrayLike<number> | undefined): void {
    const worth = entries.reduce((sum, { candidate }, slot) => {
      const bid = this.#isAd(candidate) ? this.#expected[candidate] : 0
      return sum + pCtr[slot] * (bid + unpaidValue(this.request, candidate, pCvr?.[slot] ?? 0, this.#parts))
    }, 0)
    this.#rows.push({ entries, pCtr, worth })
  }

  /** The list with the ad at the slot; nothing where it may not stand there. */
  #swapped({ entries }: Row, slot: number, ad: number): Proposal[] {
    const { advertisers, bids, constraints } = this.request
    if (bids[ad] < reserveOf(this.request, slot, ad)) return []
    const others = entries.filter((_, at) => at !== slot)
    if (others.some(({ candidate }) => candidate === ad) || entries[slot].candidate === ad) return []
    const ofAdvertiser = others.filter(
      ({ candidate }) => this.#isAd(candidate) && advertisers[candidate] === advertisers[ad],
    )
    if (ofAdvertiser.length >= constraints.maxPerAdvertiser) return []
    return [{ view: this, entries: entries.with(slot, this.#entryOf(ad)) }]
  }

  #entryOf(candidate: number): ListEntry {
    const known = this.#shownAs.get(candidate)
    if (known !== undefined) return { candidate, ...known }
    const { creativeOffsets } = this.#parts
    const creatives = creativeOffsets && offerOf(this.request, candidate, creativeOffsets).creatives
    return { candidate, creative: creatives?.[0] ?? -1, logZ: unsearched }
  }

  /**
   * The list with the first ads of the pool that may stand there in place of the own ones; where none may, what follows
   * moves up, and the first organic item that is not in the list comes last. Nothing where reserves do not let it.
   */
  #replaced(row: Row, isOwn: (candidate: number) => boolean, pool: readonly number[]): Proposal[] {
    let entries = row.entries
    for (let slot = entries.findIndex(({ candidate }) => isOwn(candidate)); slot >= 0; ) {
      const [first] = pool.flatMap((ad) => this.#swapped({ ...row, entries }, slot, ad))
      entries = first?.entries ?? this.#closedUp(entries, slot)
      slot = entries.findIndex(({ candidate }) => isOwn(candidate))
    }
    const takesPart = ({ candidate }: ListEntry, slot: number): boolean =>
      !this.#isAd(candidate) || this.request.bids[candidate] >= reserveOf(this.request, slot, candidate)
    return entries.every(takesPart) ? [{ view: this, entries }] : []
  }

  /** The list without the entry at the slot: gaps between ads only grow by it. */
  #closedUp(entries: readonly ListEntry[], slot: number): ListEntry[] {
    const left = entries.toSpliced(slot, 1)
    const { ads, organic } = this.request
    const listed = new Set(left.map(({ candidate }) => candidate))
    const next = Array.from(organic, (_, rank) => ads.length + rank).find((candidate) => !listed.has(candidate))
    return next === undefined ? left : [...left, this.#entryOf(next)]
  }
}

/** From the best of the lists that are allowed to the best of its swaps, until none is better. */
class Climb {
  readonly #view: SwappedView
  readonly #pool: readonly number[]
  readonly #allows: (entries: readonly ListEntry[]) => boolean
  #top: Row | undefined

  constructor(view: SwappedView, pool: readonly number[], allows: (entries: readonly ListEntry[]) => boolean) {
    this.#view = view
    this.#pool = pool
    this.#allows = allows
  }

  /** Nothing once the top is reached. */
  proposals(): Proposal[] {
    const top = this.#view.best(this.#allows)
    if (top === undefined || top === this.#top) return []
    this.#top = top
    return this.#view.swapsOf(top, this.#pool)
  }
}
