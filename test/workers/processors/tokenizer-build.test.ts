import { describe, expect, test } from 'vitest'
import type { TokenizerBuild } from '../../../crds/kinds/tokenizer-build.ts'
import { toJobFailure } from '../../../workers/processors/job-error.ts'
import { processTokenizerBuild } from '../../../workers/processors/tokenizer-build.ts'
import { openTokenizer } from '../../../workers/tokenizer/tokenizer.ts'
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
