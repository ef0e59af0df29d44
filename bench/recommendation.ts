import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { digestSource } from '../workers/data/source-digest.ts'
import { bootstrap, estimateMean } from '../workers/evaluation/bootstrap.ts'
import { type Metric, metricName, metricsAt, metricValues } from '../workers/evaluation/metrics.ts'
import type { BenchmarkContext, Row } from './harness/benchmark.ts'
import { type Recipe, readRecipe } from './recommendation/manifests.ts'
import { type Outcome, runPipeline } from './recommendation/pipeline.ts'
import { copyShuffled } from './recommendation/shuffled-copy.ts'

export const description =
  'Next-item quality by full ranking, leave-one-out, of the manifests in examples/amazon-beauty (--data DIR: sequences.txt and items.jsonl)'

const defaultData = resolve(import.meta.dirname, '..', '..', 'shared', 'data', 'amazon-beauty')

/** TIGER (Rajput et al., arXiv 2305.05065, Table 1): set beside the data that it was measured on, and no other. */
const published = {
  source: 'sha256:5cf89db3a27f77f4fcb43420986ee20b21aafc6646f396648b9461c4fb0becf2',
  peer: 'TIGER on Beauty as published (arXiv 2305.05065)',
  values: new Map([
    ['Recall@5', 0.0454],
    ['NDCG@5', 0.0321],
    ['Recall@10', 0.0648],
    ['NDCG@10', 0.0384],
  ]),
}

const bootstrapOptions = { samples: 1000, seed: 1 }

export async function run({ data = defaultData, quick, progress, measured }: BenchmarkContext): Promise<Row[]> {
  const recipe = sized(readRecipe(data), quick)
  const { digest: source } = await digestSource(recipe.dataset)
  const seeds = quick ? [1] : [1, 2, 3]
  const outcomes: Outcome[] = []
  for (const seed of seeds) {
    const seeded = withSeed(recipe, seed)
    const settings = { ...seeded, dataset: { ...seeded.dataset, source } }
    const row = `seed ${seed}`
    outcomes.push(await measured(row, settings, () => runPipeline(seeded, (line) => progress(`${row}: ${line}`))))
  }
  const shuffled = await measured('tie check', { recipe, source, seed: seeds[0] }, () =>
    shuffledOutcome(withSeed(recipe, seeds[0]), seeds[0], (line) => progress(`tie check: ${line}`)),
  )
  const metrics = metricsAt(recipe.evaluation.cutoffs)
  return [
    ...modelRows(outcomes, metrics, seeds, source === published.source ? published.values : new Map()),
    ...baselineRows(outcomes[0], metrics),
    ...(shuffled === null ? [] : tieRows(shuffled, outcomes[0], metrics, seeds[0])),
    ...costRows(outcomes, seeds),
  ]
}

const withSeed = (recipe: Recipe, seed: number): Recipe => ({
  ...recipe,
  tokenizer: { ...recipe.tokenizer, seed },
  training: { ...recipe.training, seed },
})

/** A look: one short epoch and few validation users. */
function sized(recipe: Recipe, quick: boolean): Recipe {
  if (!quick) return recipe
  const earlyStopping = { ...recipe.training.earlyStopping, validationUsers: 500 }
  return { ...recipe, training: { ...recipe.training, maxEpochs: 1, earlyStopping } }
}

