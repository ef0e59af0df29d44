/** Candidates of a request, as an upstream recall would find them: from the training part alone. */
import type { MarketSimulation } from '../../../../crds/market-simulation.ts'
import { coOccurrence, trainingCounts } from '../../co-occurrence.ts'
import type { Dataset } from '../../dataset-reader.ts'

export interface Candidates {
  /** Eligible ads, ascending: their order tells nothing. */
  readonly ads: number[]
  /** What the recall thinks of each of them, above 0 and at most 1. */
  readonly adScores: number[]
  /** Organic items in their fixed order: popularity x expected value. */
  readonly organic: number[]
}

export type Recall = (history: ArrayLike<number>, target: number) => Candidates

interface Sponsored {
  readonly adOf: Int32Array
}

const RECENT = 20
/** Factor for each step back in the history. */
const RECENCY = 0.9
/** Popularity decides where nothing was seen together. */
const POPULARITY_SHARE = 0.02

/**
 * Scores items by what was taken near the user's recent ones (co-occurrence over the root of popularity), filled up with
 * what is popular. Items of the history are no candidates.
 */
export function recallOver(
  dataset: Dataset,
  { adOf }: Sponsored,
  expectedValue: Float32Array,
  { adsPerRequest, organicPerRequest, includeTarget }: MarketSimulation,
): Recall {
  const counts = trainingCounts(dataset)
  const neighbours = neighbourScores(dataset, counts)
  const popular = Uint32Array.from(counts, (_, item) => item).sort((a, b) => counts[b] - counts[a] || a - b)
  const mostPopular = 1 + (counts[popular[0]] ?? 0)
  const popularity = Float64Array.from(counts, (count) => (1 + count) / mostPopular)
  const organicWorth = popularity.map((share, item) => share * expectedValue[item])
  const isAd = (item: number): boolean => adOf[item] >= 0
  const isOrganic = (item: number): boolean => adOf[item] < 0
  const fill = { ads: popular.filter(isAd), organic: popular.filter(isOrganic) }
  const limited = (wanted: (item: number) => boolean, count: number, target: number) => ({
    count,
    always: includeTarget && wanted(target) ? target : undefined,
  })
  return (history, target) => {
    const seen = new Set(Array.from(history))
    const near = neighbours(history)
    const ordered = [...near.keys()].filter((item) => !seen.has(item))
    ordered.sort((a, b) => (near.get(b) ?? 0) - (near.get(a) ?? 0) || a - b)
    const unseen = (items: Uint32Array) => items.values().filter((item) => !seen.has(item))
    const ads = take(ordered.filter(isAd), unseen(fill.ads), limited(isAd, adsPerRequest, target))
    const organic = take(ordered.filter(isOrganic), unseen(fill.organic), limited(isOrganic, organicPerRequest, target))
    ads.sort((a, b) => adOf[a] - adOf[b])
    organic.sort((a, b) => organicWorth[b] - organicWorth[a] || a - b)
    const scoreOf = (item: number): number =>
      ((near.get(item) ?? 0) + POPULARITY_SHARE * popularity[item]) / (1 + POPULARITY_SHARE)
    return { ads: ads.map((item) => adOf[item]), adScores: ads.map(scoreOf), organic }
  }
}

/** The first `count` of the best ones and then of those that fill up; what is always there takes the last place. */
function take(
  best: readonly number[],
  fill: Iterable<number>,
  { count, always }: { count: number; always: number | undefined },
): number[] {
  const chosen = new Set(best.slice(0, count))
  for (const item of fill) {
    if (chosen.size >= count) break
    chosen.add(item)
  }
  const list = [...chosen]
  if (always !== undefined && count > 0 && !chosen.has(always)) list[Math.min(count - 1, list.length)] = always
  return list
}

/** What was taken near the recent items of a history in the training parts, the nearest at 1. */
function neighbourScores(dataset: Dataset, counts: Uint32Array): (history: ArrayLike<number>) => Map<number, number> {
  const near = coOccurrence(dataset, { window: 10, decay: 0.9, backward: 0.7 })
  // One array for all requests: a map that is added to is many times slower.
  const scores = new Float64Array(dataset.itemCount)
  return (history) => {
    const touched: number[] = []
    let weight = 1
    for (let place = history.length - 1; place >= Math.max(0, history.length - RECENT); place--) {
      const item = history[place]
      for (let entry = near.offsets[item]; entry < near.offsets[item + 1]; entry++) {
        const other = near.indices[entry]
        if (scores[other] === 0) touched.push(other)
        scores[other] += (weight * near.values[entry]) / Math.sqrt(counts[other])
      }
      weight *= RECENCY
    }
    const most = touched.reduce((largest, item) => Math.max(largest, scores[item]), 0)
    const found = new Map(touched.map((item) => [item, scores[item] / most]))
    for (const item of touched) scores[item] = 0
    return found
  }
}
