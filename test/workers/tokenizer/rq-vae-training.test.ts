// What holds of either algorithm with a network, as a quantizer and in a tokenizer.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type BuildOptions, type BuiltTokenizer, buildTokenizer } from '../../../workers/tokenizer/build.ts'
import { encode, encodeNewItems } from '../../../workers/tokenizer/encoder.ts'
import {
  applyQuantizer,
  type LearningOptions,
  learningSteps,
  learnQuantizer,
} from '../../../workers/tokenizer/quantizer.ts'
import { reuseTokenizer } from '../../../workers/tokenizer/reuse.ts'
import { planReuse } from '../../../workers/tokenizer/reuse-plan.ts'
import type { NetworkOptions } from '../../../workers/tokenizer/rq-vae-training.ts'
import { openEarlierTokenizer, openTokenizer, writeTokenizer } from '../../../workers/tokenizer/tokenizer.ts'
import { buildTrie } from '../../../workers/tokenizer/trie.ts'
import { vocabularyOf } from '../../../workers/tokenizer/vocabulary.ts'
import { clusteredPoints, groupedDataset, quietly, smallBuild, smallNetwork, smallRqVae } from './support.ts'

const dimensions = 6

type Networks = Pick<LearningOptions, 'rqvae' | 'rqKMeansPlus'>

/** By the name that its options have. */
const algorithms: [string, (changed?: Partial<NetworkOptions>) => Networks][] = [
  ['rqvae', (changed) => ({ rqvae: { ...smallRqVae, ...changed } })],
  ['rqKMeansPlus', (changed) => ({ rqKMeansPlus: { ...smallNetwork, ...changed } })],
]

describe.each(algorithms)('a quantizer with %s', (name, networks) => {
  const points = clusteredPoints(320)
  const options = { levels: 2, codebookSize: 4, iterations: 10, seed: 4 }
  const learn = (features: Float32Array, changed: Partial<NetworkOptions> = {}, run = quietly) =>
    learnQuantizer(features, [{ dimensions }], { ...options, ...networks(changed) }, run)

  let learned: ReturnType<typeof learn> | undefined
  const once = () => {
    learned ??= learn(points)
    return learned
  }

  test('gives the same bytes every time, with any number of threads, and others with another seed', async () => {
    const first = await once()
    expect(await learn(points)).toEqual(first)
    expect(await learn(points, {}, { ...quietly, threads: 2 })).toEqual(first)
    const other = await learnQuantizer(points, [{ dimensions }], { ...options, ...networks(), seed: 5 }, quietly)
    expect(other.codes).not.toEqual(first.codes)
  })

  test('codes features as it did while learning', async () => {
    const first = await once()
    const again = await applyQuantizer(points.slice(0, 10 * dimensions), first)
    expect(again.codes).toEqual(first.codes.slice(0, 20))
  })

  test.each<[string, Partial<NetworkOptions>]>([
    ['hidden', { hidden: [8, 4] }],
    ['no hidden layer', { hidden: [] }],
    ['commitment', { commitment: 2 }],
    ['learningRate', { learningRate: 0.001 }],
    ['epochs', { epochs: 11 }],
    ['batchSize', { batchSize: 32 }],
  ])('learns otherwise with another %s', async (_, changed) => {
    expect((await learn(points, changed)).codebooks.data).not.toEqual((await once()).codebooks.data)
  })

  test('puts entries that nothing uses where there is something, every so many epochs', async () => {
    // Three kinds of points: a fourth entry has nothing to stand for.
    const few = Float32Array.from({ length: 90 * dimensions }, (_, at) => [-3, 1, 2][Math.floor(at / dimensions) % 3])
    const never = await learn(few, { resetEpochs: 0 })
    const often = await learn(few, { resetEpochs: 2 })
    expect(often.codebooks.data).not.toEqual(never.codebooks.data)
  })

  test('says how far it is, and ends with what the listener throws', async () => {
    const steps: number[] = []
    await learn(points, { epochs: 3 }, { threads: 1, onStep: async (step) => void steps.push(step) })
    expect(steps.toSorted((a, b) => a - b)).toEqual(steps)
    // 5 steps an epoch after the start; the last of each counts the epoch as done.
    expect(steps.slice(-15)).toEqual([20, 20, 20, 20, 21, 21, 21, 21, 21, 22, 22, 22, 22, 22, 23])
    expect(learningSteps({ ...options, ...networks({ epochs: 3 }) })).toBe(23)
    const stop = new Error('stop')
    const onStep = (step: number) => (step > 20 ? Promise.reject(stop) : Promise.resolve())
    await expect(learn(points, {}, { threads: 1, onStep })).rejects.toBe(stop)
  })

  test('that diverges fails for good, naming the field', async () => {
    await expect(learn(points, { learningRate: 1e30 })).rejects.toMatchObject({
      reason: 'Diverged',
      field: `${name}.learningRate`,
      retryable: false,
    })
  })

  test.each([
    ['fewer points than entries', 3],
    ['one point', 1],
  ])('learns from %s', async (_, count) => {
    const { codes, codebooks } = await learn(points.slice(0, count * dimensions), { epochs: 2 })
    expect(codebooks.sizes).toEqual([count, count])
    expect(codes).toHaveLength(2 * count)
  })
})