async function shuffledOutcome(
  recipe: Recipe,
  seed: number,
  progress: (line: string) => void,
): Promise<Outcome | null> {
  const folder = await mkdtemp(join(tmpdir(), 'adloom-ties-'))
  try {
    if (!(await copyShuffled(recipe.dataset, folder, seed))) return null
    const dataset = { ...recipe.dataset, source: { file: { path: folder } } }
    return await runPipeline({ ...recipe, dataset }, progress)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const valuesOf = (metric: Metric, ranks: readonly number[]): Float64Array =>
  metricValues(metric, Uint32Array.from(ranks))

/** Mean over the seeds of each target's value, so that the interval speaks of users and not of seeds. */
function meanOverSeeds(outcomes: readonly Outcome[], metric: Metric): Float64Array {
  const values = outcomes.map(({ ranks }) => valuesOf(metric, ranks[0]))
  return values[0].map((_, index) => values.reduce((sum, each) => sum + each[index], 0) / values.length)
}

function standardDeviation(samples: readonly number[]): number {
  const mean = samples.reduce((sum, sample) => sum + sample, 0) / samples.length
  return Math.sqrt(samples.reduce((sum, sample) => sum + (sample - mean) ** 2, 0) / Math.max(1, samples.length - 1))
}

function modelRows(
  outcomes: readonly Outcome[],
  metrics: readonly Metric[],
  seeds: number[],
  peerValues: ReadonlyMap<string, number>,
): Row[] {
  const columns = metrics.map((metric) => meanOverSeeds(outcomes, metric))
  const resamples = bootstrap(Uint32Array.from(outcomes[0].users), columns, bootstrapOptions)
  return metrics.flatMap((metric, column): Row[] => {
    const { mean, low, high } = estimateMean(resamples, column)
    const name = metricName(metric)
    const peerValue = peerValues.get(name)
    const bySeed = outcomes.map(
      ({ ranks }) => valuesOf(metric, ranks[0]).reduce((sum, value) => sum + value, 0) / ranks[0].length,
    )
    const peer = peerValue === undefined ? {} : { peer: published.peer, peerValue, ratio: mean / peerValue }
    return [
      { row: 'Adloom, generative ranker alone', metric: name, value: mean, low, high, unit: '', seeds, ...peer },
      ...(seeds.length < 2
        ? []
        : [{ row: 'standard deviation over seeds', metric: name, value: standardDeviation(bySeed), unit: '', seeds }]),
    ]
  })
}

function baselineRows({ ranks, systems, users }: Outcome, metrics: readonly Metric[]): Row[] {
  return systems.slice(1).flatMap((system, index) => {
    const columns = metrics.map((metric) => valuesOf(metric, ranks[index + 1]))
    const resamples = bootstrap(Uint32Array.from(users), columns, bootstrapOptions)
    return metrics.map((metric, column): Row => {
      const { mean, low, high } = estimateMean(resamples, column)
      return { row: system, metric: metricName(metric), value: mean, low, high, unit: '' }
    })
  })
}

/** Sequences with ties shuffled in all parts, trained and tested anew, beside the same seed on the files as they are. */
function tieRows(shuffled: Outcome, plain: Outcome, metrics: readonly Metric[], seed: number): Row[] {
  return metrics.map((metric): Row => {
    const [value, peerValue] = [shuffled, plain].map(({ ranks }) => {
      const values = valuesOf(metric, ranks[0])
      return values.reduce((sum, each) => sum + each, 0) / values.length
    })
    const peer = { peer: 'the same seed, file order', peerValue, ratio: value / peerValue }
    return {
      row: 'tie check: ties shuffled in training, validation and test',
      metric: metricName(metric),
      value,
      unit: '',
      seeds: [seed],
      ...peer,
    }
  })
}

function costRows(outcomes: readonly Outcome[], seeds: number[]): Row[] {
  const mean = (of: (outcome: Outcome) => number) => outcomes.reduce((sum, each) => sum + of(each), 0) / outcomes.length
  const row = 'dataset, tokenizer, training, evaluation'
  const faulty = mean(({ faultyLists, lists }) => faultyLists / lists)
  return [
    { row, metric: 'time a seed', value: mean(({ minutes }) => minutes), unit: 'min', seeds },
    { row, metric: 'epochs', value: mean(({ epochs }) => epochs), unit: '', seeds },
    { row, metric: 'parameters', value: outcomes[0].parameters, unit: '' },
    { row: 'lists with an invalid, seen or repeated item', metric: 'share', value: faulty, unit: '', seeds },
  ]
}
