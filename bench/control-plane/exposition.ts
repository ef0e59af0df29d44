import { parseExposition, splitSeries } from '../../operator/rollout/prometheus-text.ts'

export interface HistogramBuckets {
  /** Upper ends, ascending; the last is infinite. */
  readonly ends: number[]
  /** Observations up to each end. */
  readonly cumulative: number[]
}

/** Of all series of a counter together. */
export const sumOf = (text: string, name: string): number => totalOf(samplesOf(text, name))

/** All series of a histogram as one. */
export function bucketsOf(text: string, name: string): HistogramBuckets {
  const counts = new Map<number, number>()
  for (const [series, value] of samplesOf(text, `${name}_bucket`)) {
    const { le = '' } = splitSeries(series).labels
    const end = le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le)
    counts.set(end, (counts.get(end) ?? 0) + value)
  }
  const ends = [...counts.keys()].sort((a, b) => a - b)
  return { ends, cumulative: ends.map((end) => counts.get(end) ?? 0) }
}

/** What was observed between two readings of one histogram. */
export function difference(after: HistogramBuckets, before: HistogramBuckets): HistogramBuckets {
  const earlier = new Map(before.ends.map((end, index) => [end, before.cumulative[index] ?? 0]))
  return {
    ends: after.ends,
    cumulative: after.cumulative.map((count, index) => count - (earlier.get(after.ends[index] ?? 0) ?? 0)),
  }
}

/**
 * As Prometheus' histogram_quantile: interpolated inside its bucket, and the last finite end where it lies beyond.
 *
 * @param q in [0, 1]
 */
export function bucketQuantile({ ends, cumulative }: HistogramBuckets, q: number): number {
  const total = cumulative.at(-1) ?? 0
  if (total === 0) throw new RangeError('a quantile needs at least one observation')
  const rank = q * total
  const index = cumulative.findIndex((count) => count >= rank)
  const end = ends[index] ?? 0
  const start = index === 0 ? 0 : (ends[index - 1] ?? 0)
  if (end === Number.POSITIVE_INFINITY) return start
  const below = index === 0 ? 0 : (cumulative[index - 1] ?? 0)
  const inside = (cumulative[index] ?? 0) - below
  return inside === 0 ? end : start + ((rank - below) / inside) * (end - start)
}

/** The verbs under which kube-apiserver counts what changes nothing. */
const reads = new Set(['GET', 'LIST', 'WATCH', 'WATCHLIST', 'CONNECT'])

/** What a control plane writes of its own accord, at rest as well. */
const ofControlPlane = new Set(['leases', 'clustertrustbundles'])

/** Writes that a kube-apiserver has been asked for, from its own metrics, by verb and resource. */
export function writesByResource(text: string): Map<string, number> {
  const writes = new Map<string, number>()
  for (const [series, value] of samplesOf(text, 'apiserver_request_total')) {
    const { verb = '', resource = '', subresource = '' } = splitSeries(series).labels
    if (reads.has(verb) || ofControlPlane.has(resource)) continue
    const what = `${verb} ${resource}${subresource === '' ? '' : `/${subresource}`}`
    writes.set(what, (writes.get(what) ?? 0) + value)
  }
  return writes
}

export const totalOf = (counts: ReadonlyMap<string, number>): number =>
  [...counts.values()].reduce((sum, count) => sum + count, 0)

/** A server writes far more lines than a parser need look at. */
function samplesOf(text: string, name: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line.startsWith(name))
  return parseExposition(lines.join('\n'), (found) => found === name)
}
