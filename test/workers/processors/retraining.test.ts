import { expect, test } from 'vitest'
import type { EvaluationSummary, JobKind } from '../../../crds/jobs.ts'
import type { Evaluation } from '../../../crds/kinds/evaluation.ts'
import type { TokenizerBuild } from '../../../crds/kinds/tokenizer-build.ts'
import type { TrainingRun } from '../../../crds/kinds/training-run.ts'
import { processEvaluation } from '../../../workers/processors/evaluation.ts'
import { processTokenizerBuild } from '../../../workers/processors/tokenizer-build.ts'
import { processTrainingRun } from '../../../workers/processors/training-run.ts'
import { inputOf } from '../artifacts/support.ts'
import { tinyTrainingSpec } from '../ranker/tiny-spec.ts'
import { payloadOf, publishDataset, testContext } from './support.ts'

const policy = { datasetRef: { name: 'logs' }, workerPoolRef: { name: 'default' }, suspend: false, backoffLimit: 0 }
const tokenizerSpec: TokenizerBuild['spec'] = {
  features: { text: { dimensions: 8, ngrams: 1, buckets: 512, weight: '1.0' } },
  algorithm: 'ResidualKMeans',
  levels: 2,
  codebookSize: 8,
  iterations: 5,
  collisions: 'Reassign',
  seed: 1,
  ...policy,
}
const trainingSpec: TrainingRun['spec'] = {
  ...tinyTrainingSpec,
  ...policy,
  tokenizerRef: { name: 'tokens' },
  model: { ...tinyTrainingSpec.model, dropout: '0' },
  optimizer: { ...tinyTrainingSpec.optimizer, schedule: 'Constant', weightDecay: '0' },
  maxEpochs: 8,
  earlyStopping: { patienceEpochs: 0, validationUsers: 0 },
}
const evaluationSpec: Evaluation['spec'] = {
  model: { digest: inputOf('model') },
  split: 'Test',
  cutoffs: [1, 5],
  beamSize: 30,
  baselines: ['PopRec'],
  bootstrapSamples: 200,
  seed: 1,
  ...policy,
}

const itemsOf = (count: number) =>
  Array.from({ length: count }, (_, item) => ({
    id: String(item),
    text: `${['nail red', 'hair dry', 'face cream'][item % 3]} number${item}`,
    attributes: [`Group ${item % 3}`],
  }))
/** Everyone walks up the same ring, each from a place of their own. */
const walks = (users: number, length: number, ring: number) =>
  Array.from({ length: users }, (_, user) => Array.from({ length }, (_, step) => (user * 7 + step) % ring))

const valuesOf = ({ metrics }: EvaluationSummary, prefix: string) =>
  metrics
    .filter(({ name }) => name.startsWith(prefix))
    .map((metric) => ({ ...metric, name: metric.name.slice(prefix.length) }))

test('a changed log is learned from the earlier model on, and both are measured on it', async () => {
  const context = await testContext()
  let jobs = 0
  const job = <Spec>(kind: JobKind, spec: Spec, inputs: Record<string, string>) => ({
    ...payloadOf(kind, spec, inputs),
    inputDigest: inputOf(`job ${jobs++}`),
  })
  const first = await publishDataset(context, { sequences: walks(40, 7, 20), items: itemsOf(20) })
  const tokens = (await processTokenizerBuild(job('TokenizerBuild', tokenizerSpec, { dataset: first.digest }), context))
    .artifact
  const parent = (
    await processTrainingRun(
      job('TrainingRun', trainingSpec, { dataset: first.digest, tokenizer: tokens.digest }),
      context,
    )
  ).artifact.digest

  // Everyone went on, and two items are new.
  const { digest: dataset } = await publishDataset(context, { sequences: walks(40, 9, 22), items: itemsOf(22) })
  const reuse = { digest: tokens.digest, maxUnseenItemsPercent: 10 }
  const again = await processTokenizerBuild(
    job('TokenizerBuild', { ...tokenizerSpec, reuse }, { dataset, reuse: tokens.digest }),
    context,
  )
  expect(again.summary).toMatchObject({ codebooks: 'Reused', unseenItemsPercent: expect.closeTo(200 / 22, 10) })
  const inputs = { dataset, tokenizer: again.artifact.digest }
  const short = { ...trainingSpec, maxEpochs: 2 }
  const warm = await processTrainingRun(job('TrainingRun', short, { ...inputs, parent }), context)
  const cold = await processTrainingRun(job('TrainingRun', short, inputs), context)
  expect(warm.summary.warmStart).toMatchObject({ newItems: 2, initialParameters: 2 * 16 })
  expect(warm.summary.trainingLoss).toBeLessThan(cold.summary.trainingLoss)

  const judge = async (model: string, champion?: string) => {
    const named = champion === undefined ? { dataset, model } : { dataset, model, champion }
    return (await processEvaluation(job('Evaluation', evaluationSpec, named), context)).summary
  }
  const compared = await judge(warm.artifact.digest, parent)
  const [ofChild, ofParent] = [await judge(warm.artifact.digest), await judge(parent, parent)]
  // The champion of one evaluation is measured as the model of another one is.
  expect(valuesOf(compared, 'Champion ')).toEqual(valuesOf(ofParent, 'Champion '))
  expect(valuesOf(compared, 'Champion ')).toEqual(ofParent.metrics.slice(0, 4))
  expect(compared.metrics.slice(0, 4)).toEqual(ofChild.metrics.slice(0, 4))
  const [child, champion] = [ofChild.metrics[2].value, ofParent.metrics[2].value]
  expect(compared.comparison?.[2]).toMatchObject({
    metric: 'Recall@5',
    difference: expect.closeTo(child - champion, 12),
  })
  for (const { difference, low, high } of ofParent.comparison ?? []) expect([difference, low, high]).toEqual([0, 0, 0])
  expect(ofParent.comparison).toHaveLength(4)
})
