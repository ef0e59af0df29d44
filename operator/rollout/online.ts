import { type Counts, densities } from './counts.ts'
import { stabilityIndex, sum } from './estimates.ts'
import type { Window } from './scraper.ts'

/** status.online: decimals as strings; what there was nothing of is left out. */
export interface Online {
  requestsPerSecond?: string
  errorRate?: string
  emptyListShare?: string
  ctr?: string
  revenuePerRequest?: string
  scorePsi?: string
  codePsi?: string
  /** Of each number, as far as it may be off for small counts alone: two standard errors. */
  uncertainty?: Partial<Record<Measure, string>>
  /** Of the model; absent in what was written before models were told. */
  digest?: string
  observedAt: string
}

type Measure = Exclude<keyof Online, 'digest' | 'observedAt' | 'uncertainty'>

/** Fewer than this say nothing about how they are distributed. */
const enough = 500

/** What later distributions are compared with: counts by bin. */
export type Distributions = Partial<Record<'scores' | 'codes', readonly number[]>>

/** The distributions of which there is enough. */
export function distributionsOf({ score, codes }: Counts): Distributions {
  const all = { scores: densities(score), codes }
  return Object.fromEntries(Object.entries(all).filter(([, counts]) => sum(counts) >= enough))
}

/** What stable did in a window, each number with the size of its own noise (two standard errors). */
export function measureOnline(
  window: Window,
  reference: Distributions,
): Map<Measure, { value: number; noise: number }> {
  const { counts } = window.stable
  const seconds = Math.max(1, (window.observedAt - window.countedFrom) / 1000)
  const measures = new Map<Measure, { value: number; noise: number }>()
  const count = (name: Measure, some: number, all: number) =>
    measures.set(name, { value: some / all, noise: (2 * Math.sqrt(Math.max(some, 1))) / all })
  count('requestsPerSecond', counts.requests, seconds)
  if (counts.requests > 0) count('errorRate', counts.errors, counts.requests)
  if (counts.lists > 0) count('emptyListShare', counts.emptyLists, counts.lists)
  if (counts.impressions > 0) count('ctr', counts.clicks, counts.impressions)
  if (counts.requests > 0 && counts.conversions > 0) {
    const value = counts.eventValue / counts.requests
    measures.set('revenuePerRequest', { value, noise: (2 * value) / Math.sqrt(counts.conversions) })
  }
  const present = distributionsOf(counts)
  const index = (name: Measure, before: readonly number[] | undefined, now: readonly number[] | undefined) => {
    if (!before || !now) return
    const { value, low, high } = stabilityIndex(before, now, 0.95)
    measures.set(name, { value, noise: high - low })
  }
  index('scorePsi', reference.scores, present.scores)
  index('codePsi', reference.codes, present.codes)
  return measures
}

/** The status to write: the one before as long as nothing has changed by more than noise and a tenth. */
export function nextOnline(
  before: Online | undefined,
  seen: ReturnType<typeof measureOnline>,
  { digest, observedAt }: Required<Pick<Online, 'digest' | 'observedAt'>>,
): Online {
  const isNews =
    !before ||
    [...seen].some(([name, { value, noise }]) => {
      const old = before[name]
      if (old === undefined || Math.abs(value - Number(old)) > Math.max(noise, Math.abs(Number(old)) / 10)) return true
      return noise < Number(before.uncertainty?.[name]) / 2
    })
  if (before && !isNews) return before
  const decimals = (which: 'value' | 'noise') =>
    Object.fromEntries([...seen].map(([name, measured]) => [name, String(Number(measured[which].toPrecision(4)))]))
  return { ...decimals('value'), uncertainty: decimals('noise'), digest, observedAt }
}
