import { parseExposition, splitSeries } from './prometheus-text.ts'

/** By which settings of an auction a serving Pod answers (workers/serving writes it). */
export interface SeenAuctionSettings {
  /** Revision of those that it answers by; absent: it does not tell. */
  revision?: string
  /** What it does not take. */
  refused?: { revision: string; reason: string }
}

const metrics = { taken: 'adloom_auction_settings_info', refused: 'adloom_auction_settings_refused' } as const
const wanted = new Set<string>(Object.values(metrics))

export function readAuctionSettings(text: string): SeenAuctionSettings {
  const seen: SeenAuctionSettings = {}
  for (const [series, value] of parseExposition(text, (name) => wanted.has(name))) {
    const { name, labels } = splitSeries(series)
    const { revision, reason = '' } = labels
    if (value !== 1 || revision === undefined) continue
    if (name === metrics.taken) seen.revision = revision
    else seen.refused = { revision, reason }
  }
  return seen
}
