// Answers requests by auctions: resolves, allocates many together, prices, explains.

import type { RankAnswer, RankRequest } from '../../../crds/rank.ts'
import type { Allocator, AuctionRequest } from '../../auction/auction.ts'
import { type Answered, type BatcherOptions, MicroBatcher, RequestTimeoutError, type Timers } from '../micro-batcher.ts'
import type { ServedModel } from '../served-model.ts'
import { auctionEntries, auctionSummary, type PricedAuction } from './answer.ts'
import type { AuctionModel, BudgetHold, ServedAuction } from './auction-model.ts'
import { type AuctionCatalogue, indexMarket } from './catalogue.ts'
import { expectedCharges, mostCharges } from './charges.ts'
import type { ExclusionCounter } from './eligibility.ts'
import { explainLists } from './explain.ts'
import { contentOf } from './lists.ts'
import type { AuctionMetrics } from './metrics.ts'
import { type ResolvedAuction, resolveAuction } from './resolve.ts'
import { type AuctionSettings, parseSettings, settingsFor } from './settings.ts'

export interface AuctioneerOptions {
  /** Of the ranker: two rankers that see one request do not draw in step. */
  readonly name: string
  readonly model: Pick<ServedModel, 'itemIds' | 'findItem' | 'historyOf' | 'creativesOf' | 'times'>
  readonly auction: ServedAuction
  readonly batching: BatcherOptions
  readonly timers: Timers
  readonly metrics: AuctionMetrics
  /** A run has ended, well or badly. */
  onRun(size: number, milliseconds: number, error?: unknown): void
}

export interface AuctionAnswer {
  readonly resolved: ResolvedAuction
  readonly answer: Pick<RankAnswer, 'entries' | 'auction' | 'skipped' | 'timings'>
}

/**
 * One request on its way to an answer. Who takes part is said when its turn comes, by what is left of the budgets then:
 * those that wait hold nothing.
 */
interface Arrival {
  readonly request: RankRequest
  readonly id: string
  readonly settings: AuctionSettings
  /** As it was resolved when it came, where no budgets bear on it. */
  readonly resolved: ResolvedAuction | undefined
  readonly call: Call
}

/** Requests that are answered together or not at all. */
interface Call {
  /** Of those whose turn has come. */
  readonly holds: BudgetHold[]
  isOver: boolean
}

interface Admitted {
  readonly resolved: ResolvedAuction
  readonly hold: BudgetHold
}

interface Priced extends PricedAuction {
  readonly paymentMilliseconds: number
  readonly steps: Readonly<Record<string, number>> | undefined
}

interface Run extends Priced {
  readonly resolved: ResolvedAuction
}

/** Of one batch: all of a group are decoded with the same weights. */
type Group = [settings: AuctionSettings, places: number[]]

export class Auctioneer {
  readonly #options: AuctioneerOptions
  readonly #batcher: MicroBatcher<Arrival, Run>
  readonly #catalogue: AuctionCatalogue
  #settings: AuctionSettings
  /** What of the model's histories was told. */
  #histories: Required<AuctionModel>['histories']

