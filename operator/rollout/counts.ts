import type { Buckets } from './estimates.ts'
import { parseExposition, type Series, splitSeries } from './prometheus-text.ts'

/** Counters of a serving Pod that the operator reads (workers/serving writes them). */
const names = {
  requests: 'adloom_rank_requests_total',
  latency: 'adloom_rank_request_seconds_bucket',
  lists: 'adloom_rank_lists_total',
  emptyLists: 'adloom_rank_empty_lists_total',
  score: 'adloom_rank_score_bucket',
  codes: 'adloom_rank_history_codes_total',
  events: 'adloom_events_total',
  eventValue: 'adloom_event_value_total',
} as const
const wanted = new Set<string>(Object.values(names))

export const readCounters = (text: string): Series => parseExposition(text, (name) => wanted.has(name))

/**
 * What counters have grown by. A process that began anew counts from zero: when one counter went back, all of them have
 * grown by what they are.
 */
export function increase(before: Series, after: Series): Map<string, number> {
  const isReset = [...before].some(([series, value]) => (after.get(series) ?? 0) < value)
  return new Map([...after].map(([series, value]) => [series, isReset ? value : value - (before.get(series) ?? 0)]))
}

export function add(to: Map<string, number>, more: Series): void {
  for (const [series, value] of more) to.set(series, (to.get(series) ?? 0) + value)
}

export function subtract(from: Series, less: Series): Map<string, number> {
  return new Map([...from].map(([series, value]) => [series, value - (less.get(series) ?? 0)]))
}

/** A server writes 64 at most; more would be somebody else's. */
const mostCodes = 1024

/** What a track of a ranker did in some time, summed over its Pods. */
export interface Counts {
  requests: number
  /** Answers 5xx. */
  errors: number
  lists: number
  emptyLists: number
  impressions: number
  clicks: number
  conversions: number
  eventValue: number
  /** Seconds of a request. */
  latency: Buckets
  /** Score of the first entry. */
  score: Buckets
  /** Lists by the first code of what the user came from. */
  codes: number[]
}

export function countsOf(series: Series): Counts {
  const all = [...series].map(([text, value]) => ({ ...splitSeries(text), value }))
  const total = (name: string, holds: (labels: Record<string, string>) => boolean = () => true) =>
    all.reduce((sum, one) => (one.name === name && holds(one.labels) ? sum + one.value : sum), 0)
  const buckets = (name: string): Buckets => {
    const byBound = new Map<number, number>()
    for (const one of all) {
      if (one.name !== name) continue
      const bound = one.labels.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(one.labels.le)
      byBound.set(bound, (byBound.get(bound) ?? 0) + one.value)
    }
    return [...byBound].map(([upTo, count]) => ({ upTo, count })).sort((a, b) => a.upTo - b.upTo)
  }
  const codes: number[] = []
  for (const one of all) {
    if (one.name !== names.codes) continue
    const code = Number(one.labels.code)
    if (!(code >= 0 && code < mostCodes && Number.isInteger(code))) continue
    codes[code] = (codes[code] ?? 0) + one.value
  }
  return {
    requests: total(names.requests),
    errors: total(names.requests, ({ code = '' }) => code.startsWith('5')),
    lists: total(names.lists),
    emptyLists: total(names.emptyLists),
    impressions: total(names.events, ({ type }) => type === 'impression'),
    clicks: total(names.events, ({ type }) => type === 'click'),
    conversions: total(names.events, ({ type }) => type === 'conversion'),
    eventValue: total(names.eventValue),
    latency: buckets(names.latency),
    score: buckets(names.score),
    codes: Array.from(codes, (count = 0) => count),
  }
}

/** How many values lie in each bucket by itself. */
export const densities = (buckets: Buckets): number[] =>
  buckets.map(({ count }, place) => count - (buckets[place - 1]?.count ?? 0))
