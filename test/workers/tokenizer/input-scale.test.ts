import { expect, test } from 'vitest'
import { scaleInputs, standardizedByBlock, unscaled, unscaleInputs } from '../../../workers/tokenizer/input-scale.ts'
import { normals } from './support.ts'

const count = 400
const deviations = [3, 1, 0, 0.5]
const means = [1, 0, 2, -4]
const features = normals(count * 4, 'scale').map((value, index) => means[index % 4] + value * deviations[index % 4])

function variances(matrix: Float32Array): number[] {
  return [0, 1, 2, 3].map((column) => {
    const values = Array.from({ length: count }, (_, row) => matrix[row * 4 + column])
    const mean = values.reduce((sum, value) => sum + value, 0) / count
    return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count
  })
}

test('dimensions of a block get equal variance, a block keeps its total, a constant stays zero', () => {
  const scaled = scaleInputs(features, standardizedByBlock(features, [{ dimensions: 2 }, { dimensions: 2 }]))
  const [a, b, c, d] = variances(features)
  const found = variances(scaled)
  expect(found[0]).toBeCloseTo((a + b) / 2, 3)
  expect(found[1]).toBeCloseTo((a + b) / 2, 3)
  expect(c).toBe(0)
  expect(found[2]).toBe(0)
  // Half of the block's total: the other half would belong to the constant.
  expect(found[3]).toBeCloseTo(d / 2, 3)
})

test('the way back restores features', () => {
  const scale = standardizedByBlock(features, [{ dimensions: 4 }])
  const restored = unscaleInputs(scaleInputs(features, scale), scale)
  restored.forEach((value, index) => {
    expect(value).toBeCloseTo(features[index], 4)
  })
  expect(scaleInputs(features, unscaled(4))).toEqual(features)
})
