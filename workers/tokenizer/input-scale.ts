/** By dimension: the network sees `(feature - center) * factor`. */
export interface InputScale {
  readonly center: Float32Array
  readonly factor: Float32Array
}

/** Columns that count together, such as those of text; in the order of the features. */
export interface ColumnBlock {
  readonly dimensions: number
}

export const columnsOf = (blocks: readonly ColumnBlock[]): number =>
  blocks.reduce((sum, { dimensions }) => sum + dimensions, 0)

/** The features as they are. */
export const unscaled = (dimensions: number): InputScale => ({
  center: new Float32Array(dimensions),
  factor: new Float32Array(dimensions).fill(1),
})

/**
 * Every dimension of a block gets the same variance; a block keeps its total, so that weights of features still count.
 * Dimensions without variance stay zero.
 * @param features [points, dimensions]
 */
export function standardizedByBlock(features: Float32Array, blocks: readonly ColumnBlock[]): InputScale {
  const dimensions = columnsOf(blocks)
  const { mean, variance } = momentsOf(features, dimensions)
  const factor = new Float32Array(dimensions)
  let start = 0
  for (const block of blocks) {
    const end = start + block.dimensions
    const total = variance.subarray(start, end).reduce((sum, value) => sum + value, 0)
    for (let column = start; column < end; column++) {
      // Below this share of its block's variance a dimension is rounding, which must not be blown up to signal.
      if (variance[column] > total * 1e-12) factor[column] = Math.sqrt(total / block.dimensions / variance[column])
    }
    start = end
  }
  return { center: Float32Array.from(mean), factor }
}

export function scaleInputs(features: Float32Array, { center, factor }: InputScale): Float32Array {
  const { length } = factor
  return features.map((value, index) => (value - center[index % length]) * factor[index % length])
}

/** What `scaleInputs` was given; the center where the factor is 0. */
export function unscaleInputs(scaled: Float32Array, { center, factor }: InputScale): Float32Array {
  const { length } = factor
  return scaled.map((value, index) => {
    const column = index % length
    return center[column] + (factor[column] === 0 ? 0 : value / factor[column])
  })
}

function momentsOf(features: Float32Array, dimensions: number): { mean: Float64Array; variance: Float64Array } {
  const count = features.length / dimensions
  const mean = new Float64Array(dimensions)
  const variance = new Float64Array(dimensions)
  for (let index = 0; index < features.length; index++) mean[index % dimensions] += features[index] / count
  for (let index = 0; index < features.length; index++) {
    const column = index % dimensions
    variance[column] += (features[index] - mean[column]) ** 2 / count
  }
  return { mean, variance }
}
