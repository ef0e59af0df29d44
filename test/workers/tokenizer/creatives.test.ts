import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { buildTokenizer } from '../../../workers/tokenizer/build.ts'
import type { CreativeCatalogue } from '../../../workers/tokenizer/catalogue.ts'
import {
  asItems,
  type BuiltCreatives,
  buildCreatives,
  type CreativeOptions,
  mostOfAnItem,
  reuseCreatives,
} from '../../../workers/tokenizer/creatives.ts'
import { planReuse } from '../../../workers/tokenizer/reuse-plan.ts'
import { openEarlierTokenizer, openTokenizer, writeTokenizer } from '../../../workers/tokenizer/tokenizer.ts'
import { groupedDataset, normals, smallBuild, smallNetwork, smallRqVae } from './support.ts'

interface Rendering {
  readonly item: number
  readonly id: string
  readonly text: string
}

function catalogueOf(renderings: readonly Rendering[], itemCount: number): CreativeCatalogue {
  const offsets = new Uint32Array(itemCount + 1)
  for (const { item } of renderings) offsets[item + 1]++
  for (let item = 0; item < itemCount; item++) offsets[item + 1] += offsets[item]
  return {
    count: renderings.length,
    ids: renderings.map(({ id }) => id),
    offsets,
    text: (creative) => renderings[creative].text,
  }
}

const styles = ['bright summer sale', 'dark elegant gold', 'plain white studio', 'bright summer offer']

/** Four creatives an item; the first and the last of an item are alike. */
const renderingsOf = (items: readonly number[]): Rendering[] =>
  items.flatMap((name, item) => styles.map((style, index) => ({ item, id: `${name}/${index}`, text: style })))

const options: CreativeOptions = {
  features: { text: { dimensions: 8, ngrams: 2, buckets: 1024, weight: 1 } },
  levels: 2,
  codebookSize: 3,
  iterations: 10,
  seed: 1,
}
const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
const twenty = catalogueOf(renderingsOf(range(20)), 20)

const pathsOf = ({ codes, levels, offsets }: BuiltCreatives, item: number): string[] =>
  range(offsets[item + 1] - offsets[item]).map((index) => {
    const start = (offsets[item] + index) * levels
    return codes.subarray(start, start + levels).join('-')
  })

const expectUniqueWithinItems = (built: BuiltCreatives): void => {
  for (const item of range(built.offsets.length - 1)) {
    const paths = pathsOf(built, item)
    expect(new Set(paths).size, `item ${item}: ${paths.join(' ')}`).toBe(paths.length)
  }
}

describe('codes of creatives', () => {
  test('are unique within an item and shared between items', async () => {
    const built = await buildCreatives(twenty, { ...options, codebookSize: 2 })
    expectUniqueWithinItems(built)
    expect(built).toMatchObject({ count: 80, levels: 2, codebookSizes: [2, 2] })
    // Four texts and four paths: alike creatives of an item collide, those of other items may.
    expect(new Set(range(20).flatMap((item) => pathsOf(built, item))).size).toBe(4)
    expect(pathsOf(built, 0)[1]).toBe(pathsOf(built, 7)[1])
    expect(built.features.every(Number.isFinite)).toBe(true)
    expect(built.features).toHaveLength(80 * built.featureDimensions)
  })

  test('count as collided with others of their item only', async () => {
    const apart = await buildCreatives(
      catalogueOf(
        renderingsOf(range(20)).filter((_, at) => at % 4 < 3),
        20,
      ),
      options,
    )
    expect(apart.report.collisionRate).toBe(0)
    const alike = await buildCreatives(
      catalogueOf(
        range(40).map((at) => ({ item: at >> 1, id: `${at}`, text: styles[(at >> 1) % 3] })),
        20,
      ),
      options,
    )
    expect(alike.report.collisionRate).toBe(1)
    expectUniqueWithinItems(alike)
  })

  test('can come from embeddings, from an RQ-VAE or from RQ-k-means+', async () => {
    const embeddings = { dim: 5, data: normals(400, 'creatives') }
    const byEmbedding = await buildCreatives(
      { ...twenty, embeddings },
      { ...options, features: { embedding: { weight: 1 } } },
    )
    expect(byEmbedding.featureDimensions).toBe(5)
    const byRqVae = await buildCreatives(twenty, { ...options, rqvae: { ...smallRqVae, latentDimensions: 2 } })
    expect(byRqVae.autoencoder?.latentDimensions).toBe(2)
    expectUniqueWithinItems(byRqVae)
    const byRqKMeansPlus = await buildCreatives(twenty, { ...options, rqKMeansPlus: smallNetwork })
    expect(byRqKMeansPlus.autoencoder?.residual).toBe(true)
    expectUniqueWithinItems(byRqKMeansPlus)
    expect(byRqKMeansPlus.vocabulary).not.toBe((await buildCreatives(twenty, options)).vocabulary)
  })

  test('are the same bytes when they are made again', async () => {
    expect(await buildCreatives(twenty, options)).toEqual(await buildCreatives(twenty, options))
  })

  test.each<[string, Partial<CreativeCatalogue>, Partial<CreativeOptions>, string, string]>([
    ['no creative', { count: 0 }, {}, 'creatives', 'NoCreatives'],
    ['no text', { text: () => ' - ' }, {}, 'creatives.features.text', 'NoCreativeText'],
    [
      'no embedding',
      {},
      { features: { embedding: { weight: 1 } } },
      'creatives.features.embedding',
      'NoCreativeEmbedding',
    ],
    ['more creatives of an item than paths', {}, { levels: 1 }, 'creatives.codebookSize', 'TooFewCodes'],
  ])('with %s are refused, naming the field', async (_, catalogue, changed, field, reason) => {
    const building = buildCreatives({ ...twenty, ...catalogue }, { ...options, ...changed })
    await expect(building).rejects.toMatchObject({ field, reason, retryable: false })
  })
})

