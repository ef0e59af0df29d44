// Answers requests by auctions: resolves, allocates many together, prices, explains.

import type { RankAnswer, RankRequest } from '../../../crds/rank.ts'
import type { Allocator, AuctionRequest } from '../../auction/auction.ts'
import { type BatcherOptions, MicroBatcher, RequestTimeoutError, type Timers } from '../micro-batcher.ts'
import type { ServedModel } from '../served-model.ts'
import { auctionEntries, auctionSummary, type PricedAuction } from './answer.ts'
import type { ServedAuction } from './auction-model.ts'
import { type AuctionCatalogue, indexMarket } from './catalogue.ts'
import { explainLists } from './explain.ts'
import { contentOf } from './lists.ts'
import type { AuctionMetrics } from './metrics.ts'
import { type ResolvedAuction, resolveAuction } from './resolve.ts'
import { type AuctionSettings, parseSettings, settingsFor } from './settings.ts'

export interface AuctioneerOptions {
  /** Of the ranker: two rankers that see one request do not draw in step. */
  readonly name: string
  readonly model: Pick<ServedModel, 'itemIds' | 'findItem' | 'historyOf' | 'times'>
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

interface Run extends PricedAuction {
  readonly paymentMilliseconds: number
  readonly steps: Readonly<Record<string, number>> | undefined
}

/** Of one batch: all of a group are decoded with the same weights. */
type Group = [settings: AuctionSettings, places: number[]]

export class Auctioneer {
  readonly #options: AuctioneerOptions
  readonly #batcher: MicroBatcher<ResolvedAuction, Run>
  readonly #catalogue: AuctionCatalogue
  #settings: AuctionSettings

  /** Goes by the settings of the model at first. */
  constructor(options: AuctioneerOptions) {
    this.#options = options
    this.#settings = settingsFor(parseSettings(undefined), options.auction.model)
    this.#catalogue = indexMarket(options.auction.model.market)
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
    const resolved = requests.map((request, index) => this.#resolve(request, ids[index], settings))
    await this.#prepare(resolved, signal)
    const answered = await this.#batcher.submit(resolved, signal)
    return answered.map(({ answer: run, queueMilliseconds, decodeMilliseconds }, index) => {
      const one = resolved[index]
      const { paymentMilliseconds, steps } = run
      const auction = auctionSummary(one, run, this.#options.auction.model)
      const entries = auctionEntries(one, run, this.#options.model.itemIds)
      this.#settle(one, run, auction.expectedRevenue)
      const timings = { queueMilliseconds, decodeMilliseconds, paymentMilliseconds, ...(steps ? { steps } : {}) }
      return { resolved: one, answer: { entries, auction, skipped: one.skipped, timings } }
    })
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

  #resolve(request: RankRequest, id: string, settings: AuctionSettings): ResolvedAuction {
    const { auction, model, name, metrics } = this.#options
    return resolveAuction(request, {
      model: auction.model,
      catalogue: this.#catalogue,
      lookup: model,
      settings,
      pacer: auction.pacer,
      // By the name as well: two rankers that see one request do not draw in step.
      key: `${name} ${id}`,
      onExcluded: (reason) => metrics.excluded.inc({ reason }),
    })
  }

  async #run(batch: readonly ResolvedAuction[]): Promise<Run[]> {
    const runs: Run[] = batch.map(() => nothingShown)
    for (const [settings, places] of groupsOf(batch)) {
      const group = places.map((place) => batch[place])
      const answers = await this.#allocate(group, settings)
      for (const [index, place] of places.entries()) runs[place] = answers[index]
    }
    return runs
  }

  async #allocate(group: readonly ResolvedAuction[], { weights, paymentRule }: AuctionSettings): Promise<Run[]> {
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

  /** Budgets bear what a list is expected to cost: clicks come later, and to another Pod perhaps. */
  #settle({ request, settings }: ResolvedAuction, { allocation, payments }: Run, revenue: number): void {
    const { auction, metrics } = this.#options
    metrics.expectedRevenue.inc({ rule: settings.paymentRule }, revenue)
    if (allocation === undefined) {
      metrics.adsPerList.observe(0)
      return
    }
    const { lists, chosen } = allocation
    const ads = contentOf(lists, chosen)
      .map(({ candidate, at }, slot) => ({ candidate, at, slot }))
      .filter(({ candidate }) => candidate < request.ads.length)
    metrics.adsPerList.observe(ads.length)
    const known = this.#catalogue.market.advertisers.count
    const charges = ads.map(({ candidate, at, slot }) => ({
      advertiser: request.advertisers[candidate],
      amount: payments[slot] * lists.pCtr[at],
    }))
    auction.pacer.charge(charges.filter(({ advertiser }) => advertiser < known))
  }
}

const nothingShown: Run = {
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
