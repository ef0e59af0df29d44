// Metrics as functions of sums over requests, so that one set of resamples gives all of them with their intervals, and
// two systems on the same requests are compared in pairs.

import type { MeasuredMetric } from '../../crds/jobs.ts'
import {
  bootstrap,
  type Estimate,
  estimateStatistic,
  estimateStatisticDifference,
  estimateStatisticGain,
  type Resamples,
  type Statistic,
} from './bootstrap.ts'
import type { Comparison } from './evaluate.ts'

export type MeanOf = (column: string) => number

export interface GroupMetric {
  readonly name: string
  /** From the means of columns over requests; NaN where it has no value. */
  readonly value: (mean: MeanOf) => number
}

/** Sums by request, and the metrics that they give. */
export interface MetricGroup {
  /** [requests], what is drawn together. */
  readonly clusters: Uint32Array
  /** [requests] each. */
  readonly columns: ReadonlyMap<string, Float64Array>
  readonly metrics: readonly GroupMetric[]
}

export interface ResampleOptions {
  readonly samples: number
  readonly seed: number
}

export interface GroupMeasures {
  readonly metrics: MeasuredMetric[]
  /** Metrics that have no finite value here, such as the return on no spend. */
  readonly unmeasured: string[]
}

/** A group whose columns are the resampled ones from `first` on. */
interface ResampledGroup {
  readonly group: MetricGroup
  readonly resamples: Resamples
  readonly first: number
}

function statisticOf({ group, first }: ResampledGroup, { value }: GroupMetric): Statistic {
  const places = new Map(Array.from(group.columns.keys(), (name, index) => [name, first + index]))
  return (mean) =>
    value((name) => {
      const place = places.get(name)
      if (place === undefined) throw new TypeError(`No column ${name} was measured`)
      return mean(place)
    })
}

/** Groups over the first `requests` of the same requests, in one set of resamples. */
function resampleGroups(groups: readonly MetricGroup[], requests: number, options: ResampleOptions): ResampledGroup[] {
  const clusters = groups[0].clusters.subarray(0, requests)
  const columns = groups.flatMap((group) => [...group.columns.values()].map((column) => column.subarray(0, requests)))
  const resamples = bootstrap(clusters, columns, options)
  let first = 0
  return groups.map((group) => {
    const resampled = { group, resamples, first }
    first += group.columns.size
    return resampled
  })
}

const hasValue = ({ mean, low, high }: Estimate): boolean => [mean, low, high].every(Number.isFinite)

const namedOf = (system: string, { name }: GroupMetric): string => (system === '' ? name : `${system} ${name}`)

function measure(resampled: ResampledGroup, system: string): GroupMeasures {
  const measures: GroupMeasures = { metrics: [], unmeasured: [] }
  for (const metric of resampled.group.metrics) {
    const estimate = estimateStatistic(resampled.resamples, statisticOf(resampled, metric))
    const name = namedOf(system, metric)
    const { mean: value, low, high } = estimate
    if (hasValue(estimate)) measures.metrics.push({ name, value, low, high })
    else measures.unmeasured.push(name)
  }
  return measures
}

function compare(ours: ResampledGroup, theirs: ResampledGroup, baseline: string): Comparison[] {
  const { resamples } = ours
  return ours.group.metrics.flatMap((metric) => {
    const other = theirs.group.metrics.find(({ name }) => name === metric.name)
    if (other === undefined) return []
    const statistic = statisticOf(ours, metric)
    const base = statisticOf(theirs, other)
    const difference = estimateStatisticDifference(resamples, statistic, base)
    if (!hasValue(difference)) return []
    const relativeGain = estimateStatisticGain(resamples, statistic, base)
    return [{ metric: metric.name, baseline, difference, relativeGain }]
  })
}

/** @param system how it stands before the names; empty for the model under test */
export function measureGroup(group: MetricGroup, system: string, options: ResampleOptions): GroupMeasures {
  const requests = group.clusters.length
  if (requests === 0) return { metrics: [], unmeasured: group.metrics.map((metric) => namedOf(system, metric)) }
  const [resampled] = resampleGroups([group], requests, options)
  return measure(resampled, system)
}

/** Metrics that both have, over the requests that both have measured: the first ones, as samples are taken in one order. */
export function compareGroups(
  group: MetricGroup,
  other: MetricGroup,
  baseline: string,
  options: ResampleOptions,
): Comparison[] {
  const requests = Math.min(group.clusters.length, other.clusters.length)
  if (requests === 0) return []
  const [ours, theirs] = resampleGroups([group, other], requests, options)
  return compare(ours, theirs, baseline)
}

export interface NamedGroup {
  /** Stands before the names of its metrics; empty for the model under test. */
  readonly name: string
  readonly group: MetricGroup
}

/** Systems that were all measured on the very same requests, the first against every other, in one set of resamples. */
export function measureTogether(
  systems: readonly NamedGroup[],
  options: ResampleOptions,
): GroupMeasures & { readonly comparisons: readonly Comparison[] } {
  const requests = systems[0].group.clusters.length
  const resampled = resampleGroups(
    systems.map(({ group }) => group),
    requests,
    options,
  )
  const measures = resampled.map((one, index) => measure(one, systems[index].name))
  const [ours, ...others] = resampled
  return {
    metrics: measures.flatMap(({ metrics }) => metrics),
    unmeasured: measures.flatMap(({ unmeasured }) => unmeasured),
    comparisons: others.flatMap((theirs, index) => compare(ours, theirs, systems[index + 1].name)),
  }
}

/** Each metric from the means of its columns as they are, for what is known and no sample: an interval without width. */
export function exactMeasures({ columns, metrics, clusters }: MetricGroup, system: string): GroupMeasures {
  const means = new Map(
    Array.from(columns, ([name, values]) => [name, values.reduce((sum, value) => sum + value, 0) / clusters.length]),
  )
  const measures: GroupMeasures = { metrics: [], unmeasured: [] }
  for (const metric of metrics) {
    const value = metric.value((column) => means.get(column) ?? Number.NaN)
    const name = namedOf(system, metric)
    if (Number.isFinite(value)) measures.metrics.push({ name, value, low: value, high: value })
    else measures.unmeasured.push(name)
  }
  return measures
}
