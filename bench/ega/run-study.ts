import { judgedColumn } from '../../workers/evaluation/market/outcomes.ts'
import type { Row } from '../harness/benchmark.ts'
import { type Study, withSeed } from './manifests.ts'
import { type MeasuredRow, measuredRow, measuresOf, pairedMeasures } from './measures.ts'
import type { Measured, Pipeline, Trained } from './pipeline.ts'
import { publishedDifference } from './published.ts'

const bootstrapOptions = { samples: 1000, seed: 1 }

/** What all others are compared with. */
const reference = 'ega-v2'
/** Under bids that answer the mechanism, likewise. */
const answered = '-best-response'
/** Allocations under bids that weigh codes in other ways; each is the reference of its own other prices. */
const otherBids = ['ega-own-bids', 'ega-list-bids']
const judgedMetrics = ['RPM', 'CTR', 'CreativeCTR', 'Psi', 'PsiDropped', 'RelativeRegret', 'MonotonicityViolations']
const facts = ['AdsPerList', 'IRViolations']

export interface StudyPorts {
  readonly pipeline: Pipeline
  /** What was measured before under this name and specification, or what `measure` returns. */
  keep<T>(name: string, spec: unknown, measure: () => Promise<T>): Promise<T>
  progress(line: string): void
}

/** Trains and measures everything with every seed; the rows are means over seeds. */
export async function runStudy(
  study: Study,
  seeds: number[],
  { pipeline, keep, progress }: StudyPorts,
): Promise<Row[]> {
  const prepared = await pipeline.prepare(study)
  const bySeed: SeedOutcome[] = []
  for (const seed of seeds) {
    bySeed.push(
      await outcomeOf(withSeed(study, seed), prepared, {
        pipeline,
        keep: (name, spec, measure) => keep(`seed ${seed}: ${name}`, { spec, prepared }, measure),
        said: (line) => progress(`seed ${seed}: ${line}`),
      }),
    )
  }
  const rows: MeasuredRow[] = []
  for (const [name, { market }] of study.evaluations) {
    const markets = bySeed.map(({ evaluations }) => pipeline.markets(digestOf(evaluations, name)))
    rows.push(measuredRow(name, await Promise.all(markets), Number(market?.utilityFloor ?? 0)))
  }
  return [...metricRows(rows, seeds), ...costRows(study, bySeed, seeds)]
}

interface SeedOutcome {
  readonly trainings: ReadonlyMap<string, Trained>
  readonly evaluations: ReadonlyMap<string, Measured>
}

interface Ports {
  readonly pipeline: Pipeline
  keep<T>(name: string, spec: unknown, measure: () => Promise<T>): Promise<T>
  /** One line on standard error. */
  said(line: string): void
}

function digestOf(made: ReadonlyMap<string, { readonly digest: string }>, name: string | undefined): string {
  const digest = name === undefined ? undefined : made.get(name)?.digest
  if (digest === undefined) throw new Error(`No manifest makes ${name}`)
  return digest
}

async function outcomeOf(
  { trainings, evaluations }: Study,
  { dataset, tokenizer }: { readonly dataset: string; readonly tokenizer: string },
  { pipeline, keep, said }: Ports,
): Promise<SeedOutcome> {
  const trained = new Map<string, Trained>()
  for (const [name, spec] of trainings) {
    const made = await keep(`train ${name}`, spec, () => pipeline.train(spec, { dataset, tokenizer }))
    trained.set(name, made)
    said(`${name} trained in ${made.cpuSeconds.toFixed(0)} s of CPU`)
  }
  const measured = new Map<string, Measured>()
  for (const [name, spec] of evaluations) {
    const model = digestOf(trained, spec.model.trainingRunRef?.name)
    const judge = spec.market?.evaluator?.trainingRunRef?.name
    const inputs = { dataset, model, ...(judge === undefined ? {} : { evaluator: digestOf(trained, judge) }) }
    const made = await keep(`measure ${name}`, { spec, inputs }, () => pipeline.evaluate(spec, inputs))
    measured.set(name, made)
    said(`${name} measured in ${made.cpuSeconds.toFixed(0)} s of CPU`)
  }
  return { trainings: trained, evaluations: measured }
}

const judges = ['Model', 'HeldOut', 'Truth'] as const
const wanted = [...judges.flatMap((judge) => judgedMetrics.map((metric) => judgedColumn(judge, metric))), ...facts]

function metricRows(rows: readonly MeasuredRow[], seeds: number[]): Row[] {
  return rows.flatMap((row) => {
    const peer = rows.find(({ name }) => name === referenceOf(row.name))
    const paired = peer === undefined || peer === row ? [] : pairedMeasures(row, peer, bootstrapOptions)
    const measures = measuresOf(row, bootstrapOptions).filter(({ metric }) => wanted.includes(metric))
    return [
      ...measures.flatMap(({ metric, mean, low, high }): Row[] => [
        { row: row.name, metric, value: mean, low, high, unit: '', seeds },
        ...differenceRows(row.name, metric, paired, { peer, seeds }),
      ]),
      ...(row.audited.some((count) => count > 0)
        ? [{ row: row.name, metric: 'audited requests', value: meanOf(row.audited), unit: '', seeds }]
        : []),
    ]
  })
}

/** The mechanism under the same bids: another price is compared with the network's price of the same allocation. */
function referenceOf(row: string): string {
  if (row.endsWith(answered)) return `${reference}${answered}`
  return otherBids.find((each) => row.startsWith(`${each}-`)) ?? reference
}

function differenceRows(
  row: string,
  metric: string,
  paired: ReturnType<typeof pairedMeasures>,
  { peer, seeds }: { readonly peer: MeasuredRow | undefined; readonly seeds: number[] },
): Row[] {
  const found = paired.find((each) => each.metric === metric)
  if (found === undefined || peer === undefined) return []
  const name = metric.split('/').at(-1) ?? metric
  const isGain = ['RPM', 'CTR', 'CreativeCTR'].includes(name)
  const { mean, low, high } = isGain ? found.gain : found.difference
  const published = publishedDifference(row, name)
  return [
    {
      row,
      metric: `${metric}, ${isGain ? 'relative to' : 'less that of'} ${peer.name}`,
      ...{ value: mean, low, high, unit: '', seeds },
      ...(published === undefined ? {} : { peer: 'EGA-V2 as published (arXiv 2505.17549v3)', peerValue: published }),
    },
  ]
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

function costRows({ trainings, evaluations }: Study, bySeed: readonly SeedOutcome[], seeds: number[]): Row[] {
  const mean = (of: (outcome: SeedOutcome) => number) => meanOf(bySeed.map(of))
  const cost = (row: string, metric: string, of: (outcome: SeedOutcome) => number): Row => ({
    ...{ row, metric, value: mean(of), unit: 's', seeds },
  })
  return [
    ...Array.from(trainings.keys(), (name) =>
      cost(name, 'CPU of training, shared stages once', (outcome) => outcome.trainings.get(name)?.cpuSeconds ?? 0),
    ),
    ...Array.from(evaluations.keys(), (name) =>
      cost(name, 'CPU of measuring', (outcome) => outcome.evaluations.get(name)?.cpuSeconds ?? 0),
    ),
  ]
}
