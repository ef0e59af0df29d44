// Expected calibration error with bins of equal mass: entries are sorted by prediction and cut into bins of as many
// entries each (to within one); ECE = (1/n) Σ over bins | Σ over the bin (prediction - outcome) |.

export const calibrationBins = 15

/** Bin of each prediction. Equal predictions may lie in two bins: which one does not change what the bins hold by much. */
export function equalMassBins(predictions: Float64Array, bins: number): Uint32Array {
  const order = Uint32Array.from(predictions.keys()).sort((a, b) => predictions[a] - predictions[b] || a - b)
  const bin = new Uint32Array(predictions.length)
  order.forEach((entry, rank) => {
    bin[entry] = Math.floor((rank * bins) / predictions.length)
  })
  return bin
}

/** Pairs of a prediction and what came of it: an outcome of 0 or 1, or a chance that is known. */
export interface Predictions {
  readonly predicted: Float64Array
  readonly observed: Float64Array
}

/** NaN of nothing. */
export function expectedCalibrationError({ predicted, observed }: Predictions, bins: number): number {
  const gaps = new Float64Array(bins)
  equalMassBins(predicted, bins).forEach((bin, entry) => {
    gaps[bin] += predicted[entry] - observed[entry]
  })
  return gaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / predicted.length
}

/**
 * Sums of (prediction - outcome) by bin, then the number of pairs, each [groups]: what the error is made of, in columns
 * that can be resampled. The bins stay those of all pairs.
 * @param groupOf group of each pair
 */
export function calibrationColumns(
  { predicted, observed }: Predictions,
  groupOf: Float64Array,
  groups: number,
  bins: number,
): Float64Array[] {
  const columns = Array.from({ length: bins + 1 }, () => new Float64Array(groups))
  equalMassBins(predicted, bins).forEach((bin, entry) => {
    columns[bin][groupOf[entry]] += predicted[entry] - observed[entry]
    columns[bins][groupOf[entry]]++
  })
  return columns
}
