// Answers requests to rank once a model is loaded; knows nothing of HTTP.

import { randomUUID } from 'node:crypto'
import type { RankAnswer, RankRequest } from '../../crds/rank.ts'
import { defaultBeamSize } from '../../crds/serving.ts'
import type { DecodedList, DecodeRequest } from '../decoding/decoder.ts'
import { Random } from '../tensor/random.ts'
import type { ServedAuction } from './auction/auction-model.ts'
import { Auctioneer } from './auction/auctioneer.ts'
import { LiveSettings } from './auction/live-settings.ts'
import type { Execution } from './choose-provider.ts'
import { type ChosenList, chooseList, type ExplorationPolicy } from './exploration.ts'
import type { Feedback } from './feedback.ts'
import { unavailable } from './http-error.ts'
import { createMetrics } from './metrics.ts'
import { MicroBatcher, type Timers } from './micro-batcher.ts'
import type { RankLimits } from './rank-body.ts'
import { listEntries, type ResolvedRequest, resolveRequest } from './resolve-request.ts'
import type { ServedModel } from './served-model.ts'
import type { ServingSettings } from './settings.ts'

const onCpu: Execution = { provider: 'CPU', wanted: 'CPU' }

/** So many runs that fail one after another mean that the decoder will not come back. */
const maxFailures = 3

type RankerLog = ConstructorParameters<typeof LiveSettings>[0]['log']

const silent: RankerLog = { info: () => {}, warn: () => {} }

export interface RankerOptions {
  readonly execution?: Execution
  readonly log?: RankerLog
}

interface Answered {
  readonly requestId: string
  readonly list: DecodedList & Partial<ChosenList>
  readonly timings: RankAnswer['timings']
  readonly model: ServedModel
}

