// The allocation of OneRanker: candidates ranked by quality and bid fill the list, the reward model says what it is worth.
// Qualities do not depend on bids, so that other bids cost no run of the model.

import type { Allocation, Allocator, AuctionRequest } from '../../auction/auction.ts'
import type { AllocatedRequest } from '../../auction/payment-network/pricer.ts'
import { leastBids, logShares, type RankedCandidates, rankCandidates, rankedLists } from '../../auction/ranked-lists.ts'
import type { ListRewards, RewardList } from '../../auction/reward-model/scorer.ts'
import type { StepTimes } from '../auction/auction-decoder.ts'
import { judgedLists, type ListEntry, rewardListOf, type Worth } from '../auction/judged-lists.ts'
import { chooseCreatives, offerOf } from '../auction/shown-creatives.ts'
import { PageView, type PageViews } from './page-views.ts'

export interface OneRankerAllocatorParts extends Worth {
  /** f by candidate of each request, -Infinity for an ad that is not ranked. */
  qualities(requests: readonly AuctionRequest[], times: StepTimes): Promise<Float32Array[]>
  /** Scores of whole lists by the reward model. */
  score(lists: readonly RewardList[]): Promise<ListRewards[]>
  /** Of the payment network; absent where there is none. */
  readonly rates?: (allocated: readonly AllocatedRequest[]) => Promise<Float32Array[]>
  /** Creatives by item [items + 1]; absent where the model has none. */
  readonly creativeOffsets: Uint32Array | undefined
  readonly views: PageViews
  /** What the work takes is added to them. */
  readonly times?: StepTimes
}

/** A request as it is ranked. */
interface Ranking {
  readonly request: AuctionRequest
  readonly view: PageView
  readonly ranked: RankedCandidates
  /** What `rankedLists` made of it. */
  readonly lists: readonly (readonly number[])[]
}

export class OneRankerAllocator implements Allocator {
  readonly #parts: OneRankerAllocatorParts
  readonly #times: StepTimes

  constructor(parts: OneRankerAllocatorParts) {
    this.#parts = parts
    this.#times = parts.times ?? {}
  }

  async allocate(requests: readonly AuctionRequest[]): Promise<Allocation[]> {
    const views = await this.#viewsOf(requests)
    return this.#allocate(requests.map((request, index) => this.#rank(request, views[index])))
  }

  async underBids(request: AuctionRequest, bids: readonly Float64Array[]): Promise<Allocation[]> {
    const [view] = await this.#viewsOf([request])
    return this.#allocate(bids.map((each) => this.#rank({ ...request, bids: each }, view)))
  }

  /** By vector of bids, log z of each slot of the list that was chosen: what the softmax would give its candidates. */
  async logShares(request: AuctionRequest, truth: Allocation, bids: readonly Float64Array[]): Promise<Float32Array[]> {
    const [view] = await this.#viewsOf([request])
    const { candidate, slots } = truth.lists
    const chosen = candidate.subarray(truth.chosen * slots, (truth.chosen + 1) * slots)
    return bids.map((each) => {
      const shares = logShares(this.#order({ ...request, bids: each }, view))
      return Float32Array.from(chosen, (listed) => (listed < 0 ? 0 : shares[listed]))
    })
  }

  async #viewsOf(requests: readonly AuctionRequest[]): Promise<PageView[]> {
    const { views, qualities } = this.#parts
    const found = requests.map((request) => views.find(request))
    const missing = [...requests.keys()].filter((place) => found[place] === undefined)
    const asked = missing.map((place) => requests[place])
    const logQualities = await qualities(asked, this.#times)
    for (const [index, place] of missing.entries()) {
      const view = new PageView(requests[place], logQualities[index])
      views.add(view)
      found[place] = view
    }
    return found as PageView[]
  }

  #order(request: AuctionRequest, { logQuality }: PageView): RankedCandidates {
    const { bidUnit, objective } = this.#parts
    return rankCandidates(request, logQuality, { bidUnit, organic: objective.organic })
  }

