import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BuildOptions, buildTokenizer } from '../../../workers/tokenizer/build.ts'
import type { IdentifiedCatalogue } from '../../../workers/tokenizer/catalogue.ts'
import { reuseTokenizer } from '../../../workers/tokenizer/reuse.ts'
import { planReuse } from '../../../workers/tokenizer/reuse-plan.ts'
import { type EarlierTokenizer, openEarlierTokenizer, writeTokenizer } from '../../../workers/tokenizer/tokenizer.ts'
import { buildTrie } from '../../../workers/tokenizer/trie.ts'
import { vocabularyOf } from '../../../workers/tokenizer/vocabulary.ts'
import { groupedDataset, groupNames, smallBuild, testDataset } from './support.ts'

const digest = `sha256:${'0'.repeat(64)}`
const learnedItems = 100
const dataset = groupedDataset(learnedItems, 200)
const idsOf = (items: readonly number[]): string[] => items.map((item) => `item-${item}`)
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index)

/** These items of a catalogue without end, in this order: the next revision of the logs. */
const catalogueOf = (items: readonly number[]): IdentifiedCatalogue => ({
  itemCount: items.length,
  itemIds: idsOf(items),
  itemText: (index) => `${groupNames[items[index] % 4]} number${items[index] >> 3}`,
  itemAttributes: (index) => [`Brand ${items[index] % 8}`, `Group ${items[index] % 4}`],
})

const folders: string[] = []
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))))

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'adloom-reuse-'))
  folders.push(folder)
  return folder
}

const openFrom = async (folder: string): Promise<EarlierTokenizer> =>
  (await openEarlierTokenizer({ path: (file) => join(folder, file) })) ?? expect.unreachable('it tells its options')

async function earlierOf(options: BuildOptions): Promise<EarlierTokenizer> {
  const folder = await newFolder()
  const built = await buildTokenizer(dataset, options)
  await writeTokenizer(folder, built, { digest, itemIds: idsOf(range(0, learnedItems)) })
  return openFrom(folder)
}

let earlier: EarlierTokenizer
beforeAll(async () => {
  earlier = await earlierOf(smallBuild)
})

const plan = (items: readonly number[], maxUnseenItemsPercent = 10, options: BuildOptions = smallBuild) =>
  planReuse(catalogueOf(items), earlier, { options, maxUnseenItemsPercent })

describe('codebooks are kept', () => {
  test('while the share of unseen items is at most the limit, and no further', () => {
    expect(plan(range(0, 100))).toMatchObject({ reason: 'FewUnseenItems', unseenItemsPercent: 0 })
    const tenth = range(10, 110)
    expect(plan(tenth, 10)).toMatchObject({ reason: 'FewUnseenItems', unseenItemsPercent: 10 })
    expect(plan(tenth, 9)).toMatchObject({ reason: 'TooManyUnseenItems', unseenItemsPercent: 10 })
    expect(plan(range(100, 200), 100)).toMatchObject({ reason: 'FewUnseenItems', unseenItemsPercent: 100 })
  })

  test('counting as unseen what an earlier build only placed', async () => {
    const built = await reuseTokenizer(catalogueOf(range(0, 105)), earlier, plan(range(0, 105)).places)
    expect(built.learned.filter((flag) => flag === 0)).toHaveLength(5)
    const second = { ...earlier, learned: built.learned, itemIds: idsOf(range(0, 105)) }
    const options = { options: smallBuild, maxUnseenItemsPercent: 9 }
    expect(planReuse(catalogueOf(range(0, 110)), second, options)).toMatchObject({
      reason: 'TooManyUnseenItems',
      unseenItemsPercent: expect.closeTo(100 / 11, 12),
    })
  })

  test.each<[string, Partial<BuildOptions>]>([
    ['levels', { levels: 2 }],
    ['codebookSize', { codebookSize: 16 }],
    ['seed', { seed: 8 }],
    ['collisions', { collisions: 'AppendLevel' }],
    ['features', { features: { text: { dimensions: 16, ngrams: 2, buckets: 4096, weight: 1 } } }],
  ])('but not with other %s', (_, changed) => {
    expect(plan(range(0, 100), 10, { ...smallBuild, ...changed }).reason).toBe('OptionsDiffer')
  })

  test('but not where only what is taken together tells items apart, and there are new ones', async () => {
    const options = { ...smallBuild, features: { collaborative: { dimensions: 8, window: 5, weight: 1 } } }
    const alone = await earlierOf(options)
    const reasonFor = (items: readonly number[]) =>
      planReuse(catalogueOf(items), alone, { options, maxUnseenItemsPercent: 10 }).reason
    expect(reasonFor(range(0, 101))).toBe('NoContent')
    expect(reasonFor(range(1, 100))).toBe('FewUnseenItems')
  })

  test('but not where embeddings have another length', async () => {
    const embeddings = (dim: number, items: number) => ({
      dim,
      data: Float32Array.from({ length: dim * items }, (_, index) => (index % 7) - 3),
    })
    const folder = await newFolder()
    const options = { ...smallBuild, features: { embedding: { weight: 1 } } }
    const built = await buildTokenizer(testDataset(20, [[]], { embeddings: embeddings(5, 20) }), options)
    await writeTokenizer(folder, built, { digest, itemIds: idsOf(range(0, 20)) })
    const before = await openFrom(folder)
    const reasonFor = (dim: number) =>
      planReuse({ ...catalogueOf(range(0, 20)), embeddings: embeddings(dim, 20) }, before, {
        options,
        maxUnseenItemsPercent: 10,
      }).reason
    expect([reasonFor(5), reasonFor(6)]).toEqual(['FewUnseenItems', 'EmbeddingsDiffer'])
  })

  test('but not for more items than there are paths', () => {
    expect(plan(range(0, 513), 100).reason).toBe('PathsExhausted')
    expect(plan(range(0, 512), 100).reason).toBe('FewUnseenItems')
  })
})

