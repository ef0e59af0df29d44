import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { TokenizerBuild } from '../../../crds/kinds/tokenizer-build.ts'
import { rqKMeansPlusDefaults, rqVaeDefaults } from '../../../crds/quantizer.ts'
import type { Creatives, Market } from '../../../workers/data/market/market.ts'
import { toJobFailure } from '../../../workers/processors/job-error.ts'
import { processTokenizerBuild } from '../../../workers/processors/tokenizer-build.ts'
import { buildOptions } from '../../../workers/processors/tokenizer-options.ts'
import { openEarlierTokenizer, openTokenizer, type ReadableArtifact } from '../../../workers/tokenizer/tokenizer.ts'
import { inputOf } from '../artifacts/support.ts'
import { payloadOf, publishDataset, type TestContext, testContext } from './support.ts'

const spec: TokenizerBuild['spec'] = {
  datasetRef: { name: 'logs' },
  features: {
    text: { dimensions: 8, ngrams: 2, buckets: 1024, weight: '1.0' },
    collaborative: { dimensions: 4, window: 5, weight: '0.5' },
  },
  algorithm: 'ResidualKMeans',
  levels: 2,
  codebookSize: 8,
  iterations: 10,
  collisions: 'Reassign',
  seed: 1,
  workerPoolRef: { name: 'default' },
  suspend: false,
  backoffLimit: 3,
}

const sequences = Array.from({ length: 30 }, (_, user) => [0, 1, 2, 3, 4].map((step) => ((user % 3) + 3 * step) % 15))
const items = Array.from({ length: 15 }, (_, item) => ({
  id: String(item),
  text: `${['nail red', 'hair dry', 'face cream'][item % 3]} ${item}`,
  attributes: [`Group ${item % 3}`],
}))

async function build(context: TestContext, changed: Partial<TokenizerBuild['spec']> = {}, market?: Market) {
  const { digest, dataset } = await publishDataset(context, { sequences, items })
  const payload = payloadOf('TokenizerBuild', { ...spec, ...changed }, { dataset: digest })
  return { dataset, outcome: await processTokenizerBuild(payload, context, async () => market) }
}

/** Three creatives of each of the first so many items. */
function marketWith(itemsWithCreatives: number): Market {
  const styles = ['bright summer', 'dark gold', 'plain white']
  const count = 3 * itemsWithCreatives
  const creatives: Creatives = {
    count,
    ids: Array.from({ length: count }, (_, creative) => `c${creative}`),
    item: Uint32Array.from({ length: count }, (_, creative) => Math.floor(creative / 3)),
    offsets: Uint32Array.from({ length: items.length + 1 }, (_, item) => Math.min(3 * item, count)),
    text: (creative) => styles[creative % 3] ?? '',
  }
  const none = { count: 0, ids: [] }
  const ads = { item: new Uint32Array(), advertiser: new Uint32Array(), bid: new Float64Array() }
  return {
    advertisers: { ...none, budget: new Float64Array() },
    ads: { ...none, ...ads, value: new Float64Array() },
    creatives,
  }
}

const creatives: NonNullable<TokenizerBuild['spec']['creatives']> = {
  features: { text: { dimensions: 4, ngrams: 1, buckets: 256, weight: '1.0' } },
  algorithm: 'ResidualKMeans',
  levels: 2,
  codebookSize: 4,
}

