// The settings that an auction runs by now, and what became of those that could not be taken.

import type { Gauge } from 'prom-client'
import type { AuctionModel } from './auction-model.ts'
import { type AuctionSettings, parseSettings, SettingsRefusedError, settingsFor } from './settings.ts'

export interface LiveSettingsOptions {
  /** Undefined: it has no auction, and takes no settings but empty ones. */
  readonly model: AuctionModel | undefined
  readonly metrics: {
    readonly settingsInfo: Gauge<'revision'>
    readonly settingsRefused: Gauge<'revision' | 'reason'>
  }
  /** A line for whoever runs the server. */
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void }
  /** Other settings are to be used; never called without a model. */
  onTaken(settings: AuctionSettings): void
}

export class LiveSettings {
  readonly #options: LiveSettingsOptions
  #hasTaken = false
  #refused: SettingsRefusedError | undefined

  constructor(options: LiveSettingsOptions) {
    this.#options = options
  }

  /** What is wrong with the file that is there now; undefined while all is well. */
  get refusal(): string | undefined {
    return this.#refused?.message
  }

  /** @param text of the file; undefined: it is not there */
  take(text: string | undefined): void {
    const { metrics, log, model } = this.#options
    // Nobody removes the file on purpose: without settings it says {}.
    if (text === undefined && this.#hasTaken) {
      log.warn({}, 'The file of the auction settings is gone; those before go on')
      return
    }
    try {
      const { revision, unknownAdvertisers } = this.#read(text)
      this.#hasTaken = text !== undefined
      this.#refused = undefined
      metrics.settingsRefused.reset()
      metrics.settingsInfo.reset()
      if (model !== undefined || text !== undefined) metrics.settingsInfo.set({ revision }, 1)
      if (text !== undefined) log.info({ revision }, 'Takes auction settings')
      if (unknownAdvertisers.length > 0)
        log.warn({ advertisers: unknownAdvertisers.slice(0, 10) }, 'Auction settings name advertisers that are unknown')
    } catch (error) {
      if (!(error instanceof SettingsRefusedError)) throw error
      this.#refused = error
      const { revision, reason } = error
      metrics.settingsRefused.reset()
      metrics.settingsRefused.set({ revision, reason }, 1)
      log.warn({ revision, reason, problem: error.message }, 'Refuses auction settings; those before go on')
    }
  }

  #read(text: string | undefined): Pick<AuctionSettings, 'revision' | 'unknownAdvertisers'> {
    const { model, onTaken } = this.#options
    const file = parseSettings(text)
    if (model === undefined) {
      if (Object.keys(file.settings).length === 0) return { revision: file.revision, unknownAdvertisers: [] }
      throw new SettingsRefusedError(
        'NoAuction',
        file.revision,
        'this model has no auction; train one with EGAV2 or OneRanker',
      )
    }
    const settings = settingsFor(file, model)
    onTaken(settings)
    return settings
  }
}
