// How many requests an audit takes: until what it measures is known well enough, up to a bound.

/** Two-sided 95 % of a normal distribution. */
const quantile = 1.959964

export interface SamplingRule {
  readonly maxRequests: number
  /** Before so many the half-width is not believed: it is itself an estimate. */
  readonly minRequests: number
  /** Wanted half-width of the 95 % interval. */
  readonly halfWidth: number
  /** The half-width is looked at when the number of requests is a multiple of this. */
  readonly checkEvery: number
}

export interface Sampled {
  readonly requests: number
  /** NaN where it could not be told. */
  readonly halfWidth: number
  /** Precise: the half-width was reached. Maximum: the bound was. Exhausted: there are no more requests. */
  readonly ended: 'Precise' | 'Maximum' | 'Exhausted'
}

/**
 * Takes requests one after the other until the rule is satisfied. The decision at each count follows from what was
 * measured so far alone, so that a sampling that goes on from `taken` ends as one that was never interrupted.
 * @param taken requests that are measured already
 * @param available requests that there are
 * @param measure measures one more, by its place
 * @param halfWidth of what was measured so far, from so many requests
 */
export async function sampleUntilPrecise(
  taken: number,
  available: number,
  rule: SamplingRule,
  measure: (place: number) => Promise<void>,
  halfWidth: (requests: number) => number,
): Promise<Sampled> {
  const limit = Math.min(rule.maxRequests, available)
  for (let requests = taken; ; requests++) {
    const isLast = requests >= limit
    if (isLast || (requests >= rule.minRequests && requests % rule.checkEvery === 0)) {
      const width = requests === 0 ? Number.NaN : halfWidth(requests)
      const done = { requests, halfWidth: width }
      if (requests >= rule.minRequests && width <= rule.halfWidth) return { ...done, ended: 'Precise' }
      if (isLast) return { ...done, ended: available <= rule.maxRequests ? 'Exhausted' : 'Maximum' }
    }
    await measure(requests)
  }
}

/**
 * Half-width of the 95 % interval of a ratio of sums by the delta method, over clusters: cheap enough to ask after every
 * request. The published interval is that of the bootstrap.
 */
export function ratioHalfWidth(numerator: Float64Array, denominator: Float64Array, clusters: Uint32Array): number {
  const total = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0)
  const by = total(denominator)
  const ratio = total(numerator) / by
  const residuals = new Map<number, number>()
  clusters.forEach((cluster, index) => {
    const residual = numerator[index] - ratio * denominator[index]
    residuals.set(cluster, (residuals.get(cluster) ?? 0) + residual)
  })
  const count = residuals.size
  if (count < 2) return Number.NaN
  const squares = [...residuals.values()].reduce((sum, residual) => sum + residual * residual, 0)
  return (quantile * Math.sqrt((squares * count) / (count - 1))) / by
}