describe('a catalogue in another order, some items gone and some new', () => {
  const items = range(5, 109).reverse()

  test('keeps codes and features of known items and finds free paths for the others', async () => {
    const { places } = plan(items)
    const built = await reuseTokenizer(catalogueOf(items), earlier, places)
    const { levels, featureDimensions: width } = earlier
    for (const [index, item] of items.entries()) {
      if (item >= learnedItems) continue
      const codes = built.codes.subarray(index * levels, (index + 1) * levels)
      expect(codes, `item ${item}`).toEqual(earlier.codes.subarray(item * levels, (item + 1) * levels))
      const features = built.features.subarray(index * width, (index + 1) * width)
      expect(features).toEqual(earlier.features.subarray(item * width, (item + 1) * width))
    }
    expect(buildTrie(built.codes, levels, items.length).itemCount).toBe(items.length)
    expect(vocabularyOf(built, built.featureModel)).toBe(earlier.vocabulary)
  })

  test('puts new items among those of their content', async () => {
    const built = await reuseTokenizer(catalogueOf(items), earlier, plan(items).places)
    const firstOf = (codes: Uint16Array, index: number) => codes[index * earlier.levels]
    const own = (item: number) =>
      new Set(range(0, learnedItems).flatMap((each) => (each % 4 === item % 4 ? [firstOf(earlier.codes, each)] : [])))
    for (const [index, item] of items.entries())
      if (item >= learnedItems) expect(own(item).has(firstOf(built.codes, index)), `item ${item}`).toBe(true)
  })

  test('gives the same bytes when it is done again', async () => {
    const [first, second] = await Promise.all(
      [0, 1].map(() => reuseTokenizer(catalogueOf(items), earlier, plan(items).places)),
    )
    expect(second.codes).toEqual(first.codes)
    expect(second.features).toEqual(first.features)
  })

  test('lets new items take the paths of those that are gone', async () => {
    const small = await earlierOf({ ...smallBuild, levels: 1, codebookSize: 100 })
    const turned = range(50, 150)
    const { reason, places } = planReuse(catalogueOf(turned), small, {
      options: small.options,
      maxUnseenItemsPercent: 100,
    })
    expect(reason).toBe('FewUnseenItems')
    expect(new Set((await reuseTokenizer(catalogueOf(turned), small, places)).codes).size).toBe(100)
  })
})

test('with AppendLevel the levels stay those of the earlier build', async () => {
  const options: BuildOptions = { ...smallBuild, levels: 1, collisions: 'AppendLevel' }
  const appended = await earlierOf(options)
  const items = range(0, 104)
  const { places } = planReuse(catalogueOf(items), appended, { options, maxUnseenItemsPercent: 10 })
  const built = await reuseTokenizer(catalogueOf(items), appended, places)
  expect(built.codebookSizes).toEqual(appended.codebookSizes)
  expect(built.codes.subarray(0, 200)).toEqual(appended.codes)
  expect(buildTrie(built.codes, 2, 104).itemCount).toBe(104)
})