describe.each(algorithms)('a tokenizer with %s', (_, networks) => {
  const itemCount = 120
  const dataset = groupedDataset(itemCount, 100)
  const build: BuildOptions = { ...smallBuild, ...networks() }
  const idsOf = (count: number) => Array.from({ length: count }, (_, item) => `item-${item}`)

  async function written(built: BuiltTokenizer) {
    const folder = await mkdtemp(join(tmpdir(), 'adloom-rq-vae-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    await writeTokenizer(folder, built, { digest: `sha256:${'0'.repeat(64)}`, itemIds: idsOf(itemCount) })
    return { path: (file: string) => join(folder, file) }
  }

  test('opens as it was written and codes items by their features, old and new', async () => {
    const built = await buildTokenizer(dataset, build)
    const artifact = await written(built)
    const tokenizer = await openTokenizer(artifact)
    expect(tokenizer).toMatchObject({ codebooks: built.codebooks, autoencoder: built.autoencoder })
    expect(tokenizer.vocabulary).toBe(vocabularyOf(built, built.featureModel))
    const nearest = await encode(built.features, tokenizer)
    const moved = idsOf(itemCount).filter((_, item) =>
      [0, 1, 2].some((level) => nearest[item * 3 + level] !== built.codes[item * 3 + level]),
    )
    expect(moved.length / itemCount).toBeLessThanOrEqual(built.report.collisionRate)
    const items = [0, 1, 2, 3].map((group) => ({
      text: dataset.itemText(group),
      attributes: dataset.itemAttributes(group),
    }))
    const fresh = await encodeNewItems(artifact, items)
    expect(buildTrie(Uint16Array.from([...built.codes, ...fresh.codes]), 3, itemCount + 4).itemCount).toBe(
      itemCount + 4,
    )
  })

  test('has a vocabulary that tells other weights of the network apart', async () => {
    const built = await buildTokenizer(dataset, build)
    const network = built.autoencoder ?? expect.unreachable('it has one')
    const autoencoder = { ...network, weights: network.weights.with(0, 5) }
    expect(vocabularyOf({ ...built, autoencoder }, built.featureModel)).not.toBe(
      vocabularyOf(built, built.featureModel),
    )
  })

  test('is reused: known items keep codes, new ones find paths, the error is told', async () => {
    const built = await buildTokenizer(dataset, build)
    const earlier = (await openEarlierTokenizer(await written(built))) ?? expect.unreachable('it tells its options')
    const more = groupedDataset(itemCount + 4, 100)
    const catalogue = { ...more, itemIds: idsOf(itemCount + 4) }
    const plan = planReuse(catalogue, earlier, { options: build, maxUnseenItemsPercent: 10 })
    expect(plan.reason).toBe('FewUnseenItems')
    const again = await reuseTokenizer(catalogue, earlier, plan.places)
    expect(again.codes.subarray(0, built.codes.length)).toEqual(built.codes)
    expect(buildTrie(again.codes, 3, itemCount + 4).itemCount).toBe(itemCount + 4)
    expect(vocabularyOf(again, again.featureModel)).toBe(earlier.vocabulary)
    expect(again.report.reconstructionError).toBeCloseTo(built.report.reconstructionError, 1)
    const other = { ...build, ...networks({ epochs: 11 }) }
    expect(planReuse(catalogue, earlier, { options: other, maxUnseenItemsPercent: 10 }).reason).toBe('OptionsDiffer')
    expect(planReuse(catalogue, earlier, { options: smallBuild, maxUnseenItemsPercent: 10 }).reason).toBe(
      'OptionsDiffer',
    )
  })
})
