// From scores of the same lists by several systems to numbers with intervals, beside the champion's and what chance gives.

import type { MeasuredMetric } from '../../../crds/jobs.ts'
import type { Comparison } from '../evaluate.ts'
import { exactMeasures, measureTogether, type ResampleOptions } from '../metric-group.ts'
import type { CandidateScores } from './candidate-scorer.ts'
import { chanceGroup, type Judged, sampledGroup } from './sampled-group.ts'

/** How the level of chance stands before the names of the metrics. */
export const chanceName = 'Chance'

export interface ScoredSystem {
  /** Empty for the model under test. */
  readonly name: string
  /** By list. */
  readonly scores: readonly CandidateScores[]
}

export interface SampledReport {
  readonly metrics: MeasuredMetric[]
  /** The model against every other system; not against chance, which is an expectation and no draw. */
  readonly comparisons: readonly Comparison[]
  readonly unmeasured: readonly string[]
}

/** @throws UnorderedListError */
export function reportSampled(
  judged: Judged,
  model: ScoredSystem,
  others: readonly ScoredSystem[],
  options: ResampleOptions,
): SampledReport {
  const systems = [model, ...others].map(({ name, scores }) => ({ name, group: sampledGroup(judged, scores) }))
  const measured = measureTogether(systems, options)
  // Chance would have two orders of any list: it stands beside what the model is measured by.
  const wanted = new Set(systems[0].group.metrics.map(({ name }) => name))
  const chance = chanceGroup(judged)
  const level = exactMeasures({ ...chance, metrics: chance.metrics.filter(({ name }) => wanted.has(name)) }, chanceName)
  return {
    metrics: [...measured.metrics, ...level.metrics],
    unmeasured: [...measured.unmeasured, ...level.unmeasured],
    comparisons: measured.comparisons,
  }
}
