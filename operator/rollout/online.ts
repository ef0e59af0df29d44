import { type Counts, densities } from './counts.ts'
import { stabilityIndex } from './estimates.ts'
import type { Window } from './scraper.ts'

/** status.online: decimals as strings; what there was nothing of is left out. */
export interface Online {
  requestsPerSecond?: string
  errorRate?: string
  emptyListShare?: string
  ctr?: string
  revenuePerRequest?: string
  scorePsi?: string
  /** Of the model; absent in what was written before models were told. */
  digest?: string
  observedAt: string
}

type Measure = Exclude<keyof Online, 'digest' | 'observedAt'>

/** Fewer scores than this say nothing about how they are distributed. */
export const enoughScores = 500

/** What stable did in a window, each number with the size of its own noise (two standard errors). */
export function measureOnline(
  window: Window,
  reference: readonly number[] | undefined,
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
  const scores = densities(counts.score)
  if (reference && isEnough(counts)) {
    const { value, low, high } = stabilityIndex(reference, scores, 0.95)
    measures.set('scorePsi', { value, noise: high - low })
  }
  return measures
}

export const isEnough = ({ score }: Counts): boolean => (score.at(-1)?.count ?? 0) >= enoughScores

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
      return old === undefined || Math.abs(value - Number(old)) > Math.max(noise, Math.abs(Number(old)) / 10)
    })
  if (before && !isNews) return before
  const numbers = [...seen].map(([name, { value }]) => [name, String(Number(value.toPrecision(4)))])
  return { ...Object.fromEntries(numbers), digest, observedAt }
}
