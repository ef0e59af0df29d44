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
  const kinds = {
    ads: { isWanted: isAd, popular: popular.filter(isAd), count: adsPerRequest },
    organic: { isWanted: isOrganic, popular: popular.filter(isOrganic), count: organicPerRequest },
  }
  return (history, target) => {
    const seen = new Set(Array.from(history))
    const near = neighbours.near(history)
    const { scores } = neighbours
    const take = ({ isWanted, popular, count }: Kind): number[] => {
      const candidates = near.filter((item) => isWanted(item) && !seen.has(item))
      const chosen = strongest(candidates, scores, count)
      fillUp(chosen, popular, count, seen)
      const isMissing = includeTarget && count > 0 && isWanted(target) && !chosen.includes(target)
      if (isMissing) chosen[Math.min(count - 1, chosen.length)] = target
      return chosen
    }
    const ads = take(kinds.ads).sort((a, b) => adOf[a] - adOf[b])
    const organic = take(kinds.organic).sort((a, b) => organicWorth[b] - organicWorth[a] || a - b)
    const adScores = ads.map((item) => (scores[item] + POPULARITY_SHARE * popularity[item]) / (1 + POPULARITY_SHARE))
    for (const item of near) scores[item] = 0
    return { ads: ads.map((item) => adOf[item]), adScores, organic }
  }
}

interface Kind {
  isWanted(item: number): boolean
  /** Those of the kind, the most popular first. */
  readonly popular: Uint32Array
  readonly count: number
}

/** The items of the highest scores, the weakest last; of equal ones those that come first. */
function strongest(items: readonly number[], scores: Float64Array, count: number): number[] {
  if (items.length <= count) return items.toSorted((a, b) => scores[b] - scores[a])
  const ascending = Float64Array.from(items, (item) => scores[item]).sort()
  const least = ascending[ascending.length - count]
  const above = items.filter((item) => scores[item] > least)
  const equal = items.filter((item) => scores[item] === least)
  return [...above, ...equal.slice(0, count - above.length)]
}

/** Adds what is popular and neither chosen nor seen until there are `count`. */
function fillUp(chosen: number[], popular: Uint32Array, count: number, seen: ReadonlySet<number>): void {
  if (chosen.length >= count) return
  const taken = new Set(chosen)
  for (let place = 0; place < popular.length && chosen.length < count; place++) {
    const item = popular[place]
    if (!taken.has(item) && !seen.has(item)) chosen.push(item)
  }
}

/**
 * What was taken near the recent items of a history in the training parts. `near` gives these items, and puts their
 * scores, at most 1, into `scores`, where the caller sets them back to 0: one array for all requests, as a map that
 * is filled anew is many times slower.
 */
function neighbourScores(dataset: Dataset, counts: Uint32Array) {
  const matrix = coOccurrence(dataset, { window: 10, decay: 0.9, backward: 0.7 })
  const scores = new Float64Array(dataset.itemCount)
  const near = (history: ArrayLike<number>): number[] => {
    const touched: number[] = []
    let weight = 1
    for (let place = history.length - 1; place >= Math.max(0, history.length - RECENT); place--) {
      const item = history[place]
      for (let entry = matrix.offsets[item]; entry < matrix.offsets[item + 1]; entry++) {
        const other = matrix.indices[entry]
        if (scores[other] === 0) touched.push(other)
        scores[other] += (weight * matrix.values[entry]) / Math.sqrt(counts[other])
      }
      weight *= RECENCY
    }
    const most = touched.reduce((largest, item) => Math.max(largest, scores[item]), 0)
    for (const item of touched) scores[item] /= most
    return touched
  }
  return { near, scores }
}
