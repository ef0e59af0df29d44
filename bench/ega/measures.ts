import type { Estimate } from '../../workers/evaluation/bootstrap.ts'
import type { StoredMarkets } from '../../workers/evaluation/market/market-files.ts'
import { outcomeGroup } from '../../workers/evaluation/market/outcome-metrics.ts'
import { regretGroup } from '../../workers/evaluation/market/regret-metrics.ts'
import {
  compareGroups,
  type MetricGroup,
  measureGroup,
  type ResampleOptions,
} from '../../workers/evaluation/metric-group.ts'

/** One evaluation, trained and measured with each seed on the same requests. */
export interface MeasuredRow {
  readonly name: string
  readonly groups: readonly MetricGroup[]
  /** Requests that were audited, by seed. */
  readonly audited: readonly number[]
}

export interface Measure extends Estimate {
  readonly metric: string
}

export function measuredRow(name: string, seeds: readonly StoredMarkets[], utilityFloor: number): MeasuredRow {
  const systems = seeds.map(({ systems, ...markets }) => {
    const model = systems.get('model')
    if (model === undefined) throw new Error(`The evaluation ${name} holds no model`)
    return { ...markets, ...model }
  })
  const outcomes = systems.map(({ progress, clusters, judges }) => outcomeGroup(progress.outcomes, clusters, judges))
  const audits = systems
    .filter(({ progress }) => progress.audited > 0)
    .map(({ progress, clusters, judges }) =>
      regretGroup(progress.regrets, clusters.subarray(0, progress.audited), judges, { utilityFloor, searched: false }),
    )
  return {
    name,
    groups: [outcomes, audits].filter(({ length }) => length > 0).map(overSeeds),
    audited: systems.map(({ progress }) => progress.audited),
  }
}

/** Means over seeds by request, so that an interval speaks of requests; as many requests as all seeds have. */
export function overSeeds(seeds: readonly MetricGroup[]): MetricGroup {
  const [first] = seeds
  const requests = Math.min(...seeds.map(({ clusters }) => clusters.length))
  const mean = (name: string): Float64Array => {
    const columns = seeds.map(({ columns }) => columns.get(name) ?? new Float64Array(requests).fill(Number.NaN))
    return Float64Array.from({ length: requests }, (_, at) =>
      columns.reduce((sum, column) => sum + column[at] / seeds.length, 0),
    )
  }
  return {
    clusters: first.clusters.subarray(0, requests),
    columns: new Map(Array.from(first.columns.keys(), (name) => [name, mean(name)] as const)),
    metrics: first.metrics,
  }
}

export const measuresOf = ({ groups }: MeasuredRow, options: ResampleOptions): Measure[] =>
  groups.flatMap((group) =>
    measureGroup(group, '', options).metrics.map(({ name, value, low, high }) => ({
      metric: name,
      mean: value,
      low: low ?? value,
      high: high ?? value,
    })),
  )

export interface PairedMeasure {
  readonly metric: string
  /** Less that of the other. */
  readonly difference: Estimate
  /** Over that of the other, less 1. */
  readonly gain: Estimate
}

/** In pairs by request. */
export const pairedMeasures = (row: MeasuredRow, other: MeasuredRow, options: ResampleOptions): PairedMeasure[] =>
  row.groups.flatMap((group, index) => {
    const theirs = other.groups[index]
    if (theirs === undefined) return []
    return compareGroups(group, theirs, other.name, options).map(({ metric, difference, relativeGain }) => ({
      metric,
      difference,
      gain: relativeGain,
    }))
  })
