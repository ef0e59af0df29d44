import type { EvaluationSummary, MeasuredMetric } from '../../crds/jobs.ts'
import type { Comparison } from '../evaluation/evaluate.ts'

/** What one way of measuring adds to an evaluation. */
export interface EvaluationPart {
  readonly metrics: readonly MeasuredMetric[]
  readonly comparisons: readonly Comparison[]
  readonly summary: Partial<Pick<EvaluationSummary, 'cases' | 'sampledLists' | 'market' | 'offPolicy'>>
  /** Fields of `metrics.json` beside those of the summary. */
  readonly described: Readonly<Record<string, unknown>>
  /** Writes the rows that the numbers are made of. */
  write(directory: string): Promise<void>
}
