import type { Row } from '../harness/benchmark.ts'
import { type MeasuredRow, measuresOf, type PairedMeasure, pairedMeasures } from './measures.ts'
import type { SeedOutcome, StudyOutcome } from './run-study.ts'

const bootstrapOptions = { samples: 1000, seed: 1 }

/** How the rows of a study are told. */
export interface StudyTerms {
  /** Name of the row that this one is compared with, in pairs by request; its own where it is compared with none. */
  referenceOf(row: string): string
  /** Metrics that are told. */
  readonly metrics: readonly string[]
  /** Whether a metric is compared by the relative gain; else by the difference. */
  isGain(metric: string): boolean
  /** How a row stands to its reference where the method was published; undefined where it has no such row. */
  publishedDifference(row: string, metric: string): number | undefined
  /** Where that is from. */
  readonly source: string
}

/** Every metric with its interval, how it stands to the reference, and what each run cost. */
export const studyRows = (outcome: StudyOutcome, terms: StudyTerms): Row[] => [
  ...metricRows(outcome, terms),
  ...costRows(outcome),
]

function metricRows({ rows, seeds }: StudyOutcome, terms: StudyTerms): Row[] {
  return rows.flatMap((row) => {
    const peer = rows.find(({ name }) => name === terms.referenceOf(row.name))
    const paired = peer === undefined || peer === row ? [] : pairedMeasures(row, peer, bootstrapOptions)
    const { name } = row
    const told = measuresOf(row, bootstrapOptions)
      .filter(({ metric }) => terms.metrics.includes(metric))
      .flatMap(({ metric, mean, low, high }): Row[] => [
        { row: name, metric, value: mean, low, high, unit: '' },
        ...differenceRows(
          name,
          paired.find((each) => each.metric === metric),
          terms,
        ),
      ])
    return [...told, ...auditRows(row)].map((each) => ({ ...each, seeds: [...seeds] }))
  })
}

/** How many requests the audits took, how precise Psi then was under every judge, and how many seeds ended by that. */
function auditRows({ name, audits }: MeasuredRow): Row[] {
  if (audits.length === 0) return []
  const told = {
    'audited requests': meanOf(audits.map(({ requests }) => requests)),
    'half-width of Psi': Math.max(...audits.map(({ halfWidth }) => halfWidth)),
    'precise seeds': audits.filter(({ ended }) => ended === 'Precise').length,
  }
  return Object.entries(told).map(([metric, value]) => ({ row: name, metric, value, unit: '' }))
}

function differenceRows(row: string, found: PairedMeasure | undefined, terms: StudyTerms): Row[] {
  if (found === undefined) return []
  const { metric } = found
  const isGain = terms.isGain(metric)
  const { mean, low, high } = isGain ? found.gain : found.difference
  const published = terms.publishedDifference(row, metric)
  return [
    {
      row,
      metric: `${metric}, ${isGain ? 'relative to' : 'less that of'} ${terms.referenceOf(row)}`,
      ...{ value: mean, low, high, unit: '' },
      ...(published === undefined ? {} : { peer: terms.source, peerValue: published }),
    },
  ]
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

function costRows({ study: { trainings, evaluations }, outcomes, seeds }: StudyOutcome): Row[] {
  const cost = (row: string, metric: string, of: (outcome: SeedOutcome) => number): Row => ({
    ...{ row, metric, value: meanOf(outcomes.map(of)), unit: 's', seeds: [...seeds] },
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
