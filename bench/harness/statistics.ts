/**
 * 0.975 quantiles of Student's t for 1 to 30 degrees of freedom (NIST/SEMATECH e-Handbook of Statistical Methods,
 * section 1.3.6.7.2); the normal quantile beyond.
 */
const quantiles = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
]
const normalQuantile = 1.96

export interface Estimate {
  value: number
  /** Ends of the 95 % interval; absent for a single sample. */
  low?: number
  high?: number
}

/** Mean of independent samples with its 95 % interval by Student's t. */
export function estimateMean(samples: readonly number[]): Estimate {
  if (samples.length === 0) throw new RangeError('a mean needs at least one sample')
  const mean = samples.reduce((sum, sample) => sum + sample, 0) / samples.length
  if (samples.length === 1) return { value: mean }
  const variance = samples.reduce((sum, sample) => sum + (sample - mean) ** 2, 0) / (samples.length - 1)
  const half = (quantiles[samples.length - 2] ?? normalQuantile) * Math.sqrt(variance / samples.length)
  return { value: mean, low: mean - half, high: mean + half }
}

/**
 * The sample below which a share `q` of all samples lies, interpolated between neighbours (type 7 of Hyndman and Fan).
 *
 * @param q in [0, 1]
 */
export function quantile(samples: readonly number[], q: number): number {
  if (samples.length === 0) throw new RangeError('a quantile needs at least one sample')
  const sorted = [...samples].sort((a, b) => a - b)
  const position = q * (sorted.length - 1)
  const below = Math.floor(position)
  const lower = sorted[below] as number
  const upper = sorted[Math.min(below + 1, sorted.length - 1)] as number
  return lower + (upper - lower) * (position - below)
}

/** How many times better than the peer `value` is: above 1 where it is better. */
export function ratioToPeer(value: number, peerValue: number, better: 'higher' | 'lower'): number {
  return better === 'higher' ? value / peerValue : peerValue / value
}
