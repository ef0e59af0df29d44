import { beforeEach, describe, expect, test } from 'vitest'
import type { EvaluationSummary } from '../../../crds/jobs.ts'
import type { Evaluation } from '../../../crds/kinds/evaluation.ts'
import type { Dataset } from '../../../workers/data/dataset-reader.ts'
import { sequenceOf } from '../../../workers/data/sequences.ts'
import { compare } from '../../../workers/evaluation/evaluate.ts'
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
  const outcome = await processEvaluation(payload, context, { openModel: async () => ringModel(dataset, released) })
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
    const { summary } = await processEvaluation(payload, context, {
      openModel: async () => ringModel(older.dataset, []),
    })
    expect(sequenceOf(dataset, 0)).toHaveLength(5)
    expect(values(summary)['Recall@1']).toBe(1)
  })

  test('releases the model and publishes nothing once another worker holds the job', async () => {
    for (const supersededAt of ['Model', 'ItemCF', 'mayWrite']) {
      const context = await testContext({ supersededAt })
      const { digest, dataset } = await publishDataset(context, { sequences })
      const released: string[] = []
      const payload = payloadOf('Evaluation', spec, { dataset: digest, model: inputOf('model') })
      const running = processEvaluation(payload, context, { openModel: async () => ringModel(dataset, released) })
      await expect(running).rejects.toMatchObject({ reason: 'Superseded' })
      expect(released).toEqual(['released'])
    }
  })

  test('of a part without targets fails for good', async () => {
    const context = await testContext()
    const { digest, dataset } = await publishDataset(context, { sequences: [[0, 1]] })
    const payload = payloadOf('Evaluation', spec, { dataset: digest, model: inputOf('model') })
    await expect(
      processEvaluation(payload, context, { openModel: async () => ringModel(dataset, []) }),
    ).rejects.toMatchObject({
      reason: 'NoCases',
      retryable: false,
    })
  })
})