describe('a TokenizerBuild', () => {
  test('publishes a tokenizer of its Dataset and says how good it is', async () => {
    const context = await testContext()
    const { dataset, outcome } = await build(context)
    const artifact = await context.store.open(outcome.artifact.digest)
    const tokenizer = await openTokenizer(artifact)
    expect(artifact.manifest).toMatchObject({
      kind: 'Tokenizer',
      createdBy: { engine: 'test-engine' },
      metadata: { datasetDigest: dataset.digest, summary: outcome.summary },
    })
    expect(tokenizer).toMatchObject({ datasetDigest: dataset.digest, itemCount: 15, levels: 2 })
    expect(outcome.summary).toMatchObject({ items: 15, levels: 2, utilization: [1, expect.any(Number)] })
    expect(outcome.summary).toMatchObject({ codebooks: 'Learned', codebooksReason: 'NothingToReuse' })
    expect(outcome.summary.codeShares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12)
    expect(context.updates.at(-1)).toEqual({ phase: 'Collisions', step: 20, totalSteps: 20 })
  })

  test('gives the same artifact with any number of threads', async () => {
    const digests = []
    for (const threads of [1, 2]) digests.push((await build(await testContext({ threads }))).outcome.artifact.digest)
    expect(digests[1]).toBe(digests[0])
  })

  test('publishes nothing once another worker holds the job', async () => {
    for (const supersededAt of ['Features', 'Quantization', 'mayWrite']) {
      const context = await testContext({ supersededAt })
      await expect(build(context)).rejects.toMatchObject({ reason: 'Superseded' })
      const { inputDigest } = payloadOf('TokenizerBuild', spec, {})
      expect(await context.store.findByInput('ads', inputDigest)).toBeUndefined()
    }
  })

  test('that its Dataset cannot serve fails for good, naming the field', async () => {
    const context = await testContext()
    const failure = await build(context, { features: { embedding: { weight: '1.0' } } }).catch(toJobFailure)
    expect(failure).toMatchObject({
      reason: 'NoItemEmbedding',
      retryable: false,
      message: expect.stringContaining('spec.features.embedding'),
    })
  })
})

describe.each<[string, Partial<TokenizerBuild['spec']>, object]>([
  [
    'RQVAE',
    { algorithm: 'RQVAE', rqvae: { ...rqVaeDefaults, hidden: [8], latentDimensions: 4, epochs: 2, batchSize: 8 } },
    { hidden: [8], latentDimensions: 4 },
  ],
  [
    'RQKMeansPlus',
    { algorithm: 'RQKMeansPlus', rqKMeansPlus: { ...rqKMeansPlusDefaults, hidden: [8], epochs: 2, batchSize: 8 } },
    { hidden: [8], residual: true },
  ],
])('a TokenizerBuild with %s', (_, changed, network) => {
  test('learns a network, counts its epochs as steps, and gives the same artifact with any number of threads', async () => {
    const digests = []
    for (const threads of [1, 2]) {
      const context = await testContext({ threads })
      const { outcome } = await build(context, changed)
      digests.push(outcome.artifact.digest)
      const tokenizer = await openTokenizer(await context.store.open(outcome.artifact.digest))
      expect(tokenizer.autoencoder).toMatchObject(network)
      expect(context.updates.at(-1)).toEqual({ phase: 'Collisions', step: 22, totalSteps: 22 })
    }
    expect(digests[1]).toBe(digests[0])
  })

  test('that was ended in the middle gives the same artifact when it starts over', async () => {
    const context = await testContext()
    const killed = await testContext()
    const progress: TestContext['progress'] = async ({ step }) => {
      if (step === 21) throw new Error('killed')
    }
    await expect(build({ ...killed, progress }, changed)).rejects.toThrow('killed')
    const { outcome } = await build(killed, changed)
    expect(outcome.artifact.digest).toBe((await build(context, changed)).outcome.artifact.digest)
  })
})

test('a TokenizerBuild takes the defaults where settings of its algorithm are absent, and no other settings', () => {
  expect(buildOptions({ ...spec, algorithm: 'RQVAE' })).toMatchObject({
    rqvae: { hidden: [512, 256, 128], latentDimensions: 32, commitment: 0.25, learningRate: 0.001 },
  })
  const plus = buildOptions({ ...spec, algorithm: 'RQKMeansPlus' })
  expect(plus.rqKMeansPlus).toMatchObject({ commitment: 0.25, batchSize: 256, resetEpochs: 5 })
  expect(plus).not.toHaveProperty('rqvae')
  expect(buildOptions(spec)).not.toHaveProperty('rqvae')
  expect(buildOptions(spec)).not.toHaveProperty('rqKMeansPlus')
})

