import type { JobPayload } from '../../crds/jobs.ts'
import type { Checkpoints } from '../artifacts/store.ts'
import { readMarkets, type StoredMarket, type StoredMarkets, writeMarkets } from '../evaluation/market/market-files.ts'
import type { ProcessorContext, ProgressUpdate } from './context.ts'

/** Milliseconds between two checkpoints: an audit is long, and its requests are quick to do again. */
const checkpointInterval = 30_000
/** Milliseconds between two reports. */
const reportInterval = 500

/** What is measured of each marketplace, kept so that a job that is taken up again goes on where it was. */
export class MarketCheckpoints {
  readonly #context: ProcessorContext
  readonly #checkpoints: Checkpoints
  readonly #systems = new Map<string, StoredMarket>()
  #step: number
  #written: number
  #reported = Number.NEGATIVE_INFINITY
  #phase = ''

  private constructor(context: ProcessorContext, checkpoints: Checkpoints, step: number) {
    this.#context = context
    this.#checkpoints = checkpoints
    this.#step = step
    this.#written = context.now()
  }

  /** Goes on from the newest checkpoint of the run where there is one. */
  static async open(payload: JobPayload<unknown>, context: ProcessorContext): Promise<MarketCheckpoints> {
    const checkpoints = context.store.checkpoints(payload.namespace, payload.inputDigest)
    const found = await checkpoints.latest()
    const opened = new MarketCheckpoints(context, checkpoints, found?.step ?? 0)
    if (found !== undefined) {
      context.log.info('Goes on from a checkpoint', { step: found.step })
      for (const [name, system] of (await readMarkets(found)).systems) opened.keep(name, system)
    }
    return opened
  }

  find(name: string): StoredMarket | undefined {
    return this.#systems.get(name)
  }

  keep(name: string, system: StoredMarket): void {
    this.#systems.set(name, system)
  }

  markets(identity: Omit<StoredMarkets, 'systems'>): StoredMarkets {
    return { ...identity, systems: this.#systems }
  }

  /** Writes a checkpoint when the last one is old enough. The step counts pieces of work of all systems. */
  async settled(identity: Omit<StoredMarkets, 'systems'>): Promise<void> {
    this.#step++
    const { startToken } = this.#context
    const now = this.#context.now()
    if (now - this.#written < checkpointInterval) return
    this.#written = now
    const fill = (directory: string): Promise<void> => writeMarkets(directory, this.markets(identity))
    await this.#checkpoints.write(this.#step, startToken, fill, () => this.#context.mayWrite())
  }

  async report(update: ProgressUpdate): Promise<void> {
    const now = this.#context.now()
    const isNews = update.phase !== this.#phase || update.step === update.totalSteps
    if (!isNews && now - this.#reported < reportInterval) return
    this.#reported = now
    this.#phase = update.phase
    await this.#context.progress(update)
  }
}
