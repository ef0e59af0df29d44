// Metrics as functions of sums over requests, so that one set of resamples gives all of them with their intervals, and
// two systems on the same requests are compared in pairs.

import type { MeasuredMetric } from '../../crds/jobs.ts'
import {
  bootstrap,
  estimateStatistic,
  estimateStatisticDifference,
  estimateStatisticGain,
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

/** A statistic over `columns` of which that at `offset + i` has the i-th name. */
function statisticOf({ value }: GroupMetric, names: readonly string[], offset: number): Statistic {
  const places = new Map(names.map((name, index) => [name, offset + index]))
  return (mean) =>
    value((name) => {
      const place = places.get(name)
      if (place === undefined) throw new TypeError(`No column ${name} was measured`)
      return mean(place)
    })
}

/** @param system how it stands before the names; empty for the model under test */
export function measureGroup(group: MetricGroup, system: string, options: ResampleOptions): GroupMeasures {
  const measures: GroupMeasures = { metrics: [], unmeasured: [] }
  if (group.clusters.length === 0) return { ...measures, unmeasured: group.metrics.map(({ name }) => name) }
  const names = [...group.columns.keys()]
  const resamples = bootstrap(group.clusters, [...group.columns.values()], options)
  for (const metric of group.metrics) {
    const { mean, low, high } = estimateStatistic(resamples, statisticOf(metric, names, 0))
    const name = system === '' ? metric.name : `${system} ${metric.name}`
    if ([mean, low, high].every(Number.isFinite)) measures.metrics.push({ name, value: mean, low, high })
    else measures.unmeasured.push(name)
  }
  return measures
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
  const columns = [...group.columns.values(), ...other.columns.values()].map((column) => column.subarray(0, requests))
  const resamples = bootstrap(group.clusters.subarray(0, requests), columns, options)
  const [names, otherNames] = [group, other].map((one) => [...one.columns.keys()])
  return group.metrics.flatMap((metric) => {
    const theirs = other.metrics.find(({ name }) => name === metric.name)
    if (theirs === undefined) return []
    const ours = statisticOf(metric, names, 0)
    const base = statisticOf(theirs, otherNames, names.length)
    const difference = estimateStatisticDifference(resamples, ours, base)
    if (![difference.mean, difference.low, difference.high].every(Number.isFinite)) return []
    const relativeGain = estimateStatisticGain(resamples, ours, base)
    return [{ metric: metric.name, baseline, difference, relativeGain }]
  })
}