describe('an Evaluation with a champion', () => {
  const champion = inputOf('champion')
  const alone = { cutoffs: [1, 3], baselines: ['PopRec' as const] }

  /** Recommends the next but one first: it finds nothing at 1, everything at 3. */
  const lagging = (model: TrainedRecommender): TrainedRecommender => ({
    ...model,
    recommend: async (histories, count) =>
      (await model.recommend(histories, count + 1)).map((list) =>
        Uint32Array.from([...list.slice(1, 2), ...list.slice(0, 1), ...list.slice(2)]).slice(0, count),
      ),
  })

  async function judge(
    opened: (dataset: Dataset) => Record<string, TrainedRecommender>,
    changed: Partial<Evaluation['spec']> = {},
    context: TestContext = testContextNow,
  ) {
    const { digest, dataset } = await publishDataset(context, { sequences })
    const inputs = { dataset: digest, model: inputOf('model'), champion }
    const models = opened(dataset)
    const payload = payloadOf('Evaluation', { ...spec, ...alone, ...changed }, inputs)
    return processEvaluation(payload, context, { openModel: async (wanted) => models[wanted] })
  }

  let testContextNow: TestContext
  beforeEach(async () => {
    testContextNow = await testContext()
  })

  test('that is the model itself differs by exactly nothing', async () => {
    const { summary } = await judge((dataset) => ({
      [inputOf('model')]: lagging(ringModel(dataset, [])),
      [champion]: lagging(ringModel(dataset, [])),
    }))
    expect(summary.comparison?.map(({ metric }) => metric)).toEqual(['Recall@1', 'NDCG@1', 'Recall@3', 'NDCG@3'])
    for (const { difference, low, high } of summary.comparison ?? []) expect([difference, low, high]).toEqual([0, 0, 0])
  })

  test('ranks the same cases with both, compares them, and judges by the difference', async () => {
    const released: string[] = []
    const gate = { metric: 'NDCG@3', judgedBy: 'IntervalBound' as const }
    const outcome = await judge(
      (dataset) => ({
        [inputOf('model')]: ringModel(dataset, released),
        [champion]: lagging(ringModel(dataset, released)),
      }),
      {
        gates: [
          { ...gate, name: 'better', minDifferenceToChampion: '0.3' },
          { ...gate, name: 'far-better', minDifferenceToChampion: '0.4' },
        ],
      },
    )
    const { summary } = outcome
    expect(values(summary)).toMatchObject({ 'Recall@1': 1, 'Champion Recall@1': 0, 'Champion Recall@3': 1 })
    const gain = 1 - 1 / Math.log2(3)
    expect(summary.comparison).toContainEqual({
      metric: 'NDCG@3',
      difference: expect.closeTo(gain, 12),
      low: expect.closeTo(gain, 12),
      high: expect.closeTo(gain, 12),
    })
    expect(summary.gates.map(({ passed }) => passed)).toEqual([true, false])
    expect(released).toEqual(['released', 'released'])
    expect(testContextNow.updates.map(({ phase }) => phase)).toEqual(['Model', 'Champion', 'PopRec', 'Resampling'])
    const { metadata } = (await testContextNow.store.open(outcome.artifact.digest)).manifest
    expect(metadata).toMatchObject({ championDigest: champion, summary })
  })

  test('of an earlier revision is measured by item ids, and never recommends what it does not know', async () => {
    const older = await publishDataset(testContextNow, {
      sequences: sequences.map((sequence) => sequence.filter((item) => item !== 4)),
    })
    const { summary } = await judge((dataset) => ({
      [inputOf('model')]: ringModel(dataset, []),
      [champion]: {
        ...ringModel(older.dataset, []),
        recommend: async (histories, count) =>
          histories.map((history) => {
            const last = Number(older.dataset.itemIds[history.at(-1) ?? 0])
            const ring = Array.from({ length: 12 }, (_, step) => String((last + 1 + step) % 12))
            const known = ring.flatMap((id) => older.dataset.findItem(id) ?? [])
            return Uint32Array.from(known.filter((item) => !history.includes(item)).slice(0, count))
          }),
      },
    }))
    // Targets are spread evenly over the ring: the one in twelve that is item 4 is out of reach.
    expect(values(summary)['Recall@1']).toBe(1)
    expect(values(summary)['Champion Recall@3']).toBeCloseTo(11 / 12, 12)
  })

  test('that shares no item with the Dataset is refused', async () => {
    const foreign = await publishDataset(testContextNow, { sequences: [[100, 101, 102, 103]] })
    const running = judge((dataset) => ({
      [inputOf('model')]: ringModel(dataset, []),
      [champion]: ringModel(foreign.dataset, []),
    }))
    await expect(running).rejects.toMatchObject({ reason: 'ModelOfOtherItems', retryable: false })
  })

  test('is told by an independent computation on a small case', () => {
    const users = Uint32Array.of(0, 0, 1, 2)
    const model = { name: '', ranks: Uint32Array.of(1, 2, 0, 1) }
    const other = { name: 'Champion', ranks: Uint32Array.of(2, 1, 1, 0) }
    const { comparisons } = compare(users, model, [other], { cutoffs: [1], samples: 4000, seed: 3 })
    const found = comparisons.find(({ metric }) => metric === 'Recall@1')
    // By user: sum of differences and number of cases. Every resample of three users, each as likely as any other.
    const byUser = [
      [0, 2],
      [-1, 1],
      [1, 1],
    ]
    const means = byUser.flatMap((a) =>
      byUser.flatMap((b) => byUser.map((c) => (a[0] + b[0] + c[0]) / (a[1] + b[1] + c[1]))),
    )
    const sorted = means.sort((a, b) => a - b)
    expect(found?.difference.mean).toBe(0)
    // The extreme means, -1 and 1, have a probability of 1/27 each, which is more than 2.5 %.
    expect([found?.difference.low, found?.difference.high]).toEqual([sorted[0], sorted[26]])
  })
})
