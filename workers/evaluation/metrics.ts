// Metrics of full ranking with one target a case: Recall@K is 1 where the target is among the first K (the hit rate),
// NDCG@K is 1 / log2(rank + 1) there.

export type MetricKind = 'Recall' | 'NDCG'

export interface Metric {
  readonly kind: MetricKind
  readonly cutoff: number
}

export const metricName = ({ kind, cutoff }: Metric): string => `${kind}@${cutoff}`

/** Recall and NDCG at every cutoff, in the order of the cutoffs. */
export const metricsAt = (cutoffs: readonly number[]): Metric[] =>
  cutoffs.flatMap((cutoff): Metric[] => [
    { kind: 'Recall', cutoff },
    { kind: 'NDCG', cutoff },
  ])

/** 1-based place of the target; 0 when it is not in the list. Items of the history and repeats take up no place. */
export function rankOfTarget(list: Uint32Array, target: number, history: Uint32Array): number {
  const masked = new Set(history)
  if (masked.has(target)) return 0
  let rank = 0
  for (const item of list) {
    if (masked.has(item)) continue
    masked.add(item)
    rank++
    if (item === target) return rank
  }
  return 0
}

/** Value of one case whose target has this rank; 0 stands for beyond every cutoff. */
export function valueAtRank({ kind, cutoff }: Metric, rank: number): number {
  if (rank === 0 || rank > cutoff) return 0
  return kind === 'Recall' ? 1 : 1 / Math.log2(rank + 1)
}

/** Value by case. */
export const metricValues = (metric: Metric, ranks: Uint32Array): Float64Array =>
  Float64Array.from(ranks, (rank) => valueAtRank(metric, rank))
