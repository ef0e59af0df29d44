// Gradient ascent on reports from many starts, for mechanisms, or stand-ins of mechanisms, that can be differentiated.

/** Utilities [rows] of reports [rows, dimensions], row by row independent, and their gradients [rows, dimensions]. */
export type SmoothUtility = (
  reports: Float32Array,
) => Promise<{ readonly utility: ArrayLike<number>; readonly gradient: ArrayLike<number> }>

export interface GradientSearchOptions {
  /** Reports a row. */
  readonly dimensions: number
  /** Evaluations of every row. */
  readonly steps: number
  /** Of Adam at the start; it falls to nothing by a cosine. In the unit of reports. */
  readonly rate: number
  /** Reports are kept within [low, high]. */
  readonly low: number
  readonly high: number
}

export interface GradientSearchResult {
  /** Best report met on the way, [rows, dimensions]. */
  readonly reports: Float32Array
  /** [rows]. */
  readonly utility: Float64Array
}

/** Every row climbs on its own, by Adam; what counts is the best point of its way, the start among them. */
export async function gradientSearch(
  utilityOf: SmoothUtility,
  starts: Float32Array,
  { dimensions, steps, rate, low, high }: GradientSearchOptions,
): Promise<GradientSearchResult> {
  const reports = starts.slice()
  const best = { reports: starts.slice(), utility: new Float64Array(starts.length / dimensions).fill(-Infinity) }
  const mean = new Float64Array(starts.length)
  const square = new Float64Array(starts.length)
  for (let step = 1; step <= steps; step++) {
    const { utility, gradient } = await utilityOf(reports)
    keepBest(best, reports, utility, dimensions)
    const learningRate = 0.5 * rate * (1 + Math.cos((Math.PI * step) / steps))
    const corrections = [1 / (1 - 0.9 ** step), 1 / (1 - 0.99 ** step)]
    for (let index = 0; index < reports.length; index++) {
      mean[index] = 0.9 * mean[index] + 0.1 * gradient[index]
      square[index] = 0.99 * square[index] + 0.01 * gradient[index] ** 2
      const direction = (mean[index] * corrections[0]) / (Math.sqrt(square[index] * corrections[1]) + 1e-12)
      reports[index] = Math.min(high, Math.max(low, reports[index] + learningRate * direction))
    }
  }
  return best
}

function keepBest(
  best: GradientSearchResult,
  reports: Float32Array,
  utility: ArrayLike<number>,
  dimensions: number,
): void {
  for (let row = 0; row < best.utility.length; row++) {
    if (utility[row] <= best.utility[row]) continue
    best.utility[row] = utility[row]
    best.reports.set(reports.subarray(row * dimensions, (row + 1) * dimensions), row * dimensions)
  }
}
