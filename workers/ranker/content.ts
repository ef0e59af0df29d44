// What lies below each node of the trie, as a short vector: the mean of its items' features in their principal
// directions. With it the score of a code can go by the content that the code leads to, not by the code alone.

import { symmetricEigen } from '../tensor/linear-algebra/symmetric-eigen.ts'
import type { Trie } from '../tokenizer/trie.ts'

/** Items that principal directions are taken from; more change them little. */
const sampledItems = 32_768

const covariance = (features: Float32Array, dimensions: number): Float64Array => {
  const items = features.length / dimensions
  const stride = Math.max(1, Math.ceil(items / sampledItems))
  const products = new Float64Array(dimensions * dimensions)
  for (let item = 0; item < items; item += stride) {
    const row = features.subarray(item * dimensions, (item + 1) * dimensions)
    for (let first = 0; first < dimensions; first++) {
      const factor = row[first]
      const base = first * dimensions
      for (let second = 0; second <= first; second++) products[base + second] += factor * row[second]
    }
  }
  for (let first = 0; first < dimensions; first++)
    for (let second = 0; second < first; second++)
      products[second * dimensions + first] = products[first * dimensions + second]
  return products.map((product) => product / Math.ceil(items / stride))
}

/**
 * The `kept` directions of features (mean 0) in which they vary most, scaled so that projected items have a mean square
 * length of 1.
 * @returns [dimensions, kept]
 */
export const principalDirections = (features: Float32Array, dimensions: number, kept: number): Float32Array => {
  const { values, vectors } = symmetricEigen(covariance(features, dimensions), dimensions)
  const variance = values.subarray(0, kept).reduce((sum, value) => sum + Math.max(0, value), 0)
  const scale = variance > 0 ? 1 / Math.sqrt(variance) : 0
  const directions = new Float32Array(dimensions * kept)
  for (let row = 0; row < dimensions; row++)
    for (let column = 0; column < kept; column++)
      directions[row * kept + column] = scale * vectors[row * dimensions + column]
  return directions
}

export interface Projection {
  /** Of the vectors that it makes; 0 for none. */
  readonly dimensions: number
  /** [featureDimensions, dimensions]. */
  readonly directions: Float32Array
}

/** Adds to `target` the projection of one item's features. */
const project = (vector: Float32Array, { dimensions, directions }: Projection, target: Float64Array): void => {
  for (let feature = 0; feature < vector.length; feature++) {
    const factor = vector[feature]
    const row = feature * dimensions
    for (let column = 0; column < dimensions; column++) target[column] += factor * directions[row + column]
  }
}

/**
 * Content by entry of the trie, that of the entry's child.
 * @param features [items, featureDimensions]
 * @returns [entries, dimensions]
 */
export const contentOfEntries = (trie: Trie, features: Float32Array, projection: Projection): Float32Array => {
  const { dimensions } = projection
  const { nodeCount, itemCount, levels, levelStart, leafItem, start } = trie
  const featureDimensions = features.length / Math.max(1, itemCount)
  const sums = new Float64Array(nodeCount * dimensions)
  const leaves = new Uint32Array(nodeCount)
  const sumOf = (node: number) => sums.subarray(node * dimensions, (node + 1) * dimensions)
  for (let rank = 0; rank < itemCount; rank++) {
    const node = levelStart[levels] + rank
    const item = leafItem[rank]
    project(features.subarray(item * featureDimensions, (item + 1) * featureDimensions), projection, sumOf(node))
    leaves[node] = 1
  }
  // Children come after their parents, so from the end every child is complete before it is added.
  for (let node = levelStart[levels] - 1; node >= 0; node--) {
    const sum = sumOf(node)
    for (let child = start[node] + 1; child <= start[node + 1]; child++) {
      leaves[node] += leaves[child]
      for (let column = 0; column < dimensions; column++) sum[column] += sums[child * dimensions + column]
    }
  }
  const content = new Float32Array((nodeCount - 1) * dimensions)
  for (let node = 1; node < nodeCount; node++)
    for (let column = 0; column < dimensions; column++)
      content[(node - 1) * dimensions + column] = sums[node * dimensions + column] / leaves[node]
  return content
}