  #rank(request: AuctionRequest, view: PageView): Ranking {
    const ranked = this.#order(request, view)
    return { request, view, ranked, lists: rankedLists(ranked) }
  }

  async #allocate(rankings: readonly Ranking[]): Promise<Allocation[]> {
    const started = performance.now()
    await this.#chooseCreatives(rankings)
    const scores = await this.#judge(rankings)
    const allocations = rankings.map((ranking, index) => this.#allocation(ranking, scores[index]))
    const allocated = rankings.map(({ request }, index) => ({ request, allocation: allocations[index] }))
    const rates = await this.#parts.rates?.(allocated)
    this.#times.lists = (this.#times.lists ?? 0) + performance.now() - started
    return rates === undefined
      ? allocations
      : allocations.map((allocation, index) => ({ ...allocation, paymentRate: rates[index] }))
  }

  #allocation({ request, view, ranked, lists }: Ranking, scores: readonly ListRewards[]): Allocation {
    const shares = logShares(ranked)
    const entries = lists.map((list) =>
      shownAs(view, list).map((entry): ListEntry => ({ ...entry, logZ: shares[entry.candidate] })),
    )
    return {
      lists: judgedLists(request, entries, scores, this.#parts),
      chosen: 0,
      leastBids: leastBids(ranked, lists),
    }
  }

  /** Of candidates that stand in a list for the first time. */
  async #chooseCreatives(rankings: readonly Ranking[]): Promise<void> {
    const { creativeOffsets, score } = this.#parts
    if (creativeOffsets === undefined) return
    const candidates = new Map<PageView, Set<number>>()
    for (const { view, lists } of rankings)
      candidates.set(view, new Set(lists.flat()).union(candidates.get(view) ?? new Set()))
    const open = [...candidates].flatMap(([view, listed]) =>
      [...listed.keys()]
        .filter((candidate) => !view.creatives.has(candidate))
        .map((candidate) => ({ view, ...offerOf(view.request, candidate, creativeOffsets) })),
    )
    const chosen = await chooseCreatives(open, score)
    for (const [index, { view, candidate }] of open.entries()) view.creatives.set(candidate, chosen[index])
  }

  /** By list of each ranking. */
  async #judge(rankings: readonly Ranking[]): Promise<ListRewards[][]> {
    const tasks = rankings.flatMap(({ view, lists }) => lists.map((list) => ({ view, list })))
    const judged = await judgeOnce(tasks, this.#parts.score)
    let from = 0
    return rankings.map(({ lists }) => {
      from += lists.length
      return judged.slice(from - lists.length, from)
    })
  }
}

/** In the order of the tasks; a list that was judged for its view before is not again. */
async function judgeOnce(
  tasks: readonly { readonly view: PageView; readonly list: readonly number[] }[],
  score: OneRankerAllocatorParts['score'],
): Promise<ListRewards[]> {
  const open: (typeof tasks)[number][] = []
  const places = new Map<PageView, Map<string, number>>()
  const answers = tasks.map((task) => {
    const { view, list } = task
    const own = places.get(view) ?? new Map<string, number>()
    places.set(view, own)
    const known = view.judged(list) ?? own.get(list.join())
    if (known !== undefined) return known
    const place = open.push(task) - 1
    own.set(list.join(), place)
    return place
  })
  const scores = await score(open.map(({ view, list }) => rewardListOf(view.request, shownAs(view, list))))
  for (const [index, { view, list }] of open.entries()) view.keep(list, scores[index])
  return answers.map((answer) => (typeof answer === 'number' ? scores[answer] : answer))
}

const shownAs = ({ creatives }: PageView, list: readonly number[]) =>
  list.map((candidate) => ({ candidate, creative: creatives.get(candidate) ?? -1 }))
