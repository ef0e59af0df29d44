// The cascade that generation replaces: recall by the generator's probability of each ad, a click model that judges ads one
// by one, rank by bid times pCTR, and ads in the first slots that the constraints allow, organic items in the others.

import type { Allocation, Allocator, AuctionRequest, CandidateLists } from '../../auction/auction.ts'
import { ByAuction } from '../../auction/by-auction.ts'
import { fillList, listsWithoutEach } from '../../auction/list-fill.ts'
import type { ListRewards, RewardList } from '../../auction/reward-model/scorer.ts'
import { judgedLists, type ListEntry, rewardListOf, type Worth } from './judged-lists.ts'

export interface CascadeParts extends Worth {
  /** Allocates lists of one slot with as many beams as there are ads, bids aside: what it tells of an ad is its recall. */
  readonly recaller: Pick<Allocator, 'allocate'>
  /** Scores of whole lists by the click model. */
  score(lists: readonly RewardList[]): Promise<ListRewards[]>
  /** Ads that recall keeps. */
  readonly recalled: number
  /** Whether what was recalled for a page view, and scored since, is kept for questions about other bids. */
  readonly keepsRecall?: boolean
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
  /** Of lists by their candidates: no bid changes what the click model makes of a list. */
  readonly scores: Map<string, ListRewards>
}

interface Task {
  readonly request: AuctionRequest
  readonly recalled: Recalled
}

export class CascadeAllocator implements Allocator {
  readonly #parts: CascadeParts
  readonly #known = new ByAuction<Recalled>()

  constructor(parts: CascadeParts) {
    this.#parts = parts
  }

  async allocate(requests: readonly AuctionRequest[]): Promise<Allocation[]> {
    const recalled = await this.#recall(requests)
    return this.#assemble(requests.map((request, index) => ({ request, recalled: recalled[index] })))
  }

  async underBids(request: AuctionRequest, bids: readonly Float64Array[]): Promise<Allocation[]> {
    const recalled = await this.#recallOnce(request)
    return this.#assemble(bids.map((each) => ({ request: { ...request, bids: each }, recalled })))
  }

  async #recallOnce(request: AuctionRequest): Promise<Recalled> {
    const known = this.#known.get(request)
    if (known !== undefined) return known
    const [recalled] = await this.#recall([request])
    if (this.#parts.keepsRecall) this.#known.set(request, recalled)
    return recalled
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
      return { ads: ads.slice(0, this.#parts.recalled), scores: new Map() }
    })
  }

  async #assemble(tasks: readonly Task[]): Promise<Allocation[]> {
    const ordered = tasks.map((task) => ({ task, ...shownLists(task) }))
    const lists = await this.#judged(ordered.map(({ task, lists }) => ({ task, lists })))
    return ordered.map(({ task, withoutEach }, index) => {
      let made: Promise<CandidateLists> | undefined
      const make = async () => (await this.#judged([{ task, lists: withoutEach() }]))[0]
      return { lists: lists[index], chosen: 0, withoutEach: () => (made ??= make()) }
    })
  }

  /** All lists of all tasks scored together, but for those that are known. */
  async #judged(tasks: readonly { readonly task: Task; readonly lists: readonly ListEntry[][] }[]) {
    const keyed = tasks.map(({ task, lists }) => ({ task, lists, keys: lists.map(keyOf) }))
    const unscored = keyed.flatMap(({ task: { request, recalled }, lists, keys }) =>
      lists.flatMap((entries, index) => {
        const key = keys[index]
        return recalled.scores.has(key) ? [] : [{ recalled, key, list: rewardListOf(request, entries) }]
      }),
    )
    const found = await this.#parts.score(unscored.map(({ list }) => list))
    unscored.forEach(({ recalled, key }, index) => {
      recalled.scores.set(key, found[index])
    })
    return keyed.map(({ task: { request, recalled }, lists, keys }) => {
      const own = keys.map((key) => recalled.scores.get(key) as ListRewards)
      return judgedLists(request, lists, own, this.#parts)
    })
  }
}

/** What the generator is asked: a list of one slot, whatever the reserves. */
export const recallRequest = ({
  slotReserves: _slots,
  adReserves: _ads,
  ...request
}: AuctionRequest): AuctionRequest => ({ ...request, slots: 1 })

const keyOf = (entries: readonly ListEntry[]): string => entries.map(({ candidate }) => candidate).join()

/**
 * The list that is shown and the one that the ads behind it would make, as GSP asks who comes next; and, for whoever asks
 * what the others lose, those without each ad.
 */
function shownLists({ request, recalled: { ads } }: Task) {
  const known = new Map(ads.map((recalled) => [recalled.ad, recalled]))
  const scoreOf = ({ ad, pCtr }: RecalledAd) => request.bids[ad] * pCtr
  const ranked = [...ads].sort((one, other) => scoreOf(other) - scoreOf(one) || one.ad - other.ad).map(({ ad }) => ad)
  const entriesOf = (candidates: readonly number[]): ListEntry[] =>
    candidates.map((candidate) => {
      const { creative, logZ } = known.get(candidate) ?? { creative: -1, logZ: 0 }
      return { candidate, creative, logZ }
    })
  const first = fillList(request, ranked)
  const shown = new Set(first)
  const behind = ranked.filter((ad) => !shown.has(ad))
  return {
    lists: [first, fillList(request, behind)].map(entriesOf),
    withoutEach: () => listsWithoutEach(first, request, ranked).map(entriesOf),
  }
}
