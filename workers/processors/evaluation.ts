import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ChampionDifference, EvaluationSummary, JobPayload } from '../../crds/jobs.ts'
import type { Evaluation } from '../../crds/kinds/evaluation.ts'
import type { JsonObject } from '../artifacts/store.ts'
import { type Dataset, openDataset } from '../data/dataset-reader.ts'
import { evaluationCases, historyOf } from '../data/sequences.ts'
import { openRecommender } from '../decoding/recommender.ts'
import { championName, compare, type Ranked, type Report, rankTargets } from '../evaluation/evaluate.ts'
import { judgeGates } from '../evaluation/gates.ts'
import { itemCf } from '../evaluation/item-cf.ts'
import { translateItems } from '../evaluation/item-translation.ts'
import { popularity } from '../evaluation/popularity.ts'
import type { EvaluationCase, Recommender, TrainedRecommender } from '../evaluation/recommender.ts'
import type { ProcessorContext, ProcessorOutcome } from './context.ts'
import { JobError } from './job-error.ts'

type Spec = Evaluation['spec']
type OpenModel = (
  digest: string,
  options: { store: ProcessorContext['store']; threads: number; beamSize: number; cutoff: number },
) => Promise<TrainedRecommender>

const openTrained: OpenModel = async (digest, options) => {
  const { name, model, datasetDigest, recommend, release } = await openRecommender(digest, options)
  return { name, datasetDigest, itemIds: model.itemIds, recommend, release }
}

/** Measures a model, the champion and the baselines on one split, judges the gates, and publishes every number and every rank. */
export async function processEvaluation(
  payload: JobPayload<Spec>,
  context: ProcessorContext,
  openModel: OpenModel = openTrained,
): Promise<ProcessorOutcome<EvaluationSummary>> {
  const { spec, inputs } = payload
  const dataset = await openDataset(await context.store.open(inputs.dataset))
  const cases = casesOf(dataset, spec.split)
  const ranked = await rankAll(payload, context, { dataset, cases, openModel })
  await context.progress({
    phase: 'Resampling',
    step: ranked.length * cases.length,
    totalSteps: ranked.length * cases.length,
  })
  const users = Uint32Array.from(cases, ({ user }) => user)
  const [model, ...others] = ranked
  const report = compare(users, model, others, { ...spec, samples: spec.bootstrapSamples })
  const gates = judgeGates(spec.gates ?? [], report.measurements)
  const summary: EvaluationSummary = {
    cases: cases.length,
    metrics: report.metrics,
    ...(inputs.champion === undefined ? {} : { comparison: differencesToChampion(report) }),
    gates,
  }
  await context.mayWrite()
  const artifact = await context.store.publish(
    {
      kind: 'Evaluation',
      inputDigest: payload.inputDigest,
      createdBy: { engine: payload.engine },
      metadata: {
        datasetDigest: inputs.dataset,
        modelDigest: inputs.model,
        ...(inputs.champion === undefined ? {} : { championDigest: inputs.champion }),
        split: spec.split,
        summary: summary as unknown as JsonObject,
      },
      provenance: { namespace: payload.namespace, name: payload.name, finishedAt: context.now() },
    },
    (directory) => writeEvaluation(directory, { summary, report, ranked, users }),
  )
  context.log.info('Measured a model', { cases: cases.length, metrics: report.metrics, digest: artifact.digest })
  return { artifact: { digest: artifact.digest, sizeBytes: artifact.sizeBytes }, summary }
}

function casesOf(dataset: Dataset, split: Spec['split']): EvaluationCase[] {
  const columns = evaluationCases(dataset, split === 'Validation' ? 'validation' : 'test')
  if (columns.count === 0) {
    const message = `The ${split.toLowerCase()} part of the Dataset holds no interaction; change the split of the Dataset or spec.split.`
    throw new JobError('NoCases', message, { retryable: false })
  }
  return Array.from({ length: columns.count }, (_, index) => ({
    user: columns.user[index],
    target: columns.target[index],
    history: historyOf(dataset, columns, index),
  }))
}

