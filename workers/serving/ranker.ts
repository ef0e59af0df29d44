// Answers requests to rank once a model is loaded; knows nothing of HTTP.

import { randomUUID } from 'node:crypto'
import type { RankAnswer, RankRequest } from '../../crds/rank.ts'
import type { DecodedList, DecodeRequest } from '../decoding/decoder.ts'
import { unavailable } from './http-error.ts'
import { createMetrics } from './metrics.ts'
import { MicroBatcher, type Timers } from './micro-batcher.ts'
import { listEntries, type ResolvedRequest, resolveRequest } from './resolve-request.ts'
import type { ServedModel } from './served-model.ts'
import type { ServingSettings } from './settings.ts'

/** So many runs that fail one after another mean that the decoder will not come back. */
const maxFailures = 3

export class Ranker {
  readonly settings: Pick<ServingSettings, 'name' | 'digest' | 'revision' | 'serving'>
  readonly metrics = createMetrics(() => this.#batcher.length)
  readonly #batcher: MicroBatcher<DecodeRequest, DecodedList>
  #model: ServedModel | undefined
  #failures = 0
  #lastFailure = ''

  constructor(settings: Ranker['settings'], timers: Timers) {
    this.settings = settings
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

  use(model: ServedModel): void {
    this.#model = model
    const { name, revision } = this.settings
    this.metrics.modelInfo.set({ name, digest: model.digest, revision }, 1)
  }

  /**
   * Answers in the order of the requests.
   * @throws HttpError 503 before a model is loaded, QueueFullError, RequestTimeoutError, what the decoder throws
   */
  async rank(requests: readonly RankRequest[], signal?: AbortSignal): Promise<RankAnswer[]> {
    const model = this.#loaded()
    const { beamSize } = this.settings.serving
    const resolved = requests.map((request) => resolveRequest(request, model, beamSize))
    const answers = await this.#batcher.submit(
      resolved.map(({ decode }) => decode),
      signal,
    )
    return answers.map(({ answer, ...timings }, index) =>
      this.#answer(requests[index], resolved[index], listEntries(answer, model.itemIds), timings),
    )
  }

  async release(): Promise<void> {
    await this.#model?.release()
    this.#model = undefined
  }

  #answer(
    request: RankRequest,
    { skipped }: ResolvedRequest,
    entries: RankAnswer['entries'],
    timings: RankAnswer['timings'],
  ): RankAnswer {
    if (entries.length === 0) this.metrics.emptyLists.inc()
    const { name, digest, revision } = this.settings
    return {
      requestId: request.requestId ?? randomUUID(),
      model: { name, digest, revision },
      entries,
      skipped,
      timings,
    }
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
