import { describe, expect, test } from 'vitest'
import { Random } from '../../../workers/tensor/random.ts'
import { countTerms, learnTextProjection, projectText, wordsOf } from '../../../workers/tokenizer/text-features.ts'
import { groupedDataset, testDataset } from './support.ts'

const options = { dimensions: 12, ngrams: 2, buckets: 1 << 16 }

function cosine(features: Float32Array, a: number, b: number, dimensions: number): number {
  let product = 0
  let normA = 0
  let normB = 0
  for (let index = 0; index < dimensions; index++) {
    const x = features[a * dimensions + index]
    const y = features[b * dimensions + index]
    product += x * y
    normA += x * x
    normB += y * y
  }
  return product / Math.sqrt(normA * normB)
}

describe('words', () => {
  test('are runs of letters, marks and digits in lower case and one width', () => {
    expect(wordsOf("L'Oréal-Paris, E55 (2 oz)")).toEqual(['l', 'oréal', 'paris', 'e55', '2', 'oz'])
    expect(wordsOf('ＡＢＣ')).toEqual(['abc'])
    expect(wordsOf(' - ')).toEqual([])
  })

  test('are single characters in scripts without spaces', () => {
    expect(wordsOf('abc口红 9号')).toEqual(['abc', '口', '红', '9', '号'])
  })
})

describe('terms of an item', () => {
  const total = (counts: Map<number, number>) => [...counts.values()].reduce((sum, count) => sum + count, 0)

  test('are the n-grams of text and of every attribute, and each attribute whole', () => {
    // red nail lacquer: 3 words, 2 pairs; Nail Polish: 2 words, 1 pair, 1 name.
    expect(total(countTerms('red nail lacquer', ['Nail Polish'], options))).toBe(9)
    expect(total(countTerms('red nail lacquer', ['Nail Polish'], { ...options, ngrams: 4 }))).toBe(10)
    expect(countTerms('nail', ['Nail'], options).size).toBe(2)
  })

  test('do not run from one field into the next', () => {
    const apart = countTerms('a b', ['c'], options)
    const together = countTerms('a b c', [], options)
    expect([...together.keys()].filter((bucket) => !apart.has(bucket))).toHaveLength(1)
  })
})

describe('projection', () => {
  test('brings items together whose texts share words', async () => {
    const dataset = groupedDataset(80, 0)
    const projection = await learnTextProjection(dataset, options, new Random(1))
    const features = projectText(dataset, projection)
    expect(cosine(features, 0, 8, 12)).toBeGreaterThan(cosine(features, 0, 1, 12) + 0.5)
  })

  test('forgets terms of one item, unless there are no others', async () => {
    const text = ['red nail', 'red hair', 'blue']
    const shared = await learnTextProjection(
      testDataset(3, [], { itemText: (item) => text[item] }),
      options,
      new Random(1),
    )
    expect(shared.terms).toHaveLength(1)
    const single = await learnTextProjection(
      testDataset(2, [], { itemText: (item) => ['one', 'two'][item] }),
      options,
      new Random(1),
    )
    expect(single.terms).toHaveLength(2)
  })

  test('gives zeros to what has no known term', async () => {
    const projection = await learnTextProjection(groupedDataset(16, 0), options, new Random(1))
    const unknown = testDataset(1, [], { itemText: () => 'zzz' })
    expect(projectText(unknown, projection).every((value) => value === 0)).toBe(true)
  })

  test('without any text is refused, naming the field', async () => {
    await expect(learnTextProjection(testDataset(3, []), options, new Random(1))).rejects.toMatchObject({
      reason: 'NoItemText',
      field: 'features.text',
      retryable: false,
    })
  })
})
