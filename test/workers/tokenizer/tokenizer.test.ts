import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type BuildOptions, type BuiltTokenizer, buildTokenizer } from '../../../workers/tokenizer/build.ts'
import { encode, encodeNewItems } from '../../../workers/tokenizer/encoder.ts'
import { openBuildReport, openTokenizer, writeTokenizer } from '../../../workers/tokenizer/tokenizer.ts'
import { buildTrie } from '../../../workers/tokenizer/trie.ts'
import { vocabularyOf } from '../../../workers/tokenizer/vocabulary.ts'
import { temporaryFolder } from '../artifacts/support.ts'
import { groupedDataset, normals, smallBuild, type TestDataset, testDataset } from './support.ts'

const digest = `sha256:${'0'.repeat(64)}`

async function written(built: BuiltTokenizer): Promise<{ folder: string; path: (file: string) => string }> {
  const folder = join(await temporaryFolder(), 'tokenizer')
  await mkdir(folder)
  await writeTokenizer(folder, built, { digest, itemIds: Array.from(built.learned, (_, item) => String(item)) })
  return { folder, path: (file) => join(folder, file) }
}

async function contents(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).sort()
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, (await readFile(join(folder, name))).toString('base64')])),
  )
}

const build = (dataset: TestDataset, options: Partial<BuildOptions> = {}) =>
  buildTokenizer(dataset, { ...smallBuild, ...options })

describe('a build', () => {
  const dataset = groupedDataset(200, 400)

  test('gives like items a common prefix', async () => {
    const { codes, codebookSizes, report } = await build(dataset)
    const firstCodes = [0, 1, 2, 3].map(
      (group) => new Set(Array.from({ length: 50 }, (_, index) => codes[(group + 4 * index) * 3])),
    )
    for (const [a, b] of [
      [0, 1],
      [1, 2],
      [2, 3],
      [0, 3],
    ])
      expect(firstCodes[a].isDisjointFrom(firstCodes[b])).toBe(true)
    expect(codebookSizes).toEqual([8, 8, 8])
    expect(report.utilization).toEqual([1, 1, 1])
    expect(report.reconstructionError).toBeGreaterThan(0)
    expect(report.reconstructionError).toBeLessThan(0.5)
  })

  test('gives the same bytes when it is done again, even beside another one', async () => {
    const [first, second] = await Promise.all([build(dataset), build(dataset)])
    const third = await build(dataset, { seed: 8 })
    const bytes = await contents((await written(first)).folder)
    expect(await contents((await written(second)).folder)).toEqual(bytes)
    expect((await contents((await written(third)).folder))['codes.u16']).not.toBe(bytes['codes.u16'])
  })

  test('with AppendLevel has one level more where items collide', async () => {
    const { codes, codebookSizes, report } = await build(dataset, { levels: 1, collisions: 'AppendLevel' })
    expect(codebookSizes).toHaveLength(2)
    expect(report.collisionRate).toBeGreaterThan(0.9)
    expect(buildTrie(codes, 2, 200).leafItem).toHaveLength(200)
  })

  test('says how far it is, and ends with what the listener throws', async () => {
    const steps: string[] = []
    await buildTokenizer(dataset, smallBuild, async (phase, step) => void steps.push(`${phase} ${step}`))
    expect(steps[0]).toBe('Features 0')
    expect(steps).toContain('Quantization 1')
    expect(steps.at(-1)).toBe('Collisions 60')
    const stop = new Error('stop')
    const progress = (phase: string) => (phase === 'Quantization' ? Promise.reject(stop) : Promise.resolve())
    await expect(buildTokenizer(dataset, smallBuild, progress)).rejects.toBe(stop)
  })
})

describe('any catalogue is coded', () => {
  const text = { dimensions: 4, ngrams: 1, buckets: 256, weight: 1 }
  const collaborative = { dimensions: 4, window: 2, weight: 1 }
  const user = [0, 1, 2, 0, 1]

  test.each<[string, TestDataset, Partial<BuildOptions>]>([
    ['fewer items than entries', groupedDataset(8, 20), { codebookSize: 256 }],
    ['one item', testDataset(1, [[0, 0, 0]], { itemText: () => 'word' }), { features: { text } }],
    ['no text', testDataset(3, [user]), { features: { collaborative } }],
    ['no user', testDataset(4, [], { itemText: (item) => `word ${item}` }), { features: { text, collaborative } }],
    ['equal items', testDataset(30, [], { itemText: () => 'same' }), { features: { text }, levels: 2 }],
    [
      'an embedding alone',
      testDataset(40, [], { embeddings: { dim: 5, data: normals(200, 'alone') } }),
      { features: { embedding: { weight: 1 } } },
    ],
  ])('%s', async (_, dataset, options) => {
    const { codes, codebookSizes, features } = await build(dataset, options)
    expect(buildTrie(codes, codebookSizes.length, dataset.itemCount).leafItem).toHaveLength(dataset.itemCount)
    expect(Math.max(...codebookSizes)).toBeLessThanOrEqual(dataset.itemCount)
    expect(features.every(Number.isFinite)).toBe(true)
  })

  test('unless nothing tells its items apart', async () => {
    const alone = testDataset(3, [[0, 0, 0]])
    await expect(build(alone, { features: { collaborative } })).rejects.toMatchObject({
      field: 'features.collaborative',
      retryable: false,
    })
  })

  test('unless there are more items than paths', async () => {
    const options = { levels: 2, codebookSize: 4 }
    await expect(build(groupedDataset(40, 20), options)).rejects.toThrow(/16 paths for 40 items/)
  })
})

describe('the artifact', () => {
  const dataset = groupedDataset(160, 300)

  test('opens as it was written', async () => {
    const built = await build(dataset)
    const artifact = await written(built)
    const tokenizer = await openTokenizer(artifact)
    expect(tokenizer).toEqual({
      datasetDigest: digest,
      vocabulary: vocabularyOf(built, built.featureModel),
      itemCount: 160,
      levels: 3,
      codebookSizes: [8, 8, 8],
      featureDimensions: built.featureDimensions,
      codes: built.codes,
      features: built.features,
      codebooks: built.codebooks,
    })
    expect(await openBuildReport(artifact)).toEqual(built.report)
  })

  test('codes its own features as before, but for items that collided', async () => {
    const built = await build(dataset)
    const codes = await encode(built.features, await openTokenizer(await written(built)))
    const moved = Array.from({ length: 160 }, (_, item) => item).filter((item) =>
      [0, 1, 2].some((level) => codes[item * 3 + level] !== built.codes[item * 3 + level]),
    )
    expect(moved.length / 160).toBeLessThanOrEqual(built.report.collisionRate)
  })

  test('codes new items beside their like, on free paths, without a retraining', async () => {
    const artifact = await written(await build(dataset))
    const { codes, levels } = await openTokenizer(artifact)
    const items = [0, 1, 2, 3].flatMap((group) =>
      [0, 1].map(() => ({ text: dataset.itemText(group), attributes: dataset.itemAttributes(group) })),
    )
    const fresh = await encodeNewItems(artifact, items)
    expect(fresh.features).toHaveLength(8 * (await openTokenizer(artifact)).featureDimensions)
    const all = Uint16Array.from([...codes, ...fresh.codes])
    expect(buildTrie(all, levels, 168).leafItem).toHaveLength(168)
    items.forEach((_, index) => {
      const group = index >> 1
      const ofGroup = Array.from({ length: 40 }, (_item, place) => codes[(group + 4 * place) * levels])
      expect(ofGroup).toContain(fresh.codes[index * levels])
    })
  })
})
