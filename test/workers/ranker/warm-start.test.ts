import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { meaningOf, type RankerShape, rankerLayout } from '../../../workers/ranker/architecture.ts'
import { type Parent, sharesContent, warmStart, whyNothingFits } from '../../../workers/ranker/warm-start.ts'
import { initialParameters, unpack } from '../../../workers/tensor/parameters.ts'
import { Random } from '../../../workers/tensor/random.ts'
import { randomCatalogue, randomParameters, smallShape } from './support.ts'

const shape = smallShape(randomCatalogue(4, { items: 12, levels: 2, entries: 6 }))
const idsOf = (count: number, first = 0) => Array.from({ length: count }, (_, item) => `item-${first + item}`)

const parentOf = (changed: Partial<RankerShape> = {}): Parent => {
  const own = { ...shape, ...changed }
  return {
    architecture: 'DecoderOnly',
    shape: own,
    parameters: randomParameters(own, 9),
    itemIds: idsOf(12),
    vocabulary: 'one',
  }
}

const start = (
  changed: Partial<RankerShape> = {},
  itemIds = idsOf(12),
  vocabulary: string | null = 'one',
  parent = parentOf(),
) => {
  const own = { ...shape, itemEmbeddings: itemIds.length, ...changed }
  const made = warmStart({ shape: own, itemIds, vocabulary: vocabulary ?? undefined, seed: 5 }, parent)
  const cold = unpack(initialParameters(rankerLayout(own), 5), rankerLayout(own))
  return { ...made, values: unpack(made.parameters, rankerLayout(own)), cold }
}
const parentValues = unpack(parentOf().parameters, rankerLayout(shape))
const nothingLeft = { notInParent: [], otherSize: [], otherVocabulary: [] }

describe('a warm start', () => {
  test('from a model of the same shape, vocabulary and items is that model', () => {
    const { parameters, takenParameters, initialParameters: rest, newItems, left } = start()
    expect(parameters).toEqual(parentOf().parameters)
    expect([takenParameters, rest, newItems]).toEqual([parameters.length, 0, 0])
    expect(left).toEqual(nothingLeft)
  })

  test('takes rows of items by their id, and starts new ones at zero', () => {
    const itemIds = [...idsOf(3, 20), ...idsOf(10, 2).reverse()]
    const { values, newItems, takenParameters, parameters, left } = start({}, itemIds)
    const rows = values.get('item.embedding') ?? new Float32Array(0)
    const theirs = parentValues.get('item.embedding') ?? new Float32Array(0)
    for (const [row, id] of itemIds.entries()) {
      const place = idsOf(12).indexOf(id)
      const expected = place < 0 ? new Float32Array(16) : theirs.subarray(place * 16, (place + 1) * 16)
      expect(rows.subarray(row * 16, (row + 1) * 16), id).toEqual(expected)
    }
    expect(newItems).toBe(3)
    expect(parameters.length - takenParameters).toBe(3 * 16)
    expect(left).toEqual(nothingLeft)
  })

  test('leaves what belongs to another vocabulary as it is without a parent', () => {
    const { values, cold, left } = start({}, idsOf(12), 'two')
    const bound = ['item.code.0', 'item.code.1', 'item.feature.weight', 'level.0.bias', 'level.0.chosen']
    expect(left.otherVocabulary).toEqual(expect.arrayContaining([...bound, 'level.0.content', 'level.1.content']))
    for (const [name, value] of values)
      expect(value, name).toEqual((meaningOf(name) === 'vocabulary' ? cold : parentValues).get(name))
  })

  test('takes nothing of codes from a model that does not tell its vocabulary', () => {
    const { left } = start({}, idsOf(12), null, { ...parentOf(), vocabulary: undefined })
    expect(left.otherVocabulary).toContain('item.code.0')
  })

  test('leaves what has another size or is not there, and names it', () => {
    const { values, cold, left } = start({ layers: 3, historyLength: 7 })
    expect(left.otherSize).toEqual(['block.0.attention.distance', 'block.1.attention.distance'])
    expect(left.notInParent.length).toBeGreaterThan(0)
    expect(left.notInParent.every((name) => name.startsWith('block.2.'))).toBe(true)
    for (const name of [...left.otherSize, ...left.notInParent]) expect(values.get(name), name).toEqual(cold.get(name))
    expect(values.get('block.1.feedForward.inner.weight')).toEqual(parentValues.get('block.1.feedForward.inner.weight'))
  })

  test('from a model without item embeddings starts them at zero', () => {
    const { values, left } = start({}, idsOf(12), 'one', parentOf({ itemEmbeddings: 0 }))
    expect(left.notInParent).toEqual(['item.embedding'])
    expect(values.get('item.embedding')?.every((value) => value === 0)).toBe(true)
  })

  test('counts every parameter once, whatever differs', () => {
    const child = fc.record({
      layers: fc.integer({ min: 1, max: 3 }),
      feedForwardSize: fc.constantFrom(8, 24),
      historyLength: fc.integer({ min: 3, max: 6 }),
      contentDimensions: fc.constantFrom(0, 2, 3),
      items: fc.uniqueArray(fc.nat(30), { minLength: 1, maxLength: 20 }),
      vocabulary: fc.constantFrom('one', 'two'),
    })
    fc.assert(
      fc.property(child, ({ items, vocabulary, ...changed }) => {
        const ids = new Random(1, items.length).shuffle(items.map((item) => `item-${item}`))
        const made = start(changed, ids, vocabulary)
        expect(made.takenParameters + made.initialParameters).toBe(made.parameters.length)
        expect(made.newItems).toBe(items.filter((item) => item >= 12).length)
        expect(made.parameters.every(Number.isFinite)).toBe(true)
      }),
      { numRuns: 50 },
    )
  })
})

test('nothing fits a model of another hidden size, and all else may differ', () => {
  expect(whyNothingFits('DecoderOnly', { ...shape, hiddenSize: 32 }, parentOf())).toMatch(/hiddenSize is 16.* 32/)
  expect(whyNothingFits('DecoderOnly', { ...shape, layers: 5, historyLength: 9 }, parentOf())).toBeUndefined()
})

test('content is scored in the directions of the parent only where both say the same', () => {
  expect(sharesContent(shape, 'one', parentOf())).toBe(true)
  expect(sharesContent(shape, 'two', parentOf())).toBe(false)
  expect(sharesContent({ ...shape, contentDimensions: 2 }, 'one', parentOf())).toBe(false)
})