export class Ranker {
  readonly settings: Pick<ServingSettings, 'name' | 'digest' | 'revision' | 'serving'>
  /** Where it decodes. */
  readonly execution: Execution
  readonly metrics = createMetrics(() => this.#batcher.length + (this.#auctioneer?.length ?? 0))
  readonly #batcher: MicroBatcher<DecodeRequest, DecodedList>
  readonly #exploration: ExplorationPolicy | undefined
  readonly #timers: Timers
  readonly #log: RankerLog
  #auctioneer: Auctioneer | undefined
  #auctionSettings: LiveSettings | undefined
  #model: ServedModel | undefined
  #feedback: Feedback | undefined
  #failures = 0
  #lastFailure = ''

  constructor(settings: Ranker['settings'], timers: Timers, { execution = onCpu, log = silent }: RankerOptions = {}) {
    this.settings = settings
    this.execution = execution
    this.#timers = timers
    this.#log = log
    const { exploration } = settings.serving
    this.#exploration = exploration && {
      temperature: Number(exploration.temperature),
      share: exploration.sharePercent / 100,
    }
    this.#batcher = new MicroBatcher((requests) => this.#loaded().decode(requests), settings.serving, timers, {
      onRun: (size, milliseconds, error) => this.#observe(size, milliseconds, error),
    })
  }

  /** Digest of the model that is loaded and warm. */
  get loadedDigest(): string | undefined {
    return this.#model?.digest
  }

  /** Why only a new process can help; undefined while all is well. */
  get failure(): string | undefined {
    return this.#failures < maxFailures
      ? undefined
      : `the last ${this.#failures} runs of the decoder failed: ${this.#lastFailure}`
  }

  /** What a call may ask for. */
  get limits(): RankLimits {
    const { beamSize, maxQueueLength } = this.settings.serving
    const auction = this.#model?.auction
    if (auction === undefined)
      return {
        slots: beamSize,
        slotsBoundBy: 'spec.serving.beamSize',
        maxQueueLength,
        auction: this.#model && 'None',
      }
    const { slots, ads, organic } = auction.model.limits
    return { slots, slotsBoundBy: 'the longest list of the model', maxQueueLength, auction: { ads, organic } }
  }

  /** Milliseconds since 1970, by the clock of the model where it heeds times. */
  now(): number {
    return this.#model?.times?.now() ?? Date.now()
  }

  /** For the metadata of the model. */
  get parameters(): object {
    const settingsRevision = this.#auctioneer?.settings.revision
    const settingsRefused = this.#auctionSettings?.refusal
    return {
      ...this.execution,
      ...(settingsRevision === undefined ? {} : { settingsRevision }),
      ...(settingsRefused === undefined ? {} : { settingsRefused }),
    }
  }

  /**
   * Answers by this model from now on.
   * @param auctionSettings text of the file; undefined: there is none
   * @throws Error for settings that contradict each other or the model
   */
  use(model: ServedModel, auctionSettings?: string): void {
    if (model.auction === undefined && this.settings.serving.auction?.candidateLists !== undefined)
      throw new Error('spec.serving.auction.candidateLists goes with a model with an auction; this one has none')
    const auctioneer = model.auction && this.#openAuction(model, model.auction)
    this.#auctioneer = auctioneer
    this.#auctionSettings = new LiveSettings({
      model: model.auction?.model,
      metrics: this.metrics.auction,
      log: this.#log,
      onTaken: (settings) => auctioneer?.use(settings),
    })
    this.takeAuctionSettings(auctionSettings)
    this.#model = model
    const { name, revision } = this.settings
    this.metrics.modelInfo.set({ name, digest: model.digest, revision }, 1)
    // Those that nobody came with yet count as well: what counts later is compared with all of them.
    for (let code = 0; code < model.firstCodes.count; code++) this.metrics.historyCodes.inc({ code }, 0)
    const { provider, wanted } = this.execution
    this.metrics.executionProvider.set({ provider, wanted }, 1)
  }

  /** Other settings of the auction are there; those that are wrong change nothing. */
  takeAuctionSettings(text: string | undefined): void {
    this.#auctionSettings?.take(text)
  }

  #openAuction(model: ServedModel, auction: ServedAuction): Auctioneer {
    const { name, serving } = this.settings
    if (this.#exploration !== undefined)
      throw new Error(
        'spec.serving.exploration draws from the beam, which a model with an auction does not answer; leave it out',
      )
    if (serving.beamSize !== defaultBeamSize)
      throw new Error(
        'spec.serving.beamSize is of models without an auction; leave it out: a model that searches lists compares spec.serving.auction.candidateLists of them',
      )
    return new Auctioneer({
      name,
      model,
      auction,
      batching: serving,
      timers: this.#timers,
      metrics: this.metrics.auction,
      onRun: (size, milliseconds, error) => this.#observe(size, milliseconds, error),
    })
  }

  /** Where answers and events are noted; undefined where nobody asked for it. */
  get feedback(): Feedback | undefined {
    return this.#feedback
  }

  noteIn(feedback: Feedback): void {
    this.#feedback = feedback
  }

  /**
   * Answers in the order of the requests.
   * @throws HttpError 503 before a model is loaded, QueueFullError, RequestTimeoutError, what the decoder throws
   */
  async rank(requests: readonly RankRequest[], signal?: AbortSignal): Promise<RankAnswer[]> {
    const model = this.#loaded()
    if (this.#auctioneer !== undefined) return this.#rankByAuction(this.#auctioneer, model, requests, signal)
    const options = { beamSize: this.settings.serving.beamSize, wholeBeam: this.#exploration !== undefined }
    const resolved = requests.map((request) => resolveRequest(request, model, options))
    const decoded = await this.#batcher.submit(
      resolved.map(({ decode }) => decode),
      signal,
    )
    return decoded.map(({ answer, ...timings }, index) => {
      const requestId = requests[index].requestId ?? randomUUID()
      const list = this.#choose(answer, resolved[index], requestId)
      return this.#answer(requests[index], resolved[index], { requestId, list, timings, model })
    })
  }

  async #rankByAuction(
    auctioneer: Auctioneer,
    model: ServedModel,
    requests: readonly RankRequest[],
    signal?: AbortSignal,
  ): Promise<RankAnswer[]> {
    const ids = requests.map(({ requestId }) => requestId ?? randomUUID())
    const { name, digest, revision } = this.settings
    const answered = await auctioneer.rank(requests, ids, signal)
    return answered.map(({ answer: { entries, auction, skipped, timings }, resolved }, index) => {
      const answer: RankAnswer = {
        requestId: ids[index],
        model: { name, digest, revision },
        entries,
        ...(auction ? { auction } : {}),
        skipped,
        timings,
      }
      const { history, historyTimes } = resolved.request
      this.#count({ scores: entries.map(({ score }) => score) }, history, model)
      this.#feedback?.answered({
        answer,
        time: requests[index].time,
        user: requests[index].user?.id,
        history,
        ...(historyTimes === undefined ? {} : { historyTimes }),
        candidates: resolved.request.organic.length,
        slots: resolved.request.slots,
        drawn: undefined,
        itemIds: model.itemIds,
        auction: resolved,
      })
      return answer
    })
  }

  async release(): Promise<void> {
    await this.#model?.release()
    this.#model = undefined
  }

  #choose(beam: DecodedList, { slots }: ResolvedRequest, requestId: string): DecodedList & Partial<ChosenList> {
    if (this.#exploration === undefined) return beam
    // By the name as well: two rankers that see one request do not explore in step.
    return chooseList(beam, slots, this.#exploration, new Random('exploration', this.settings.name, requestId))
  }

  #answer(
    request: RankRequest,
    { skipped, decode, slots }: ResolvedRequest,
    { requestId, list, timings, model }: Answered,
  ) {
    const { name, digest, revision } = this.settings
    const { itemIds } = model
    const answer: RankAnswer = {
      requestId,
      model: { name, digest, revision },
      entries: listEntries(list, itemIds),
      ...(list.logList === undefined ? {} : { logPropensity: list.logList }),
      skipped,
      timings,
    }
    this.#count(list, decode.history, model)
    this.#feedback?.answered({
      answer,
      time: request.time,
      user: request.user?.id,
      history: decode.history,
      candidates: decode.candidates?.length,
      slots,
      drawn: list.drawn,
      itemIds,
    })
    return answer
  }

  #count(
    { scores, drawn }: { readonly scores: ArrayLike<number>; readonly drawn?: boolean },
    history: Uint32Array,
    { firstCodes }: ServedModel,
  ): void {
    this.metrics.lists.inc()
    const newest = history.at(-1)
    if (newest !== undefined) this.metrics.historyCodes.inc({ code: firstCodes.of(newest) })
    if (scores.length === 0) this.metrics.emptyLists.inc()
    else this.metrics.score.observe(scores[0])
    if (drawn) this.metrics.exploredLists.inc()
  }

  #loaded(): ServedModel {
    if (this.#model === undefined) throw unavailable(`model ${this.settings.digest} is not loaded yet`)
    return this.#model
  }

  #observe(size: number, milliseconds: number, error: unknown): void {
    this.metrics.batchSize.observe(size)
    this.metrics.decodeDuration.observe(milliseconds / 1000)
    this.#failures = error === undefined ? 0 : this.#failures + 1
    if (error !== undefined) this.#lastFailure = error instanceof Error ? error.message : String(error)
  }
}