describe('a TokenizerBuild that asks for creatives', () => {
  test('codes them beside the items, which stay as they are without', async () => {
    const context = await testContext()
    const { outcome } = await build(context, { creatives }, marketWith(10))
    const artifact = await context.store.open(outcome.artifact.digest)
    const tokenizer = await openTokenizer(artifact)
    expect(tokenizer.creatives).toMatchObject({ count: 30, levels: 2, codebookSizes: [4, 4], featureDimensions: 4 })
    expect(tokenizer.creatives?.ids[4]).toBe('c4')
    const told = { count: 30, levels: 2, collisionRate: 0, codebooksReason: 'NothingToReuse' }
    expect(outcome.summary.creatives).toMatchObject(told)
    expect(artifact.manifest.metadata.summary).toMatchObject({ creatives: told })
    expect(context.updates.at(-1)).toMatchObject({ phase: 'Creatives', totalSteps: 40 })
    const without = await openTokenizer(
      await context.store.open((await build(await sameStore(context))).outcome.artifact.digest),
    )
    expect(without.creatives).toBeUndefined()
    expect(without).toMatchObject({
      codes: tokenizer.codes,
      features: tokenizer.features,
      vocabulary: tokenizer.vocabulary,
    })
  })

  const sameStore = async (context: TestContext): Promise<TestContext> => ({
    ...(await testContext()),
    store: context.store,
  })

  test.each([
    ['no advertising tables', undefined],
    ['no creatives', { ...marketWith(1), creatives: undefined }],
  ])('of a Dataset with %s fails for good before anything is learned', async (_, market) => {
    const context = await testContext()
    const failure = await build(context, { creatives }, market as Market | undefined).catch(toJobFailure)
    expect(failure).toMatchObject({
      reason: 'NoCreatives',
      retryable: false,
      message: expect.stringContaining('spec.creatives'),
    })
    expect(context.updates).toEqual([])
  })

  test('keeps their codes at a retraining, by the rule of items, and says so', async () => {
    const context = await testContext()
    const first = (await build(context, { creatives }, marketWith(14))).outcome.artifact.digest
    const reuse = { digest: `sha256:${'0'.repeat(64)}`, maxUnseenItemsPercent: 10 }
    const { digest } = await publishDataset(context, { sequences, items })
    const again = async (changed: Partial<TokenizerBuild['spec']>) => {
      const asked = payloadOf(
        'TokenizerBuild',
        { ...spec, creatives, reuse, ...changed },
        { dataset: digest, reuse: first },
      )
      const { artifact, summary } = await processTokenizerBuild(
        { ...asked, inputDigest: inputOf(JSON.stringify(changed)) },
        context,
        async () => marketWith(15),
      )
      return { summary, tokenizer: await openTokenizer(await context.store.open(artifact.digest)) }
    }
    const before = (await openTokenizer(await context.store.open(first))).creatives ?? expect.unreachable()
    const kept = await again({})
    expect(kept.summary.creatives).toMatchObject({
      codebooks: 'Reused',
      codebooksReason: 'FewUnseenItems',
      unseenPercent: 100 / 15,
    })
    expect(kept.tokenizer.creatives?.codes.subarray(0, before.codes.length)).toEqual(before.codes)
    expect(kept.tokenizer.creatives?.vocabulary).toBe(before.vocabulary)
    const other = await again({ creatives: { ...creatives, codebookSize: 8 } })
    expect(other.summary).toMatchObject({
      codebooks: 'Reused',
      creatives: { codebooks: 'Learned', codebooksReason: 'OptionsDiffer' },
    })
  })
})

