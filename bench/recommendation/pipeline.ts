import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { JobKind, JobPayload } from '../../crds/jobs.ts'
import { digestOf } from '../../workers/artifacts/digest.ts'
import { openFileStore } from '../../workers/artifacts/file-store.ts'
import type { ArtifactStore, JsonObject } from '../../workers/artifacts/store.ts'
import { openDataset } from '../../workers/data/dataset-reader.ts'
import { evaluationCases, historyOf } from '../../workers/data/sequences.ts'
import { openRecommender } from '../../workers/decoding/recommender.ts'
import type { Processor, ProcessorContext } from '../../workers/processors/context.ts'
import { processDataset } from '../../workers/processors/dataset.ts'
import { processEvaluation } from '../../workers/processors/evaluation.ts'
import { processTokenizerBuild } from '../../workers/processors/tokenizer-build.ts'
import { processTrainingRun } from '../../workers/processors/training-run.ts'
import type { Recipe } from './manifests.ts'

export interface Outcome {
  minutes: number
  epochs: number
  bestEpoch: number
  validationNdcg: number
  parameters: number
  /** Ranks of the targets by system (the model first, then the baselines): 0 beyond the largest cutoff. */
  ranks: number[][]
  systems: string[]
  /** User of each target. */
  users: number[]
  /** Lists that held an item twice, one of the history, or none of the catalogue; and lists looked at. */
  faultyLists: number
  lists: number
}

const listsLookedAt = 2000
const listLength = 10
const millisecondsBetweenLines = 15_000

/** Runs the processors of the four kinds one after the other, in a store of their own that goes afterwards. */
export async function runPipeline(recipe: Recipe, progress: (line: string) => void): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), 'adloom-bench-'))
  try {
    return await runIn(folder, recipe, progress)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function runIn(folder: string, recipe: Recipe, progress: (line: string) => void): Promise<Outcome> {
  const started = performance.now()
  const context = await contextIn(folder, progress)
  const dataset = (await work(context, 'Dataset', processDataset, recipe.dataset, {})).artifact.digest
  const tokenizer = await work(context, 'TokenizerBuild', processTokenizerBuild, recipe.tokenizer, { dataset })
  const inputs = { dataset, tokenizer: tokenizer.artifact.digest }
  const trained = await work(context, 'TrainingRun', processTrainingRun, recipe.training, inputs)
  const model = trained.artifact.digest
  const evaluated = await work(context, 'Evaluation', processEvaluation, recipe.evaluation, { dataset, model })
  const minutes = (performance.now() - started) / 60_000
  const { epochs, bestEpoch, validationNdcg = 0, parameters } = trained.summary
  return {
    ...{ minutes, epochs, bestEpoch, validationNdcg, parameters },
    ...(await readRanks(context.store, evaluated.artifact.digest)),
    ...(await lookAtLists(context, dataset, model)),
  }
}

export async function contextIn(
  folder: string,
  progress: (line: string) => void,
  threads = availableParallelism(),
): Promise<ProcessorContext> {
  const scratch = join(folder, 'scratch')
  await mkdir(scratch)
  let said = 0
  return {
    store: openFileStore(join(folder, 'store')),
    scratch,
    signal: new AbortController().signal,
    threads,
    startToken: 'bench',
    progress: async ({ phase, step, totalSteps }) => {
      if (performance.now() - said < millisecondsBetweenLines) return
      said = performance.now()
      progress(`${phase} ${step}/${totalSteps}`)
    },
    mayWrite: async () => {},
    log: {
      info: (message, fields) => progress(`${message} ${JSON.stringify(fields)}`),
      warn: (message) => progress(message),
    },
    now: () => Date.now(),
  }
}

export function work<Spec, Summary>(
  context: ProcessorContext,
  kind: JobKind,
  processor: Processor<Spec, Summary>,
  spec: Spec,
  inputs: Record<string, string>,
) {
  const inputDigest = digestOf({ kind, inputs })
  const payload: JobPayload<Spec> = {
    ...{ kind, namespace: 'bench', name: kind.toLowerCase(), uid: kind, attempt: 1, engine: 'bench' },
    ...{ inputDigest, spec, inputs },
  }
  return processor(payload, context)
}

async function readRanks(store: ArtifactStore, digest: string) {
  const artifact = await store.open(digest)
  const numbers = async (file: string) => {
    const bytes = new Uint8Array(await artifact.readFile(file))
    return [...new Uint32Array(bytes.buffer)]
  }
  const { systems } = JSON.parse(await readFile(artifact.path('metrics.json'), 'utf8')) as JsonObject & {
    systems: string[]
  }
  const users = await numbers('users.u32')
  const all = await numbers('ranks.u32')
  const ranks = systems.map((_, index) => all.slice(index * users.length, (index + 1) * users.length))
  return { users, systems, ranks }
}

/** Whether what the decoder answers is valid: counted here, not taken from its word. */
async function lookAtLists({ store, threads }: ProcessorContext, datasetDigest: string, model: string) {
  const dataset = await openDataset(await store.open(datasetDigest))
  const cases = evaluationCases(dataset, 'test')
  const lists = Math.min(cases.count, listsLookedAt)
  const histories = Array.from({ length: lists }, (_, index) => historyOf(dataset, cases, index))
  const recommender = await openRecommender(model, { store, threads, cutoff: listLength })
  try {
    const answered = await recommender.recommend(histories, listLength)
    const isFaulty = (list: Uint32Array, index: number): boolean => {
      const seen = new Set(histories[index])
      const distinct = new Set(list)
      return distinct.size !== listLength || [...distinct].some((item) => item >= dataset.itemCount || seen.has(item))
    }
    return { lists, faultyLists: answered.filter(isFaulty).length }
  } finally {
    await recommender.release()
  }
}
