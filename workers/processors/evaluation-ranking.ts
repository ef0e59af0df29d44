import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { JobPayload } from '../../crds/jobs.ts'
import type { Evaluation } from '../../crds/kinds/evaluation.ts'
import type { Artifact } from '../artifacts/store.ts'
import type { Dataset } from '../data/dataset-reader.ts'
import { creativesOfEvents, historyCreatives } from '../data/market/event-creatives.ts'
import type { Market } from '../data/market/market.ts'
import { evaluationCases, timedHistory, timeOf } from '../data/sequences.ts'
import { compare, type Ranked, rankTargets } from '../evaluation/evaluate.ts'
import { itemCf } from '../evaluation/item-cf.ts'
import { translateItems } from '../evaluation/item-translation.ts'
import { popularity } from '../evaluation/popularity.ts'
import type { EvaluationCase, Recommender, TrainedRecommender } from '../evaluation/recommender.ts'
import type { ProcessorContext } from './context.ts'
import { checkSharesItems, forEachModel, modelsOf, type OpenModel } from './evaluation-models.ts'
import type { EvaluationPart } from './evaluation-part.ts'
import { JobError } from './job-error.ts'
import type { MarketPorts } from './market-ports.ts'

type Spec = Evaluation['spec']

/** Ranks every target of the split among the whole catalogue: by the model, the champion and the baselines. */
export async function evaluateRanking(
  payload: JobPayload<Spec>,
  context: ProcessorContext,
  { source, dataset }: { readonly source: Artifact; readonly dataset: Dataset },
  { openModel, openMarket }: Pick<MarketPorts, 'openMarket'> & { readonly openModel: OpenModel },
): Promise<EvaluationPart> {
  const { spec } = payload
  const cases = casesOf(dataset, await openMarket(source, dataset), spec.split)
  const ranked = await rankAll(payload, context, { dataset, cases, openModel })
  const steps = ranked.length * cases.length
  await context.progress({ phase: 'Resampling', step: steps, totalSteps: steps })
  const users = Uint32Array.from(cases, ({ user }) => user)
  const [model, ...others] = ranked
  const { metrics, comparisons } = compare(users, model, others, { ...spec, samples: spec.bootstrapSamples })
  return {
    metrics,
    comparisons,
    summary: { cases: cases.length },
    described: { systems: ranked.map(({ name }) => name) },
    write: (directory) => writeRanks(directory, ranked, users),
  }
}

function casesOf(dataset: Dataset, market: Market | undefined, split: Spec['split']): EvaluationCase[] {
  const columns = evaluationCases(dataset, split === 'Validation' ? 'validation' : 'test')
  if (columns.count === 0) {
    const message = `The ${split.toLowerCase()} part of the Dataset holds no interaction; change the split of the Dataset or spec.split.`
    throw new JobError('NoCases', message, { retryable: false })
  }
  const creatives = market && creativesOfEvents(dataset, market, 'Every')
  return Array.from({ length: columns.count }, (_, index) => {
    const [user, position] = [columns.user[index], columns.position[index]]
    return {
      ...timedHistory(dataset, user, position),
      ...historyCreatives(creatives, dataset.offsets, user, position),
      ...timeOf(dataset.times?.[dataset.offsets[user] + position]),
      user,
      target: columns.target[index],
    }
  })
}

interface Task {
  readonly dataset: Dataset
  readonly cases: readonly EvaluationCase[]
  readonly openModel: OpenModel
}

/** Ranks of the model first, then of the champion, then of the baselines in the order of the spec. */
async function rankAll(payload: JobPayload<Spec>, context: ProcessorContext, task: Task): Promise<Ranked[]> {
  const { spec } = payload
  const { dataset, cases, openModel } = task
  const cutoff = Math.max(...spec.cutoffs)
  const models = modelsOf(payload)
  const totalSteps = cases.length * (spec.baselines.length + models.length)
  const ranked: Ranked[] = []
  const rank = async (recommender: Recommender, phase: string): Promise<void> => {
    const done = ranked.length * cases.length
    const onBatch = (count: number) => context.progress({ phase, step: done + count, totalSteps })
    ranked.push({ name: recommender.name, ranks: await rankTargets(recommender, cases, { cutoff, onBatch }) })
  }
  await forEachModel(payload, context, { openModel, cutoff }, (model, { name, phase }) =>
    rank(onItemsOf(dataset, model, name), phase),
  )
  const baselines = { PopRec: popularity, ItemCF: itemCf }
  for (const name of spec.baselines) await rank(baselines[name](dataset, spec.seed), name)
  return ranked
}

/** A model of another revision of the data is translated by item ids. */
function onItemsOf(dataset: Dataset, model: TrainedRecommender, name: string): Recommender {
  const named: Recommender = { name, recommend: (...asked) => model.recommend(...asked) }
  if (model.datasetDigest === dataset.digest) return named
  checkSharesItems(dataset, model, name)
  return translateItems(named, model.itemIds, dataset.itemIds)
}

/**
 * `ranks.u32` [systems, cases], the rank of each target, 0 beyond the largest cutoff; `users.u32` [cases]. With these, any
 * pair of evaluations of one split can be compared later without ranking again.
 */
async function writeRanks(directory: string, ranked: readonly Ranked[], users: Uint32Array): Promise<void> {
  await writeFile(join(directory, 'ranks.u32'), Buffer.concat(ranked.map(({ ranks }) => bytesOf(ranks))))
  await writeFile(join(directory, 'users.u32'), bytesOf(users))
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Uint32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)
