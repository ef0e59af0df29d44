import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Random } from '../../../workers/tensor/random.ts'
import { type BuildOptions, type BuiltTokenizer, buildTokenizer } from '../../../workers/tokenizer/build.ts'
import { encode, encodeNewItems } from '../../../workers/tokenizer/encoder.ts'
import {
  applyQuantizer,
  type LearningRun,
  learningSteps,
  learnQuantizer,
} from '../../../workers/tokenizer/quantizer.ts'
import { utilization } from '../../../workers/tokenizer/residual-quantizer.ts'
import { reuseTokenizer } from '../../../workers/tokenizer/reuse.ts'
import { planReuse } from '../../../workers/tokenizer/reuse-plan.ts'
import type { RqVaeOptions } from '../../../workers/tokenizer/rq-vae.ts'
import { openEarlierTokenizer, openTokenizer, writeTokenizer } from '../../../workers/tokenizer/tokenizer.ts'
import { buildTrie } from '../../../workers/tokenizer/trie.ts'
import { vocabularyOf } from '../../../workers/tokenizer/vocabulary.ts'
import { groupedDataset, smallBuild } from './support.ts'

const rqvae: RqVaeOptions = {
  hidden: [16],
  latentDimensions: 4,
  commitment: 0.25,
  learningRate: 0.01,
  epochs: 10,
  batchSize: 64,
  resetEpochs: 5,
  standardize: true,
}
const dimensions = 6
const quiet: LearningRun = { threads: 1, onStep: async () => {} }
const options = { levels: 2, codebookSize: 4, iterations: 10, seed: 4, rqvae }

/** Points around centres that are four far corners plus four near ones each; mean zero. */
function clusters(count: number): Float32Array {
  const random = new Random('clusters')
  const points = new Float32Array(count * dimensions)
  for (let point = 0; point < count; point++) {
    const far = point % 4
    const near = Math.floor(point / 4) % 4
    for (let column = 0; column < dimensions; column++) {
      const outer = column < 2 ? 3 * (((far >> column) & 1) * 2 - 1) : 0
      const inner = column >= 2 && column < 4 ? ((near >> (column - 2)) & 1) * 2 - 1 : 0
      points[point * dimensions + column] = outer + inner + 0.05 * random.normal()
    }
  }
  return points
}

const learn = (points: Float32Array, changed: Partial<RqVaeOptions> = {}, run = quiet) =>
  learnQuantizer(points, [{ dimensions }], { ...options, rqvae: { ...rqvae, ...changed } }, run)

describe('an RQ-VAE', () => {
  const points = clusters(320)

  test('finds clusters of clusters: every entry is in use, points of one keep together, the error is small', async () => {
    const learned = await learn(points, { standardize: false, hidden: [32], epochs: 60 })
    const { codes, codebooks, autoencoder } = learned
    expect(codebooks).toMatchObject({ dimensions: 4, sizes: [4, 4] })
    expect(autoencoder).toMatchObject({ dimensions, hidden: [32], latentDimensions: 4 })
    expect(utilization(codes, codebooks.sizes)).toEqual([1, 1])
    const path = (point: number) => codes.subarray(point * 2, point * 2 + 2).join('-')
    const together = Array.from({ length: 320 }, (_, point) => point).filter(
      (point) => path(point) === path(point % 16),
    )
    expect(together.length / 320).toBeGreaterThan(0.9)
    expect(new Set(codes.map((_, index) => codes[index - (index % 2)] * 4 + codes[index | 1])).size).toBeGreaterThan(10)
    expect(learned.reconstructionError).toBeLessThan(0.05)
  })

  test('learns: the error falls with epochs', async () => {
    const errors = []
    for (const epochs of [1, 20]) {
      errors.push((await learn(points, { epochs, standardize: false })).reconstructionError)
    }
    expect(errors[1]).toBeLessThan(errors[0] / 2)
  })

  test('gives the same bytes every time, with any number of threads', async () => {
    const first = await learn(points)
    expect(await learn(points)).toEqual(first)
    expect(await learn(points, {}, { ...quiet, threads: 2 })).toEqual(first)
    expect((await learnQuantizer(points, [{ dimensions }], { ...options, seed: 5 }, quiet)).codes).not.toEqual(
      first.codes,
    )
  })

  test('codes features as it did while learning', async () => {
    const learned = await learn(points)
    const again = await applyQuantizer(points.slice(0, 10 * dimensions), learned)
    expect(again.codes).toEqual(learned.codes.slice(0, 20))
  })

  test('says how far it is, and ends with what the listener throws', async () => {
    const steps: number[] = []
    await learn(points, { epochs: 3 }, { threads: 1, onStep: async (step) => void steps.push(step) })
    expect(steps.toSorted((a, b) => a - b)).toEqual(steps)
    // 5 steps an epoch after the start; the last of each counts the epoch as done.
    expect(steps.slice(-15)).toEqual([20, 20, 20, 20, 21, 21, 21, 21, 21, 22, 22, 22, 22, 22, 23])
    expect(learningSteps({ ...options, rqvae: { ...rqvae, epochs: 3 } })).toBe(23)
    const stop = new Error('stop')
    const onStep = (step: number) => (step > 20 ? Promise.reject(stop) : Promise.resolve())
    await expect(learn(points, {}, { threads: 1, onStep })).rejects.toBe(stop)
  })

  test('that diverges fails for good, naming the field', async () => {
    await expect(learn(points, { learningRate: 1e30 })).rejects.toMatchObject({
      reason: 'Diverged',
      field: 'rqvae.learningRate',
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

describe('a tokenizer with RQVAE', () => {
  const itemCount = 120
  const dataset = groupedDataset(itemCount, 100)
  const build: BuildOptions = { ...smallBuild, rqvae: { ...rqvae, epochs: 10 } }
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
    const other = { ...build, rqvae: { ...rqvae, epochs: 11 } }
    expect(planReuse(catalogue, earlier, { options: other, maxUnseenItemsPercent: 10 }).reason).toBe('OptionsDiffer')
    expect(planReuse(catalogue, earlier, { options: smallBuild, maxUnseenItemsPercent: 10 }).reason).toBe(
      'OptionsDiffer',
    )
  })
})
