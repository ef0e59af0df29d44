import type { MeasuredMetric } from '../../crds/jobs.ts'
import { bootstrap, type Estimate, estimateDifference, estimateMean, estimateRelativeGain } from './bootstrap.ts'
import type { Measurements } from './gates.ts'
import { type Metric, metricName, metricsAt, metricValues, rankOfTarget } from './metrics.ts'
import type { EvaluationCase, Recommender } from './recommender.ts'

/** Histories ranked at once: enough to fill a batch of decoding, few enough to report progress by. */
const batchSize = 256

export interface RankOptions {
  readonly cutoff: number
  /** Called after every batch with the cases done; what it throws ends the ranking. */
  readonly onBatch?: (done: number) => Promise<void>
}

/** Rank of every case's target among the first `cutoff` items, 1-based; 0 when it is not among them. */
export async function rankTargets(
  recommender: Recommender,
  cases: readonly EvaluationCase[],
  { cutoff, onBatch }: RankOptions,
): Promise<Uint32Array> {
  const ranks = new Uint32Array(cases.length)
  for (let start = 0; start < cases.length; start += batchSize) {
    const batch = cases.slice(start, start + batchSize)
    const lists = await recommender.recommend(
      batch.map(({ history }) => history),
      cutoff,
      batch,
    )
    batch.forEach(({ target, history }, index) => {
      ranks[start + index] = rankOfTarget(lists[index], target, history)
    })
    await onBatch?.(start + batch.length)
  }
  return ranks
}

/** How the champion stands before the names of its metrics. */
export const championName = 'Champion'

/** Ranks of one recommender, by case. */
export interface Ranked {
  /** Empty for the model under test; `championName` for what it may replace. */
  readonly name: string
  readonly ranks: Uint32Array
}

export interface CompareOptions {
  readonly cutoffs: readonly number[]
  readonly samples: number
  readonly seed: number
}

export interface Comparison {
  readonly metric: string
  readonly baseline: string
  /** Model less baseline. */
  readonly difference: Estimate
  /** Model by baseline, less one. */
  readonly relativeGain: Estimate
}

export interface Report {
  /** Of the model as `Recall@10`, of a baseline as `ItemCF Recall@10`, of the champion likewise. */
  readonly metrics: MeasuredMetric[]
  readonly comparisons: readonly Comparison[]
}

/** Metrics with 95 % intervals, and the model against every other system by the paired bootstrap over users. */
export function compare(
  users: Uint32Array,
  model: Ranked,
  baselines: readonly Ranked[],
  { cutoffs, samples, seed }: CompareOptions,
): Report {
  const metrics = metricsAt(cutoffs)
  const all = [model, ...baselines]
  const values = all.flatMap(({ ranks }) => metrics.map((metric) => metricValues(metric, ranks)))
  const resamples = bootstrap(users, values, { samples, seed })
  const columnOf = (system: number, metric: number): number => system * metrics.length + metric
  const measured = all.flatMap(({ name }, system) =>
    metrics.map((metric, index) => named(name, metric, estimateMean(resamples, columnOf(system, index)))),
  )
  const comparisons = baselines.flatMap(({ name }, index) =>
    metrics.map((metric, at) => ({
      metric: metricName(metric),
      baseline: name,
      difference: estimateDifference(resamples, columnOf(0, at), columnOf(index + 1, at)),
      relativeGain: estimateRelativeGain(resamples, columnOf(0, at), columnOf(index + 1, at)),
    })),
  )
  return { metrics: measured, comparisons }
}

const named = (system: string, metric: Metric, { mean, low, high }: Estimate): MeasuredMetric => ({
  name: system === '' ? metricName(metric) : `${system} ${metricName(metric)}`,
  value: mean,
  low,
  high,
})

/** What gates judge by. */
export function measurementsOf(measured: readonly MeasuredMetric[], comparisons: readonly Comparison[]): Measurements {
  const comparisonWith = (baseline: string, metric: string) =>
    comparisons.find((comparison) => comparison.metric === metric && comparison.baseline === baseline)
  return {
    metric(name) {
      const found = measured.find((metric) => metric.name === name)
      return found && { mean: found.value, low: found.low, high: found.high }
    },
    relativeGain: (metric, baseline) => comparisonWith(baseline, metric)?.relativeGain,
    differenceToChampion: (metric) => comparisonWith(championName, metric)?.difference,
  }
}
