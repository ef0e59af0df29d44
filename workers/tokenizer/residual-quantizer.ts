import { Random } from '../tensor/random.ts'
import { kMeans } from './k-means.ts'
import type { NearestCentroids } from './nearest.ts'

/** C codebooks over the same dimensions, level 0 first. */
export interface Codebooks {
  readonly dimensions: number
  /** Entries of each level. */
  readonly sizes: readonly number[]
  /** Level by level [size, dimensions], one after another. */
  readonly data: Float32Array
}

export interface Quantization {
  readonly codebooks: Codebooks
  /** [points, levels]. */
  readonly codes: Uint16Array
  /** Squared error as a share of the squared features: 0 is exact, 1 no better than the mean. */
  readonly reconstructionError: number
}

export interface QuantizerOptions {
  readonly dimensions: number
  readonly levels: number
  /** Entries of a level; fewer points than that make smaller codebooks. */
  readonly codebookSize: number
  readonly iterations: number
  readonly seed: number
  readonly nearest: NearestCentroids
  readonly onIteration?: (level: number, iteration: number) => Promise<void>
}

export const codebookOf = (codebooks: Codebooks, level: number): Float32Array => {
  const before = codebooks.sizes.slice(0, level).reduce((sum, size) => sum + size, 0)
  const { dimensions } = codebooks
  return codebooks.data.subarray(before * dimensions, (before + codebooks.sizes[level]) * dimensions)
}

/** Residual k-means: level by level, clusters of what the levels before left over. Points must have mean zero. */
export async function quantizeResiduals(points: Float32Array, options: QuantizerOptions): Promise<Quantization> {
  const { dimensions, levels, nearest } = options
  const count = points.length / dimensions
  const size = Math.min(options.codebookSize, count)
  const residuals = points.slice()
  const codes = new Uint16Array(count * levels)
  const data = new Float32Array(levels * size * dimensions)
  for (let level = 0; level < levels; level++) {
    const clustering = await kMeans(residuals, {
      dimensions,
      size,
      iterations: options.iterations,
      random: new Random(options.seed, 'k-means', level),
      nearest,
      onIteration: async (iteration) => options.onIteration?.(level, iteration),
    })
    data.set(clustering.centroids, level * size * dimensions)
    subtractCentroids(residuals, clustering.centroids, clustering.codes, dimensions)
    for (let point = 0; point < count; point++) codes[point * levels + level] = clustering.codes[point]
  }
  return {
    codebooks: { dimensions, sizes: Array.from({ length: levels }, () => size), data },
    codes,
    reconstructionError: errorShare(residuals, points),
  }
}

/** Nearest codes [points, levels] by learned codebooks, level by level. */
export const encodeNearest = async (
  points: Float32Array,
  codebooks: Codebooks,
  nearest: NearestCentroids,
): Promise<Uint16Array> => (await quantize(points, codebooks, nearest)).codes

/** As encodeNearest, with what the codes leave over. */
export async function quantize(
  points: Float32Array,
  codebooks: Codebooks,
  nearest: NearestCentroids,
): Promise<Omit<Quantization, 'codebooks'>> {
  const { dimensions, sizes } = codebooks
  const levels = sizes.length
  const residuals = points.slice()
  const codes = new Uint16Array((points.length / dimensions) * levels)
  for (let level = 0; level < levels; level++) {
    const centroids = codebookOf(codebooks, level)
    const found = await nearest.find(residuals, centroids)
    subtractCentroids(residuals, centroids, found.codes, dimensions)
    found.codes.forEach((code, point) => {
      codes[point * levels + level] = code
    })
  }
  return { codes, reconstructionError: errorShare(residuals, points) }
}

/** Share of the entries in use, by level. */
export function utilization(codes: Uint16Array, sizes: readonly number[]): number[] {
  return sizes.map((size, level) => {
    const used = new Set<number>()
    for (let index = level; index < codes.length; index += sizes.length) used.add(codes[index])
    return used.size / size
  })
}

function subtractCentroids(
  residuals: Float32Array,
  centroids: Float32Array,
  codes: Uint16Array,
  dimensions: number,
): void {
  for (let point = 0; point < codes.length; point++) {
    const from = codes[point] * dimensions
    const to = point * dimensions
    for (let index = 0; index < dimensions; index++) residuals[to + index] -= centroids[from + index]
  }
}

/** Points [points, dimensions] that codes [points, levels] stand for. */
export function sumOfEntries(codes: Uint16Array, codebooks: Codebooks): Float32Array {
  const { dimensions, sizes } = codebooks
  const levels = sizes.length
  const sums = new Float32Array((codes.length / levels) * dimensions)
  for (let level = 0; level < levels; level++) {
    const entries = codebookOf(codebooks, level)
    for (let point = 0; point * levels < codes.length; point++) {
      const from = codes[point * levels + level] * dimensions
      for (let index = 0; index < dimensions; index++) sums[point * dimensions + index] += entries[from + index]
    }
  }
  return sums
}

/** Squared residuals as a share of the squared points; 0 where there is nothing to miss. */
export function errorShare(residuals: Float32Array, points: Float32Array): number {
  const spread = squaredSum(points)
  return spread === 0 ? 0 : squaredSum(residuals) / spread
}

function squaredSum(values: Float32Array): number {
  let sum = 0
  for (const value of values) sum += value * value
  return sum
}
