// Metrics of sampled lists as functions of means over lists, so that the bootstrap gives all of them with intervals, and
// two systems on the same lists are compared in pairs (OneRanker, Tables 1 to 3 and Figure 3).

import type { GroupMetric, MeanOf, MetricGroup } from '../metric-group.ts'
import { tieOrder } from '../top-items.ts'
import type { CandidateScores } from './candidate-scorer.ts'
import type { GainName } from './gains.ts'
import {
  type GradedList,
  gradedList,
  gradedNdcg,
  gradedNdcgByChance,
  hit,
  hitByChance,
  isGraded,
  ndcg,
  ndcgByChance,
  overlap,
  overlapByChance,
  rankDifferences,
  rankDifferencesByChance,
} from './list-values.ts'
import { longestOf, type SampledList } from './lists.ts'
import { ranksByScore } from './order.ts'

export interface Graded {
  readonly gain: GainName
  /** By list and candidate. */
  readonly gains: readonly Float64Array[]
  /** By list and candidate, in the unit of money, none below 0: what a hit on a target weighs. */
  readonly ecpm: readonly Float64Array[]
}

/** What of a list its metrics are made of. */
export type JudgedList = Pick<SampledList, 'candidates' | 'target' | 'cluster'>

export interface Judged {
  readonly lists: readonly JudgedList[]
  readonly cutoffs: readonly number[]
  /** Absent: nothing is graded. */
  readonly graded?: Graded | undefined
  /** Of the order of equal scores. */
  readonly seed: number
}

/** How one system orders each list, or what an order by chance comes to. */
interface ListOrder {
  hit(cutoff: number): number
  ndcg(cutoff: number): number
  gradedNdcg(graded: GradedList, cutoff: number): number
  /** Of the orders before and after the ranking; absent of a system that has one order alone. */
  readonly steps?: { overlap(cutoff: number): number; differences(): Float64Array } | undefined
}

/** @param scores by list @throws UnorderedListError */
export const sampledGroup = (judged: Judged, scores: readonly CandidateScores[]): MetricGroup =>
  groupOf(judged, (list, index) => orderByScores(list, scores[index], tieOrder(judged.seed, index)))

/** What every metric is by chance, on these very lists. */
export const chanceGroup = (judged: Judged): MetricGroup => groupOf(judged, orderByChance)

function orderByScores(
  { candidates, target }: JudgedList,
  { final, generator }: CandidateScores,
  seed: number,
): ListOrder {
  const ranks = ranksByScore(candidates, final, seed)
  const before = generator && ranksByScore(candidates, generator, seed)
  return {
    hit: (cutoff) => hit(ranks[target], cutoff),
    ndcg: (cutoff) => ndcg(ranks[target], cutoff),
    gradedNdcg: (graded, cutoff) => gradedNdcg(ranks, graded, cutoff),
    steps: before && {
      overlap: (cutoff) => overlap(before, ranks, cutoff),
      differences: () => rankDifferences(before, ranks),
    },
  }
}

function orderByChance({ candidates: { length } }: JudgedList): ListOrder {
  return {
    hit: (cutoff) => hitByChance(length, cutoff),
    ndcg: (cutoff) => ndcgByChance(length, cutoff),
    gradedNdcg: gradedNdcgByChance,
    steps: {
      overlap: (cutoff) => overlapByChance(length, cutoff),
      differences: () => rankDifferencesByChance(length),
    },
  }
}

function groupOf(
  { lists, cutoffs, graded }: Judged,
  orderOf: (list: JudgedList, index: number) => ListOrder,
): MetricGroup {
  const columns = new Map<string, Float64Array>()
  const put = (name: string, index: number, value: number): void => {
    const column = columns.get(name) ?? new Float64Array(lists.length)
    columns.set(name, column)
    column[index] = value
  }
  const putGrades = ({ gains, ecpm }: Graded, { target }: JudgedList, index: number, order: ListOrder): void => {
    const grades = gradedList(gains[index])
    const counts = isGraded(grades)
    const worth = ecpm[index][target]
    put('graded', index, Number(counts))
    put('worth', index, worth)
    for (const cutoff of cutoffs) {
      put(`graded@${cutoff}`, index, counts ? order.gradedNdcg(grades, cutoff) : 0)
      put(`worthHit@${cutoff}`, index, worth * order.hit(cutoff))
    }
  }
  let hasSteps = lists.length > 0
  lists.forEach((list, index) => {
    const order = orderOf(list, index)
    for (const cutoff of cutoffs) {
      put(`hit@${cutoff}`, index, order.hit(cutoff))
      put(`ndcg@${cutoff}`, index, order.ndcg(cutoff))
      if (order.steps) put(`overlap@${cutoff}`, index, order.steps.overlap(cutoff))
    }
    if (graded) putGrades(graded, list, index, order)
    order.steps?.differences().forEach((share, apart) => {
      put(differenceColumn(apart), index, share)
    })
    hasSteps &&= order.steps !== undefined
  })
  const metrics = [
    ...cutoffs.flatMap((cutoff) => orderMetrics(cutoff, graded?.gain)),
    ...(hasSteps ? stepMetrics(cutoffs, longestOf(lists)) : []),
  ]
  return { clusters: Uint32Array.from(lists, ({ cluster }) => cluster), columns, metrics }
}

function orderMetrics(cutoff: number, gain: GainName | undefined): GroupMetric[] {
  const graded = [
    {
      name: `Sampled/ECPM-${gain}-NDCG@${cutoff}`,
      value: (mean: MeanOf) => mean(`graded@${cutoff}`) / mean('graded'),
    },
    { name: `Sampled/ECPM-HR@${cutoff}`, value: (mean: MeanOf) => mean(`worthHit@${cutoff}`) / mean('worth') },
  ]
  return [
    { name: `Sampled/HR@${cutoff}`, value: (mean) => mean(`hit@${cutoff}`) },
    { name: `Sampled/NDCG@${cutoff}`, value: (mean) => mean(`ndcg@${cutoff}`) },
    ...(gain === undefined ? [] : graded),
  ]
}

const differenceColumn = (apart: number): string => `apart#${apart}`

/** @param size of the longest list */
function stepMetrics(cutoffs: readonly number[], size: number): GroupMetric[] {
  const sharesOf = (mean: MeanOf) => Float64Array.from({ length: size }, (_, apart) => mean(differenceColumn(apart)))
  return [
    {
      name: 'Consistency/RankDifference',
      value: (mean) => sharesOf(mean).reduce((sum, share, apart) => sum + share * apart, 0),
    },
    {
      name: 'Consistency/RankDifferenceIQR',
      value: (mean) => {
        const shares = sharesOf(mean)
        return quantileOf(shares, 0.75) - quantileOf(shares, 0.25)
      },
    },
    ...cutoffs.map((cutoff) => ({
      name: `Consistency/Overlap@${cutoff}`,
      value: (mean: MeanOf) => mean(`overlap@${cutoff}`),
    })),
  ]
}

/** The least difference that this share of all does not exceed; a hair less counts as the share, for sums of shares. */
function quantileOf(shares: Float64Array, share: number): number {
  let upTo = 0
  for (const [apart, each] of shares.entries()) {
    upTo += each
    if (upTo >= share - 1e-9) return apart
  }
  return shares.length - 1
}
