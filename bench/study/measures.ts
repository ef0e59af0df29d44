import type { Estimate } from '../../workers/evaluation/bootstrap.ts'
import type { Sampled } from '../../workers/evaluation/market/sampling-rule.ts'
import {
  compareGroups,
  type MetricGroup,
  measureGroup,
  type ResampleOptions,
} from '../../workers/evaluation/metric-group.ts'

/** What one way of measuring says of an evaluation. */
export const groupKinds = ['outcomes', 'audits', 'sampled', 'ranking'] as const
export type GroupKind = (typeof groupKinds)[number]

/** One evaluation with one seed. */
export type MeasuredGroups = Readonly<Partial<Record<GroupKind, MetricGroup>>>

/** One evaluation, trained and measured with each seed on the same requests. */
export interface MeasuredRow {
  readonly name: string
  /** Means over seeds. */
  readonly groups: MeasuredGroups
  /** How the audit of each seed ended; none where nothing is audited. */
  readonly audits: readonly Sampled[]
}

export interface Measure extends Estimate {
  readonly metric: string
}

export function measuredRow(
  name: string,
  seeds: readonly MeasuredGroups[],
  audits: readonly Sampled[] = [],
): MeasuredRow {
  const groups = groupKinds.flatMap((kind) => {
    const all = seeds.flatMap(({ [kind]: group }) => group ?? [])
    return all.length === 0 ? [] : [[kind, overSeeds(all)] as const]
  })
  return { name, groups: Object.fromEntries(groups), audits }
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

export const measuresOf = ({ groups }: Pick<MeasuredRow, 'groups'>, options: ResampleOptions): Measure[] =>
  Object.values(groups).flatMap((group) =>
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
  groupKinds.flatMap((kind) => {
    const ours = row.groups[kind]
    const theirs = other.groups[kind]
    if (ours === undefined || theirs === undefined) return []
    return compareGroups(ours, theirs, other.name, options).map(({ metric, difference, relativeGain }) => ({
      metric,
      difference,
      gain: relativeGain,
    }))
  })