interface Task {
  readonly dataset: Dataset
  readonly cases: readonly EvaluationCase[]
  readonly openModel: OpenModel
}

/** Ranks of the model first, then of the champion, then of the baselines in the order of the spec. */
async function rankAll(payload: JobPayload<Spec>, context: ProcessorContext, task: Task): Promise<Ranked[]> {
  const { spec, inputs } = payload
  const { dataset, cases } = task
  const cutoff = Math.max(...spec.cutoffs)
  const models = [
    { digest: inputs.model, name: '', phase: 'Model' },
    ...(inputs.champion === undefined ? [] : [{ digest: inputs.champion, name: championName, phase: 'Champion' }]),
  ]
  const totalSteps = cases.length * (spec.baselines.length + models.length)
  const ranked: Ranked[] = []
  const rank = async (recommender: Recommender, phase: string): Promise<void> => {
    const done = ranked.length * cases.length
    const onBatch = (count: number) => context.progress({ phase, step: done + count, totalSteps })
    ranked.push({ name: recommender.name, ranks: await rankTargets(recommender, cases, { cutoff, onBatch }) })
  }
  const { store, threads } = context
  // One after another: two sets of weights in memory at once would need twice as much.
  for (const { digest, name, phase } of models) {
    const model = await task.openModel(digest, { store, threads, beamSize: spec.beamSize, cutoff })
    try {
      await rank(onItemsOf(dataset, model, name), phase)
    } finally {
      await model.release()
    }
  }
  const baselines = { PopRec: popularity, ItemCF: itemCf }
  for (const name of spec.baselines) await rank(baselines[name](dataset, spec.seed), name)
  return ranked
}

/** A model of another revision of the data is translated by item ids. */
function onItemsOf(dataset: Dataset, model: TrainedRecommender, name: string): Recommender {
  const named: Recommender = { name, recommend: (histories, count) => model.recommend(histories, count) }
  if (model.datasetDigest === dataset.digest) return named
  if (!model.itemIds.some((id) => dataset.findItem(id) !== undefined)) {
    const message = `No item of the Dataset is known to the model ${model.name}, which learned ${model.datasetDigest}: name a model of the same catalogue in spec.${name === '' ? 'model' : 'champion'}.`
    throw new JobError('ModelOfOtherItems', message, { retryable: false })
  }
  return translateItems(named, model.itemIds, dataset.itemIds)
}

const differencesToChampion = ({ comparisons }: Report): ChampionDifference[] =>
  comparisons
    .filter(({ baseline }) => baseline === championName)
    .map(({ metric, difference: { mean, low, high } }) => ({ metric, difference: mean, low, high }))

interface Written {
  readonly summary: EvaluationSummary
  readonly report: Report
  readonly ranked: readonly Ranked[]
  readonly users: Uint32Array
}

/**
 * `metrics.json`; `ranks.u32` [systems, cases], the rank of each target, 0 beyond the largest cutoff; `users.u32`
 * [cases]. With the last two, any pair of evaluations of one split can be compared later without ranking again.
 */
async function writeEvaluation(directory: string, { summary, report, ranked, users }: Written): Promise<void> {
  const metrics = {
    schemaVersion: 1,
    ...summary,
    systems: ranked.map(({ name }) => name),
    comparisons: report.comparisons.map(({ metric, baseline, difference, relativeGain }) => ({
      metric,
      baseline,
      difference,
      // A gain over nothing has no number.
      relativeGain: Number.isFinite(relativeGain.mean) ? relativeGain : null,
    })),
  }
  await writeFile(join(directory, 'metrics.json'), `${JSON.stringify(metrics, null, 2)}\n`)
  await writeFile(join(directory, 'ranks.u32'), Buffer.concat(ranked.map(({ ranks }) => bytesOf(ranks))))
  await writeFile(join(directory, 'users.u32'), bytesOf(users))
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Uint32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)