describe('creatives of a tokenizer', () => {
  async function reopened() {
    const folder = await mkdtemp(join(tmpdir(), 'adloom-creatives-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const dataset = groupedDataset(20, 30)
    const creatives = await buildCreatives(twenty, options)
    const build = { ...smallBuild, levels: 2 }
    const source = { digest: `sha256:${'0'.repeat(64)}`, itemIds: range(20).map(String) }
    await writeTokenizer(folder, await buildTokenizer(dataset, build), source, creatives)
    return { creatives, artifact: { path: (file: string) => join(folder, file) } }
  }

  test('open as they were written, with or without what another build needs', async () => {
    const { creatives, artifact } = await reopened()
    const { count, levels, codebookSizes, featureDimensions, codes, features, ids, offsets, vocabulary } = creatives
    const tokens = { count, levels, codebookSizes, featureDimensions, codes, features, ids, offsets, vocabulary }
    expect((await openTokenizer(artifact)).creatives).toEqual(tokens)
    const { codebooks, options: learnedWith, learned, report } = creatives
    const more = { ...tokens, codebooks, options: learnedWith, learned, report }
    expect((await openEarlierTokenizer(artifact))?.creatives).toMatchObject(more)
  })
})

describe('creatives of a later build', () => {
  test('keep codes where they are known, and get free ones within their item where they are new', async () => {
    const earlier = await buildCreatives(twenty, options)
    const extra = { item: 0, id: 'new', text: styles[1] }
    const later = catalogueOf([extra, ...renderingsOf(range(20))], 20)
    const plan = planReuse(
      asItems(later),
      { ...earlier, itemIds: earlier.ids },
      { options, maxUnseenItemsPercent: 10, paths: mostOfAnItem(later) },
    )
    expect(plan).toMatchObject({ reason: 'FewUnseenItems', unseenItemsPercent: 100 / 81 })
    const built = await reuseCreatives(later, earlier, plan.places)
    expectUniqueWithinItems(built)
    expect(built.codes.subarray(2)).toEqual(earlier.codes)
    expect([...built.learned]).toEqual([0, ...earlier.learned])
    expect(built.vocabulary).toBe(earlier.vocabulary)
    // The new one has the text of another creative of its item, whose codes are taken.
    expect(built.features.subarray(0, 8)).toEqual(earlier.features.subarray(8, 16))
  })

  test('are unique within their item whatever item they moved to', async () => {
    const earlier = await buildCreatives(twenty, options)
    const known = renderingsOf(range(20))
    const moves = fc.array(fc.tuple(fc.nat(79), fc.nat(9)), { minLength: 1, maxLength: 40 })
    const unique = fc.asyncProperty(moves, async (moved) => {
      const items = new Map(moved.map(([creative, item]) => [known[creative].id, item]))
      const byItem = range(10).flatMap((item) =>
        [...items].flatMap(([id, to]) => (to === item ? [id] : [])).slice(0, 9),
      )
      const later = catalogueOf(
        byItem.map((id) => ({ item: items.get(id) ?? 0, id, text: styles[Number(id.split('/')[1])] })),
        10,
      )
      const places = Int32Array.from(byItem, (id) => earlier.ids.indexOf(id))
      expectUniqueWithinItems(await reuseCreatives(later, earlier, places))
    })
    await fc.assert(unique, { numRuns: 15 })
  })
})
