import type { RankerDeployment } from '../../../crds/kinds/ranker-deployment.ts'
import type { AnalysisMetric, MetricResult, RolloutProgress, RolloutStep } from '../../../crds/rollout.ts'
import type { Clock } from '../../cluster/clock.ts'
import { formatKey, keyOf } from '../../cluster/resources.ts'
import { type AnalysisInput, type AnalysisState, analyse, dueQueries } from '../../rollout/analysis.ts'
import type { Scraper } from '../../rollout/scraper.ts'

export interface AnalysisOptions {
  clock: Clock
  scraper?: Scraper
}

/** Metrics older than this are no measurement. */
const staleMs = 30_000
const firstLookMs = 1000

/**
 * Takes what measurements are due from what was read in the background. They cover the time since the step began, or since
 * this operator began to read: one that was replaced in the middle counts anew, as its counts are gone.
 */
export function analyseStep(
  { metrics }: NonNullable<RolloutStep['analysis']>,
  progress: RolloutProgress,
  ranker: RankerDeployment,
  { clock, scraper }: AnalysisOptions,
): AnalysisState {
  const now = clock.now()
  const key = formatKey(keyOf(ranker))
  const id = `${progress.digest}/${progress.step}/${progress.stepStartedAt}`
  if (!scraper) {
    const startedAt = Date.parse(progress.stepStartedAt ?? progress.startedAt)
    const problem = 'this operator reads no metrics of Pods'
    return analyse(metrics, since(progress.analysis, startedAt), { now, startedAt, problem, answers: new Map() })
  }
  const window = scraper.window(key, id)
  if (!window) {
    const { results } = analyse(metrics, [], { now, startedAt: now, answers: new Map() })
    return { outcome: 'Running', results, message: 'waits for the first metrics of the Pods', waitMs: firstLookMs }
  }
  const { startedAt, observedAt, stable, canary } = window
  const before = since(progress.analysis, startedAt)
  const problem =
    now - observedAt > staleMs ? `metrics are ${Math.round((now - observedAt) / 1000)} s old` : window.problem
  const input: AnalysisInput = {
    now,
    startedAt,
    ...(problem === undefined ? { evidence: { stable, canary } } : { problem }),
    answers: askAll(scraper, key, id, dueQueries(metrics, before, { now, startedAt }), before),
  }
  return analyse(metrics, before, input)
}

/** Results that were measured in the present window; those of an earlier one are forgotten together. */
function since(results: readonly MetricResult[] = [], startedAt: number): readonly MetricResult[] {
  const isOld = ({ measuredAt }: MetricResult) => measuredAt !== undefined && Date.parse(measuredAt) < startedAt - 999
  return results.some(isOld) ? [] : results
}

function askAll(
  scraper: Scraper,
  key: string,
  window: string,
  due: readonly AnalysisMetric[],
  before: readonly MetricResult[],
): AnalysisInput['answers'] {
  const answers = new Map<string, { value: number } | { error: string }>()
  for (const { name, prometheus } of due) {
    const result = before.find((one) => one.name === name)
    const turn = (result?.measurements ?? 0) + (result?.consecutiveErrors ?? 0)
    const id = `${window}/${name}/${result?.measurements ?? 0}/${turn}/${result?.measuredAt ?? ''}`
    const answer = prometheus && scraper.ask(key, id, prometheus)
    if (answer) answers.set(name, answer)
  }
  return answers
}
