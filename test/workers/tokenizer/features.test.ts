import { describe, expect, test } from 'vitest'
import {
  type FeatureOptions,
  featuresOf,
  type ItemFeatures,
  learnFeatures,
} from '../../../workers/tokenizer/features.ts'
import { groupedDataset, normals, smallBuild, testDataset } from './support.ts'

const both: FeatureOptions = { ...smallBuild.features, seed: 3 }

function columnMoments({ data, dimensions }: ItemFeatures) {
  const rows = data.length / dimensions
  const mean = new Float64Array(dimensions)
  const variance = new Float64Array(dimensions)
  data.forEach((value, index) => {
    mean[index % dimensions] += value / rows
  })
  data.forEach((value, index) => {
    variance[index % dimensions] += (value - mean[index % dimensions]) ** 2 / rows
  })
  return { mean, variance }
}

const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0)

describe('features', () => {
  const dataset = groupedDataset(120, 300)

  test('have mean zero, unit variance on average, and blocks in proportion to their squared weights', async () => {
    const weighted = await learnFeatures(dataset, {
      ...both,
      collaborative: { dimensions: 8, window: 5, weight: 2 },
    })
    const { mean, variance } = columnMoments(weighted)
    for (const value of mean) expect(value).toBeCloseTo(0, 5)
    expect(sum(variance) / weighted.dimensions).toBeCloseTo(1, 5)
    const textDimensions = weighted.model.blocks[0].dimensions
    expect(sum(variance.subarray(textDimensions)) / sum(variance.subarray(0, textDimensions))).toBeCloseTo(4, 4)
  })

  test('of an item known to the build are the same when computed as for a new one, but for its own factors', async () => {
    const learned = await learnFeatures(dataset, { text: both.text, seed: 3 })
    const items = [5, 60].map((item) => ({ text: dataset.itemText(item), attributes: dataset.itemAttributes(item) }))
    const again = featuresOf(items, learned.model)
    const { dimensions, data } = learned
    expect([...again.subarray(0, dimensions)]).toEqual(
      [...data.subarray(5 * dimensions, 6 * dimensions)].map((value) => expect.closeTo(value, 5)),
    )
  })

  test('of a new item have the factors that its text lets expect', async () => {
    const { data, dimensions, model } = await learnFeatures(dataset, both)
    const start = model.blocks[0].dimensions
    const fresh = featuresOf([{ text: 'face cream night', attributes: ['Group 2'] }], model).subarray(start)
    const likeness = (item: number) => {
      const own = data.subarray(item * dimensions + start, (item + 1) * dimensions)
      return own.reduce((total, value, index) => total + value * fresh[index], 0)
    }
    for (const item of [2, 6, 42]) {
      for (const other of [0, 1, 3]) expect(likeness(item)).toBeGreaterThan(likeness(other))
    }
  })

  test('do not depend on the parts that are not for training', async () => {
    const sequences = [
      [0, 4, 8, 1, 2],
      [1, 5, 9, 3, 0],
      [4, 0, 8, 7, 7],
    ]
    const changed = sequences.map((sequence) => [...sequence.slice(0, 3), 11, 10])
    const learn = (of: number[][]) => learnFeatures(testDataset(12, of), { collaborative: both.collaborative, seed: 1 })
    expect((await learn(changed)).data).toEqual((await learn(sequences)).data)
  })

  test('without content leave items without training interactions at zero factors', async () => {
    const alone = testDataset(5, [[0, 1, 0, 0]], { trainEnd: [2] })
    const { data, dimensions, model } = await learnFeatures(alone, { collaborative: both.collaborative, seed: 1 })
    expect(model.ridge).toBeUndefined()
    const raw = Array.from(data.subarray(2 * dimensions, 3 * dimensions))
    expect(raw).toEqual(Array.from(data.subarray(4 * dimensions)))
  })

  test('without any variance are zeros', async () => {
    const same = testDataset(6, [], { itemText: () => 'same words' })
    const { data } = await learnFeatures(same, { text: both.text, seed: 1 })
    expect(data.every((value) => value === 0)).toBe(true)
  })

  test('take the embedding column as it is, centred and scaled', async () => {
    const embeddings = { dim: 3, data: normals(30, 'embedding') }
    const embedded = testDataset(10, [], { embeddings })
    const { data, model, dimensions } = await learnFeatures(embedded, { embedding: { weight: 1 }, seed: 1 })
    expect(dimensions).toBe(3)
    const fresh = featuresOf([{ text: '', attributes: [], embedding: embeddings.data.subarray(6, 9) }], model)
    expect([...fresh]).toEqual([...data.subarray(6, 9)].map((value) => expect.closeTo(value, 6)))
    expect(() => featuresOf([{ text: '', attributes: [] }], model)).toThrow(/embedding/)
  })

  test('that the Dataset cannot give are refused with the field to change', async () => {
    const bare = testDataset(3, [[0, 1, 2, 0]])
    await expect(learnFeatures(bare, { embedding: { weight: 1 }, seed: 1 })).rejects.toMatchObject({
      field: 'features.embedding',
    })
    const broken = testDataset(2, [], { embeddings: { dim: 2, data: Float32Array.of(1, 2, Number.NaN, 0) } })
    await expect(learnFeatures(broken, { embedding: { weight: 1 }, seed: 1 })).rejects.toMatchObject({
      reason: 'BadItemEmbedding',
      message: expect.stringContaining('item 1'),
    })
    await expect(learnFeatures(testDataset(0, []), both)).rejects.toMatchObject({ reason: 'NoItems' })
  })
})
