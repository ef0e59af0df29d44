import { describe, expect, onTestFinished, test } from 'vitest'
import { Random } from '../../../workers/tensor/random.ts'
import { kMeans } from '../../../workers/tokenizer/k-means.ts'
import { createNearestCentroids } from '../../../workers/tokenizer/nearest.ts'
import {
  codebookOf,
  encodeNearest,
  quantizeResiduals,
  utilization,
} from '../../../workers/tokenizer/residual-quantizer.ts'
import { normals } from './support.ts'

async function nearestFor(dimensions: number) {
  const nearest = await createNearestCentroids(dimensions)
  onTestFinished(() => nearest.release())
  return nearest
}

/** Points in tight clusters around far corners. */
function clustered(count: number, corners: readonly (readonly number[])[]): Float32Array {
  const noise = normals(count * corners[0].length, 'clusters')
  return noise.map((value, index) => {
    const dimensions = corners[0].length
    return corners[Math.floor(index / dimensions) % corners.length][index % dimensions] + 0.01 * value
  })
}

describe('nearest centroids', () => {
  test('are those of the squared distance, the first among equals, over block borders', async () => {
    const nearest = await nearestFor(3)
    const points = normals(3 * 700, 'points')
    const centroids = normals(3 * 2000, 'centroids')
    centroids.copyWithin(3 * 1999, 0, 3)
    const { codes, distances } = await nearest.find(points, centroids)
    for (const point of [0, 1, 523, 524, 699]) {
      const squared = Array.from({ length: 2000 }, (_, code) =>
        [0, 1, 2].reduce((sum, k) => sum + (points[point * 3 + k] - centroids[code * 3 + k]) ** 2, 0),
      )
      expect(codes[point]).toBe(squared.indexOf(Math.min(...squared)))
      expect(distances[point]).toBeCloseTo(Math.min(...squared), 4)
    }
  })
})

describe('k-means', () => {
  const corners = [
    [10, 0],
    [0, 10],
    [-10, 0],
    [0, -10],
  ]

  test('finds clusters that stand apart', async () => {
    const points = clustered(80, corners)
    const nearest = await nearestFor(2)
    const { codes, centroids, distances } = await kMeans(points, {
      dimensions: 2,
      size: 4,
      iterations: 20,
      random: new Random(5),
      nearest,
    })
    expect(new Set(codes.subarray(0, 4)).size).toBe(4)
    codes.forEach((code, point) => {
      expect(code).toBe(codes[point % 4])
    })
    expect(Math.max(...distances)).toBeLessThan(0.01)
    expect(Math.abs(centroids[codes[0] * 2] - 10)).toBeLessThan(0.02)
  })

  test('with more centroids than distinct points uses one per point', async () => {
    const points = Float32Array.of(1, 1, 1, 1, -1, -1, -1, -1)
    const nearest = await nearestFor(2)
    const { codes, distances } = await kMeans(points, {
      dimensions: 2,
      size: 4,
      iterations: 5,
      random: new Random(1),
      nearest,
    })
    expect(new Set(codes).size).toBe(2)
    expect([...distances]).toEqual([0, 0, 0, 0])
  })

  test('stops when nothing changes any more', async () => {
    const iterations: number[] = []
    await kMeans(clustered(40, corners), {
      dimensions: 2,
      size: 4,
      iterations: 1000,
      random: new Random(1),
      nearest: await nearestFor(2),
      onIteration: async (iteration) => void iterations.push(iteration),
    })
    expect(iterations.length).toBeLessThan(20)
  })
})

describe('residual quantizer', () => {
  const points = normals(500 * 6, 'residual')
  const options = { dimensions: 6, levels: 3, codebookSize: 16, iterations: 15, seed: 2 }

  test('error falls with every level, and codes are the nearest level by level', async () => {
    const nearest = await nearestFor(6)
    const errors: number[] = []
    for (const levels of [1, 2, 3]) {
      errors.push((await quantizeResiduals(points, { ...options, levels, nearest })).reconstructionError)
    }
    expect(errors[0]).toBeLessThan(1)
    expect(errors[1]).toBeLessThan(errors[0] * 0.8)
    expect(errors[2]).toBeLessThan(errors[1] * 0.8)
    const { codebooks, codes } = await quantizeResiduals(points, { ...options, nearest })
    expect(await encodeNearest(points, codebooks, nearest)).toEqual(codes)
    expect(codebookOf(codebooks, 1)).toHaveLength(16 * 6)
  })

  test('reports the squared error as a share of the squared features', async () => {
    const nearest = await nearestFor(1)
    const line = Float32Array.of(-3, -2, 2, 3)
    const result = await quantizeResiduals(line, {
      ...options,
      dimensions: 1,
      levels: 1,
      codebookSize: 2,
      nearest,
    })
    // Clusters {-3, -2} and {2, 3}: every point is 0.5 from its centre, squares sum to 26.
    expect(result.reconstructionError).toBeCloseTo(1 / 26, 6)
  })

  test('constant points have no error and one entry in use', async () => {
    const nearest = await nearestFor(6)
    const result = await quantizeResiduals(new Float32Array(60), { ...options, nearest })
    expect(result.reconstructionError).toBe(0)
    expect(utilization(result.codes, result.codebooks.sizes)).toEqual([0.1, 0.1, 0.1])
  })

  test('gives the same bytes every time', async () => {
    const first = await quantizeResiduals(points, { ...options, nearest: await nearestFor(6) })
    const second = await quantizeResiduals(points, { ...options, nearest: await nearestFor(6) })
    expect(second).toEqual(first)
  })
})