  /** Goes by the settings of the model at first. */
  constructor(options: AuctioneerOptions) {
    this.#options = options
    this.#settings = settingsFor(parseSettings(undefined), options.auction.model)
    this.#catalogue = indexMarket(options.auction.model.market)
    this.#histories = { ...noHistories, ...options.auction.model.histories }
    this.#batcher = new MicroBatcher((batch) => this.#run(batch), options.batching, options.timers, {
      onRun: (size, milliseconds, error) => options.onRun(size, milliseconds, error),
    })
  }

  /** Those that hold now. */
  get settings(): AuctionSettings {
    return this.#settings
  }

  /** Requests that come from now on go by these. */
  use(settings: AuctionSettings): void {
    this.#settings = settings
    this.#options.auction.pacer.use(settings.budgets)
  }

  /** Requests that wait for a run. */
  get length(): number {
    return this.#batcher.length
  }

  /**
   * Answers in the order of the requests.
   * @param ids of the requests
   * @throws QueueFullError, RequestTimeoutError, what the model throws
   */
  async rank(requests: readonly RankRequest[], ids: readonly string[], signal?: AbortSignal): Promise<AuctionAnswer[]> {
    // One set of settings for the whole call.
    const settings = this.#settings
    const call: Call = { holds: [], isOver: false }
    const whole = requests.map((request, index) => this.#resolveWhole(request, ids[index], settings))
    const arrivals = requests.map((request, index) => {
      const resolved = settings.budgets === undefined ? whole[index] : undefined
      return { request, id: ids[index], settings, resolved, call }
    })
    try {
      await this.#prepare(whole, signal)
      const answered = await this.#batcher.submit(arrivals, signal)
      const answers = answered.map((one) => this.#answer(one))
      for (const hold of call.holds) hold.settle()
      return answers
    } finally {
      // Where no answer was given, others may have what it held. What is settled stays settled.
      call.isOver = true
      for (const hold of call.holds) hold.release()
    }
  }

  #answer({ answer: run, queueMilliseconds, decodeMilliseconds }: Answered<Run>): AuctionAnswer {
    const { resolved, paymentMilliseconds, steps } = run
    const auction = auctionSummary(resolved, run, this.#options.auction.model)
    const entries = auctionEntries(resolved, run, this.#options.model.itemIds)
    this.#count(run, auction.expectedRevenue)
    const timings = { queueMilliseconds, decodeMilliseconds, paymentMilliseconds, ...(steps ? { steps } : {}) }
    return { resolved, answer: { entries, auction, skipped: resolved.skipped, timings } }
  }

  /** A size that nobody asked before takes seconds to load: who asks it waits, and others go on. */
  async #prepare(resolved: readonly ResolvedAuction[], signal?: AbortSignal): Promise<void> {
    const { auction, batching, timers } = this.#options
    const requests = resolved.map(({ request }) => request).filter(hasCandidates)
    const late = Promise.withResolvers<never>()
    const { requestTimeoutMilliseconds: timeout } = batching
    const forget = timers.after(timeout, () => late.reject(new RequestTimeoutError(timeout)))
    const aborted = () => late.reject(signal?.reason)
    signal?.addEventListener('abort', aborted, { once: true })
    try {
      await Promise.race([auction.model.prepare(requests), late.promise])
    } finally {
      forget()
      signal?.removeEventListener('abort', aborted)
    }
  }

  /** With all that take part while nobody is out of budget: a session that is large enough for them is so for fewer. */
  #resolveWhole(request: RankRequest, id: string, settings: AuctionSettings): ResolvedAuction {
    const { excluded } = this.#options.metrics
    if (settings.budgets === undefined)
      return this.#resolve(request, id, settings, (reason) => excluded.inc({ reason }))
    return this.#resolve(request, id, { ...settings, budgets: undefined }, () => {})
  }

  #admit({ request, id, settings, resolved: known, call }: Arrival): Admitted {
    const { auction, metrics } = this.#options
    const onExcluded: ExclusionCounter = (reason) => metrics.excluded.inc({ reason })
    const resolved = known ?? this.#resolve(request, id, settings, onExcluded)
    const hold = auction.pacer.hold(mostCharges(resolved.request, this.#catalogue.market.advertisers.count))
    // A part of its call has failed already.
    if (call.isOver) hold.release()
    else call.holds.push(hold)
    return { resolved, hold }
  }

  #resolve(request: RankRequest, id: string, settings: AuctionSettings, onExcluded: ExclusionCounter): ResolvedAuction {
    const { auction, model, name } = this.#options
    return resolveAuction(request, {
      model: auction.model,
      catalogue: this.#catalogue,
      lookup: model,
      settings,
      pacer: auction.pacer,
      // By the name as well: two rankers that see one request do not draw in step.
      key: `${name} ${id}`,
      onExcluded,
    })
  }

  async #run(batch: readonly Arrival[]): Promise<Run[]> {
    const admitted = batch.map((arrival) => this.#admit(arrival))
    const resolved = admitted.map((one) => one.resolved)
    const priced: Priced[] = batch.map(() => nothingShown)
    for (const [settings, places] of groupsOf(resolved)) {
      const group = places.map((place) => resolved[place])
      const answers = await this.#allocate(group, settings)
      for (const [index, place] of places.entries()) priced[place] = answers[index]
    }
    this.#countHistories()
    const known = this.#catalogue.market.advertisers.count
    return admitted.map(({ resolved: one, hold }, index) => {
      const { allocation, payments } = priced[index]
      hold.narrow(allocation === undefined ? [] : expectedCharges(one.request, allocation, payments, known))
      return { resolved: one, ...priced[index] }
    })
  }

  async #allocate(group: readonly ResolvedAuction[], { weights, paymentRule }: AuctionSettings): Promise<Priced[]> {
    const { auction, timers, metrics } = this.#options
    const { model } = auction
    const allocate = (requests: readonly AuctionRequest[]) => model.allocate(requests, weights)
    const { allocations, steps } = await allocate(group.map(({ request }) => request))
    const started = timers.monotonic()
    const allocator: Allocator = {
      allocate: async (requests) => [...(await allocate(requests)).allocations],
      underBids: async (request, bids) => [...(await model.underBids(request, bids, weights))],
    }
    const lists = group.map(({ request }, index) => ({ request, allocation: allocations[index] }))
    const payments = await auction.price(paymentRule, lists, { allocator })
    const asked = [...group.keys()].filter((index) => group[index].explain)
    const explained = await explainLists(
      asked.map((index) => lists[index]),
      { settings: { weights }, auction, allocator },
    )
    const explanations = new Map(asked.map((index, place) => [index, explained[place]]))
    const paymentMilliseconds = timers.monotonic() - started
    metrics.paymentDuration.observe(paymentMilliseconds / 1000)
    return lists.map(({ allocation }, index) => {
      const told = explanations.get(index)
      return {
        allocation,
        payments: payments[index],
        paymentMilliseconds,
        steps,
        ...(told ? { explanations: told } : {}),
      }
    })
  }

  #countHistories(): void {
    const { auction, metrics } = this.#options
    const { histories } = auction.model
    if (histories === undefined) return
    for (const source of ['encoded', 'kept'] as const)
      metrics.histories.inc({ source }, histories[source] - this.#histories[source])
    this.#histories = { ...histories }
  }

  #count({ resolved: { request, settings }, allocation }: Run, revenue: number): void {
    const { metrics } = this.#options
    metrics.expectedRevenue.inc({ rule: settings.paymentRule }, revenue)
    const shown = allocation === undefined ? [] : contentOf(allocation.lists, allocation.chosen)
    metrics.adsPerList.observe(shown.filter(({ candidate }) => candidate < request.ads.length).length)
  }
}

const noHistories = { encoded: 0, kept: 0 }

const nothingShown: Priced = {
  allocation: undefined,
  payments: new Float64Array(0),
  paymentMilliseconds: 0,
  steps: undefined,
}

const hasCandidates = ({ ads, organic }: AuctionRequest): boolean => ads.length + organic.length > 0

/** What has candidates, by the settings that it was resolved with: they can change while requests wait. */
function groupsOf(batch: readonly ResolvedAuction[]): Group[] {
  const groups = new Map<AuctionSettings, number[]>()
  for (const [place, { request, settings }] of batch.entries()) {
    if (!hasCandidates(request)) continue
    const group = groups.get(settings)
    if (group) group.push(place)
    else groups.set(settings, [place])
  }
  return [...groups]
}
