import { describe, expect, test } from 'vitest'
import type { EvaluationSummary } from '../../../crds/jobs.ts'
import type { Evaluation } from '../../../crds/kinds/evaluation.ts'
import type { Dataset } from '../../../workers/data/dataset-reader.ts'
import { sequenceOf } from '../../../workers/data/sequences.ts'
import type { TrainedRecommender } from '../../../workers/evaluation/recommender.ts'
import { processEvaluation } from '../../../workers/processors/evaluation.ts'
import { inputOf } from '../artifacts/support.ts'
import { payloadOf, publishDataset, type TestContext, testContext } from './support.ts'

const spec: Evaluation['spec'] = {
  model: { digest: inputOf('model') },
  datasetRef: { name: 'logs' },
  split: 'Test',
  cutoffs: [1, 3],
  beamSize: 50,
  baselines: ['PopRec', 'ItemCF'],
  bootstrapSamples: 200,
  seed: 1,
  workerPoolRef: { name: 'default' },
  suspend: false,
  backoffLimit: 3,
}

/** Each user walks up a ring of 12 items from a start of its own. */
const sequences = Array.from({ length: 24 }, (_, user) => [0, 1, 2, 3, 4].map((step) => (user + step) % 12))

/** Knows the ring: the item whose id comes next is first. */
function ringModel(dataset: Dataset, released: string[]): TrainedRecommender {
  return {
    name: 'model',
    datasetDigest: dataset.digest,
    itemIds: dataset.itemIds,
    recommend: async (histories, count) =>
      histories.map((history) => {
        const last = Number(dataset.itemIds[history.at(-1) ?? 0])
        const next = Array.from({ length: 12 }, (_, step) => dataset.findItem(String((last + 1 + step) % 12)) ?? 0)
        return Uint32Array.from(next.filter((item) => !history.includes(item)).slice(0, count))
      }),
    release: async () => void released.push('released'),
  }
}

async function evaluate(context: TestContext, changed: Partial<Evaluation['spec']> = {}) {
  const { digest, dataset } = await publishDataset(context, { sequences })
  const released: string[] = []
  const payload = payloadOf('Evaluation', { ...spec, ...changed }, { dataset: digest, model: inputOf('model') })
  const outcome = await processEvaluation(payload, context, async () => ringModel(dataset, released))
  return { dataset, released, outcome }
}

const values = ({ metrics }: EvaluationSummary) => Object.fromEntries(metrics.map(({ name, value }) => [name, value]))

describe('an Evaluation', () => {
  test('measures the model and the baselines on every target', async () => {
    const context = await testContext()
    const { outcome, released } = await evaluate(context)
    expect(outcome.summary.cases).toBe(24)
    expect(values(outcome.summary)).toMatchObject({ 'Recall@1': 1, 'NDCG@3': 1, 'ItemCF Recall@3': 1 })
    expect(outcome.summary.metrics).toHaveLength(12)
    expect(released).toEqual(['released'])
    expect(context.updates.map(({ phase }) => phase)).toEqual(['Model', 'PopRec', 'ItemCF', 'Resampling'])
    expect(context.updates.map(({ step }) => step)).toEqual([24, 48, 72, 72])
  })

  test('publishes every metric and every rank', async () => {
    const context = await testContext()
    const { outcome, dataset } = await evaluate(context)
    const artifact = await context.store.open(outcome.artifact.digest)
    const metrics = JSON.parse((await artifact.readFile('metrics.json')).toString())
    expect(metrics).toMatchObject({ ...outcome.summary, systems: ['', 'PopRec', 'ItemCF'] })
    expect(metrics.comparisons).toHaveLength(8)
    const ranks = new Uint32Array(new Uint8Array(await artifact.readFile('ranks.u32')).buffer)
    expect(ranks).toHaveLength(3 * 24)
    expect([...ranks.subarray(0, 24)]).toEqual(new Array(24).fill(1))
    expect(await artifact.readFile('users.u32')).toHaveLength(4 * dataset.userCount)
    expect(artifact.manifest).toMatchObject({ kind: 'Evaluation', metadata: { datasetDigest: dataset.digest } })
  })

  test('gives the same artifact when it runs again', async () => {
    const digests = []
    for (const threads of [1, 2]) digests.push((await evaluate(await testContext({ threads }))).outcome.artifact.digest)
    expect(digests[1]).toBe(digests[0])
  })

  test('judges gates', async () => {
    const gate = { metric: 'Recall@1', judgedBy: 'IntervalBound' } as const
    const { outcome } = await evaluate(await testContext(), {
      gates: [
        { ...gate, name: 'perfect', min: '1' },
        { ...gate, name: 'beats-popularity', minRelativeToBaseline: { baseline: 'PopRec', value: '0.5' } },
        { ...gate, name: 'no-better-than-half', max: '0.5' },
      ],
    })
    expect(outcome.summary.gates.map(({ name, passed }) => [name, passed])).toEqual([
      ['perfect', true],
      ['beats-popularity', true],
      ['no-better-than-half', false],
    ])
  })

  test('measures the validation part with what came before it', async () => {
    const { outcome } = await evaluate(await testContext(), { split: 'Validation' })
    expect(values(outcome.summary)['Recall@1']).toBe(1)
  })

  test('translates a model of another revision by item ids', async () => {
    const context = await testContext()
    const older = await publishDataset(context, { sequences: sequences.slice(0, 12).toReversed() })
    const { digest, dataset } = await publishDataset(context, { sequences })
    expect(older.digest).not.toBe(digest)
    const payload = payloadOf('Evaluation', spec, { dataset: digest, model: inputOf('model') })
    const { summary } = await processEvaluation(payload, context, async () => ringModel(older.dataset, []))
    expect(sequenceOf(dataset, 0)).toHaveLength(5)
    expect(values(summary)['Recall@1']).toBe(1)
  })

  test('releases the model and publishes nothing once another worker holds the job', async () => {
    for (const supersededAt of ['Model', 'ItemCF', 'mayWrite']) {
      const context = await testContext({ supersededAt })
      const { digest, dataset } = await publishDataset(context, { sequences })
      const released: string[] = []
      const payload = payloadOf('Evaluation', spec, { dataset: digest, model: inputOf('model') })
      const running = processEvaluation(payload, context, async () => ringModel(dataset, released))
      await expect(running).rejects.toMatchObject({ reason: 'Superseded' })
      expect(released).toEqual(['released'])
    }
  })

  test('of a part without targets fails for good', async () => {
    const context = await testContext()
    const { digest, dataset } = await publishDataset(context, { sequences: [[0, 1]] })
    const payload = payloadOf('Evaluation', spec, { dataset: digest, model: inputOf('model') })
    await expect(processEvaluation(payload, context, async () => ringModel(dataset, []))).rejects.toMatchObject({
      reason: 'NoCases',
      retryable: false,
    })
  })
})