describe('a TokenizerBuild that reuses an earlier one', () => {
  const more = [...items, { id: '15', text: 'nail red 15', attributes: ['Group 0'] }]
  const reuse = (maxUnseenItemsPercent: number) => ({ digest: `sha256:${'0'.repeat(64)}`, maxUnseenItemsPercent })

  async function next(context: TestContext, earlier: string, changed: Partial<TokenizerBuild['spec']>) {
    const { digest } = await publishDataset(context, { sequences: [...sequences, [0, 1, 2, 15, 3]], items: more })
    const payload = payloadOf('TokenizerBuild', { ...spec, ...changed }, { dataset: digest, reuse: earlier })
    const { artifact, summary } = await processTokenizerBuild(payload, context)
    const opened = await context.store.open(artifact.digest)
    return { summary, manifest: opened.manifest, tokenizer: await openAgain(opened) }
  }

  const openAgain = async (artifact: ReadableArtifact) =>
    (await openEarlierTokenizer(artifact)) ?? expect.unreachable('it tells its options')

  const codesById = ({ itemIds, codes, levels }: Awaited<ReturnType<typeof openAgain>>) =>
    Object.fromEntries(itemIds.map((id, item) => [id, codes.slice(item * levels, (item + 1) * levels).join('-')]))

  test('keeps the codes of known items through a new numbering, and says so', async () => {
    const context = await testContext()
    const first = (await build(context)).outcome.artifact.digest
    const before = await openAgain(await context.store.open(first))
    const { summary, manifest, tokenizer } = await next(context, first, { reuse: reuse(10) })
    expect(summary).toMatchObject({ codebooks: 'Reused', codebooksReason: 'FewUnseenItems', unseenItemsPercent: 6.25 })
    // The new item stands among the others, so that places of known ones have moved.
    expect(tokenizer.itemIds.indexOf('15')).toBeLessThan(15)
    expect(codesById(tokenizer)).toMatchObject(codesById(before))
    expect(tokenizer.vocabulary).toBe(before.vocabulary)
    expect(manifest.metadata).toMatchObject({ parent: first, vocabulary: before.vocabulary })
  })

  test('learns anew, and says why, beyond the limit or with other options', async () => {
    const context = await testContext()
    const first = (await build(context)).outcome.artifact.digest
    const before = await openTokenizer(await context.store.open(first))
    const beyond = await next(context, first, { reuse: reuse(6) })
    expect(beyond.summary).toMatchObject({ codebooks: 'Learned', codebooksReason: 'TooManyUnseenItems' })
    expect(beyond.tokenizer.vocabulary).not.toBe(before.vocabulary)
    const other = await next(context, first, { reuse: reuse(10), seed: 2 })
    expect(other.summary).toMatchObject({ codebooks: 'Learned', codebooksReason: 'OptionsDiffer' })
    expect(beyond.tokenizer.learned).toEqual(new Uint8Array(16).fill(1))
  })

  test('learns anew where the earlier one does not tell what it was built with', async () => {
    const context = await testContext()
    const made = await context.store.open((await build(context)).outcome.artifact.digest)
    const old = await context.store.publish(
      { kind: 'Tokenizer', inputDigest: inputOf('old'), metadata: {} },
      async (folder) => {
        const text = (await made.readFile('tokenizer.json')).toString()
        const { options: _, ...description } = JSON.parse(text) as Record<string, unknown>
        await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(description))
      },
    )
    const { summary } = await next(context, old.digest, { reuse: reuse(100) })
    expect(summary).toMatchObject({ codebooks: 'Learned', codebooksReason: 'OptionsDiffer' })
  })

  test('refuses what is no tokenizer', async () => {
    const context = await testContext()
    const { digest } = await publishDataset(context, { sequences, items })
    const running = next(context, digest, { reuse: reuse(10) })
    await expect(running).rejects.toMatchObject({ reason: 'NotATokenizer', retryable: false })
  })
})
