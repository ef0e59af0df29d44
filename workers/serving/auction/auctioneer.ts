// Answers requests by auctions: resolves, allocates many together, prices, explains.

import type { RankAnswer, RankRequest } from '../../../crds/rank.ts'
import { Random } from '../../tensor/random.ts'
import { type BatcherOptions, MicroBatcher, type Timers } from '../micro-batcher.ts'
import type { ServedModel } from '../served-model.ts'
import { auctionEntries, auctionSummary, type PricedAuction } from './answer.ts'
import type { PricedList, ServedAuction } from './auction-model.ts'
import { type AuctionCatalogue, indexMarket } from './catalogue.ts'
import { explainList } from './explain.ts'
import type { AuctionMetrics } from './metrics.ts'
import { type ResolvedAuction, resolveAuction } from './resolve.ts'
import { type AuctionSettings, parseSettings, settingsFor } from './settings.ts'

export interface AuctioneerOptions {
  /** Of the ranker: two rankers that see one request do not draw in step. */
  readonly name: string
  readonly model: Pick<ServedModel, 'itemIds' | 'findItem' | 'historyOf'>
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
    const answered = await this.#batcher.submit(resolved, signal)
    return answered.map(({ answer: run, queueMilliseconds, decodeMilliseconds }, index) => {
      const one = resolved[index]
      const { paymentMilliseconds, steps } = run
      const auction = auctionSummary(one, run)
      const entries = auctionEntries(one, run, this.#options.model.itemIds)
      this.#settle(one, run, auction.expectedRevenue)
      const timings = { queueMilliseconds, decodeMilliseconds, paymentMilliseconds, ...(steps ? { steps } : {}) }
      return { resolved: one, answer: { entries, auction, skipped: one.skipped, timings } }
    })
  }

  #resolve(request: RankRequest, id: string, settings: AuctionSettings): ResolvedAuction {
    const { auction, model, name, metrics } = this.#options
    let random: Random | undefined
    const draw = () => {
      random ??= new Random('pacing', name, id)
      return random.uniform()
    }
    return resolveAuction(request, {
      model: auction.model,
      catalogue: this.#catalogue,
      lookup: model,
      settings,
      pacing: {
        participation: (advertiser) => auction.pacer.participation(advertiser),
        draw,
      },
      onExcluded: (reason) => metrics.excluded.inc({ reason }),
    })
  }

  async #run(batch: readonly ResolvedAuction[]): Promise<Run[]> {
    const runs: Run[] = batch.map(() => ({
      allocation: undefined,
      payments: new Float64Array(0),
      paymentMilliseconds: 0,
      steps: undefined,
    }))
    for (const [settings, places] of groupsOf(batch)) {
      const { allocations, steps } = await this.#options.auction.model.allocate(
        places.map((place) => batch[place].request),
        settings.weights,
      )
      for (const [index, place] of places.entries())
        runs[place] = await this.#price(batch[place], allocations[index], steps)
    }
    return runs
  }

  async #price(one: ResolvedAuction, allocation: Run['allocation'] & object, steps: Run['steps']): Promise<Run> {
    const { auction, timers, metrics } = this.#options
    const { model, price } = auction
    const { request, settings, explain } = one
    const started = timers.monotonic()
    const list: PricedList = {
      request,
      allocation,
      underBids: (bids) => model.underBids(request, bids, settings.weights),
    }
    const payments = await price(settings.paymentRule, list)
    const explanations = explain ? await explainList(list, { settings, bidUnit: model.bidUnit, price }) : undefined
    const paymentMilliseconds = timers.monotonic() - started
    metrics.paymentDuration.observe(paymentMilliseconds / 1000)
    return { allocation, payments, paymentMilliseconds, steps, ...(explanations ? { explanations } : {}) }
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
    let shown = 0
    for (let slot = 0; slot < lists.slots; slot++) {
      const at = chosen * lists.slots + slot
      const candidate = lists.candidate[at]
      if (candidate < 0 || candidate >= request.ads.length) continue
      shown++
      const advertiser = request.advertisers[candidate]
      if (advertiser < this.#catalogue.market.advertisers.count)
        auction.pacer.spend(advertiser, payments[slot] * lists.pCtr[at])
    }
    metrics.adsPerList.observe(shown)
  }
}

/** What has candidates, by the settings that it was resolved with: they can change while requests wait. */
function groupsOf(batch: readonly ResolvedAuction[]): Group[] {
  const groups = new Map<AuctionSettings, number[]>()
  for (const [place, { request, settings }] of batch.entries()) {
    if (request.ads.length + request.organic.length === 0) continue
    const group = groups.get(settings)
    if (group) group.push(place)
    else groups.set(settings, [place])
  }
  return [...groups]
}
