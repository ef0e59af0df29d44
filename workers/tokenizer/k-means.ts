import type { Random } from '../tensor/random.ts'
import type { Assignment, NearestCentroids } from './nearest.ts'

export interface KMeansOptions {
  readonly dimensions: number
  /** Centroids; at most as many as points make sense. */
  readonly size: number
  readonly iterations: number
  readonly random: Random
  readonly nearest: NearestCentroids
  /** Called after each iteration. */
  readonly onIteration?: (iteration: number) => Promise<void>
}

export interface Clustering extends Assignment {
  /** [size, dimensions]. Without as many distinct points the rest are zero and in nobody's use. */
  readonly centroids: Float32Array
}

/** Points that k-means++ looks at, per centroid. */
const samplePerCentroid = 16

/** Lloyd's algorithm from a k-means++ start; an empty cluster moves to the point that is worst represented. */
export async function kMeans(points: Float32Array, options: KMeansOptions): Promise<Clustering> {
  const { nearest, iterations } = options
  const centroids = plusPlusStart(points, options)
  let assignment = await nearest.find(points, centroids)
  for (let iteration = 0; iteration < iterations; iteration++) {
    moveCentroids(points, centroids, assignment, options.dimensions)
    const next = await nearest.find(points, centroids)
    const settled = next.codes.every((code, point) => code === assignment.codes[point])
    assignment = next
    await options.onIteration?.(iteration)
    if (settled) break
  }
  return { centroids, ...assignment }
}

function squaredDistance(a: Float32Array, startA: number, b: Float32Array, startB: number, dimensions: number): number {
  let sum = 0
  for (let index = 0; index < dimensions; index++) {
    const difference = a[startA + index] - b[startB + index]
    sum += difference * difference
  }
  return sum
}

/** Each next centroid is a sampled point, drawn by its squared distance from those before (Arthur, Vassilvitskii 2007). */
function plusPlusStart(points: Float32Array, { dimensions, size, random }: KMeansOptions): Float32Array {
  const count = points.length / dimensions
  const sample = random.permutation(count).subarray(0, size * samplePerCentroid)
  const centroids = new Float32Array(size * dimensions)
  const distances = new Float64Array(sample.length).fill(Number.POSITIVE_INFINITY)
  let chosen = sample[0]
  for (let centroid = 0; centroid < size; centroid++) {
    centroids.set(points.subarray(chosen * dimensions, (chosen + 1) * dimensions), centroid * dimensions)
    let total = 0
    for (let index = 0; index < sample.length; index++) {
      const distance = squaredDistance(points, sample[index] * dimensions, centroids, centroid * dimensions, dimensions)
      if (distance < distances[index]) distances[index] = distance
      total += distances[index]
    }
    if (total === 0) break
    chosen = sample[drawByWeight(distances, random.uniform() * total)]
  }
  return centroids
}

function drawByWeight(weights: Float64Array, threshold: number): number {
  let sum = 0
  let last = 0
  for (let index = 0; index < weights.length; index++) {
    if (weights[index] === 0) continue
    last = index
    sum += weights[index]
    if (sum > threshold) return index
  }
  return last
}

function moveCentroids(
  points: Float32Array,
  centroids: Float32Array,
  assignment: Assignment,
  dimensions: number,
): void {
  const { codes, distances } = assignment
  const size = centroids.length / dimensions
  const sums = new Float64Array(size * dimensions)
  const members = new Uint32Array(size)
  for (let point = 0; point < codes.length; point++) {
    const from = point * dimensions
    const to = codes[point] * dimensions
    members[codes[point]]++
    for (let index = 0; index < dimensions; index++) sums[to + index] += points[from + index]
  }
  const empty: number[] = []
  for (let code = 0; code < size; code++) {
    if (members[code] === 0) empty.push(code)
    const start = code * dimensions
    for (let index = start; index < start + dimensions && members[code] > 0; index++) {
      centroids[index] = sums[index] / members[code]
    }
  }
  if (empty.length === 0) return
  const worst = worstPoints(distances, empty.length)
  worst.forEach((point, index) => {
    centroids.set(points.subarray(point * dimensions, (point + 1) * dimensions), empty[index] * dimensions)
  })
}

/** At most `count` points of greatest distance, none of distance zero. */
function worstPoints(distances: Float32Array, count: number): number[] {
  return [...distances.keys()]
    .filter((point) => distances[point] > 0)
    .sort((a, b) => distances[b] - distances[a] || a - b)
    .slice(0, count)
}
