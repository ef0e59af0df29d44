// From scores of the same lists by several systems to numbers with intervals, beside the champion's and what chance gives.

import type { MeasuredMetric } from '../../../crds/jobs.ts'
import type { Comparison } from '../evaluate.ts'
import { compareGroups, measureGroup, type ResampleOptions } from '../metric-group.ts'
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
  /** The model against every other system; not against chance, whose value on a list is no draw but an expectation. */
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
  const group = sampledGroup(judged, model.scores)
  const chance = chanceGroup(judged)
  // Chance knows two orders of any list; it stands beside what the model is measured by.
  const wanted = new Set(group.metrics.map(({ name }) => name))
  const level = { ...chance, metrics: chance.metrics.filter(({ name }) => wanted.has(name)) }
  const rivals = others.map(({ name, scores }) => ({ name, group: sampledGroup(judged, scores) }))
  const measures = [
    measureGroup(group, model.name, options),
    measureGroup(level, chanceName, options),
    ...rivals.map((rival) => measureGroup(rival.group, rival.name, options)),
  ]
  return {
    metrics: measures.flatMap(({ metrics }) => metrics),
    unmeasured: measures.flatMap(({ unmeasured }) => unmeasured),
    comparisons: rivals.flatMap((rival) => compareGroups(group, rival.group, rival.name, options)),
  }
}
