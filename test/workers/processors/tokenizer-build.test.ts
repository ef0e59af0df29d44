import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { TokenizerBuild } from '../../../crds/kinds/tokenizer-build.ts'
import { toJobFailure } from '../../../workers/processors/job-error.ts'
import { processTokenizerBuild } from '../../../workers/processors/tokenizer-build.ts'
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

async function build(context: TestContext, changed: Partial<TokenizerBuild['spec']> = {}) {
  const { digest, dataset } = await publishDataset(context, { sequences, items })
  const payload = payloadOf('TokenizerBuild', { ...spec, ...changed }, { dataset: digest })
  return { dataset, outcome: await processTokenizerBuild(payload, context) }
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
