// The cascade that generation replaces: recall by the generator's probability of each ad, a click model that judges ads one
// by one, rank by bid times pCTR, and ads in the first slots that the constraints allow, organic items in the others.

import type { Allocation, Allocator, AuctionRequest, CandidateLists } from '../../auction/auction.ts'
import { itemOfCandidate, reserveOf } from '../../auction/chosen-list.ts'
import type { ListRewards, RewardList } from '../../auction/reward-model/scorer.ts'
import type { ListObjective } from './reward-judge.ts'

export interface CascadeParts {
  /** Allocates lists of one slot with as many beams as there are ads, bids aside: what it tells of an ad is its recall. */
  readonly recaller: Pick<Allocator, 'allocate'>
  /** Scores of whole lists by the click model. */
  score(lists: readonly RewardList[]): Promise<ListRewards[]>
  readonly objective: ListObjective
  /** Ads that recall keeps. */
  readonly recalled: number
  /** Money that counts as a bid of 1. */
  readonly bidUnit: number
}

/** An ad as recall and click model see it, whatever is bid. */
interface RecalledAd {
  readonly ad: number
  readonly creative: number
  readonly logZ: number
  readonly pCtr: number
}

interface Recalled {
  readonly ads: readonly RecalledAd[]
}

type Entry = { readonly candidate: number; readonly creative: number; readonly logZ: number }

export class CascadeAllocator implements Allocator {
  readonly #parts: CascadeParts

  constructor(parts: CascadeParts) {
    this.#parts = parts
  }

  async allocate(requests: readonly AuctionRequest[]): Promise<Allocation[]> {
    const recalled = await this.#recall(requests)
    return this.#assemble(requests.map((request, index) => ({ request, recalled: recalled[index] })))
  }

  async underBids(request: AuctionRequest, bids: readonly Float64Array[]): Promise<Allocation[]> {
    const [recalled] = await this.#recall([request])
    return this.#assemble(bids.map((each) => ({ request: { ...request, bids: each }, recalled })))
  }

  async #recall(requests: readonly AuctionRequest[]): Promise<Recalled[]> {
    const allocations = await this.#parts.recaller.allocate(requests.map(recallRequest))
    return allocations.map(({ lists }, index) => {
      const ads: RecalledAd[] = []
      for (let row = 0; row < lists.count; row++) {
        const ad = lists.candidate[row]
        if (ad < 0 || ad >= requests[index].ads.length) continue
        ads.push({ ad, creative: lists.creative[row], logZ: lists.logZ[row], pCtr: lists.pCtr[row] })
      }
      ads.sort((one, other) => other.logZ - one.logZ || one.ad - other.ad)
      return { ads: ads.slice(0, this.#parts.recalled) }
    })
  }

  async #assemble(tasks: readonly { readonly request: AuctionRequest; readonly recalled: Recalled }[]) {
    const assembled = tasks.map(({ request, recalled }) => listsOf(request, recalled))
    const shown = assembled.flatMap((lists, index) => lists.map((entries) => toScore(tasks[index].request, entries)))
    const scores = await this.#parts.score(shown)
    let before = 0
    return assembled.map((lists, index) => {
      const own = scores.slice(before, before + lists.length)
      before += lists.length
      return this.#allocation(tasks[index].request, lists, own)
    })
  }

  #allocation(request: AuctionRequest, lists: readonly Entry[][], scores: readonly ListRewards[]): Allocation {
    const { slots } = request
    const size = lists.length * slots
    const found: CandidateLists = {
      count: lists.length,
      slots,
      candidate: new Int32Array(size).fill(-1),
      creative: new Int32Array(size).fill(-1),
      logZ: new Float32Array(size),
      pCtr: new Float32Array(size),
      pCtrCreative: new Float32Array(size),
      pCvr: new Float32Array(size),
      reward: new Float32Array(lists.length),
    }
    for (const [row, entries] of lists.entries()) {
      for (const [slot, { candidate, creative, logZ }] of entries.entries()) {
        const at = row * slots + slot
        found.candidate[at] = candidate
        found.creative[at] = creative
        found.logZ[at] = logZ
        found.pCtr[at] = scores[row].pCtr[slot]
        found.pCtrCreative[at] = scores[row].pCtrCreative?.[slot] ?? 0
        found.pCvr[at] = scores[row].pCvr?.[slot] ?? 0
        found.reward[row] += this.#worth(request, candidate, found.pCtr[at], found.pCvr[at])
      }
    }
    return { lists: found, chosen: 0 }
  }

  #worth({ ads, bids }: AuctionRequest, candidate: number, pCtr: number, pCvr: number): number {
    const { objective, bidUnit } = this.#parts
    const own = candidate < ads.length ? bids[candidate] : objective.organic * bidUnit
    return pCtr * (own + objective.conversion * bidUnit * pCvr)
  }
}

/** What the generator is asked: a list of one slot, whatever the reserves. */
export const recallRequest = ({
  slotReserves: _slots,
  adReserves: _ads,
  ...request
}: AuctionRequest): AuctionRequest => ({ ...request, slots: 1 })

/** The list that is shown, and the one that the ads behind it would make: GSP asks who comes next. */
function listsOf(request: AuctionRequest, { ads }: Recalled): Entry[][] {
  const ranked = [...ads].sort(
    (one, other) => request.bids[other.ad] * other.pCtr - request.bids[one.ad] * one.pCtr || one.ad - other.ad,
  )
  const first = fill(request, ranked)
  const shown = new Set(first.map(({ candidate }) => candidate))
  return [
    first,
    fill(
      request,
      ranked.filter(({ ad }) => !shown.has(ad)),
    ),
  ]
}

function fill(request: AuctionRequest, ranked: readonly RecalledAd[]): Entry[] {
  const { slots, constraints, organic, ads } = request
  const left = [...ranked]
  const ofAdvertiser = new Map<number, number>()
  const list: Entry[] = []
  let placed = 0
  let newest = Number.NEGATIVE_INFINITY
  let next = 0
  for (let slot = 0; slot < slots; slot++) {
    const adMay = placed < constraints.maxAds && slot - newest > constraints.minGap
    const place = adMay
      ? left.findIndex(
          ({ ad }) =>
            request.bids[ad] >= reserveOf(request, slot, ad) &&
            (ofAdvertiser.get(request.advertisers[ad]) ?? 0) < constraints.maxPerAdvertiser,
        )
      : -1
    if (place >= 0) {
      const [{ ad, creative, logZ }] = left.splice(place, 1)
      list.push({ candidate: ad, creative, logZ })
      ofAdvertiser.set(request.advertisers[ad], (ofAdvertiser.get(request.advertisers[ad]) ?? 0) + 1)
      placed++
      newest = slot
    } else if (next < organic.length) {
      list.push({ candidate: ads.length + next, creative: -1, logZ: 0 })
      next++
    } else break
  }
  return list
}

const toScore = (request: AuctionRequest, entries: readonly Entry[]): RewardList => ({
  history: request.history,
  items: Uint32Array.from(entries, ({ candidate }) => itemOfCandidate(request, candidate)),
  creatives: Int32Array.from(entries, ({ creative }) => creative),
  isAd: Uint8Array.from(entries, ({ candidate }) => Number(candidate < request.ads.length)),
})
