import type { AnalysisMetric, MetricResult } from '../../crds/rollout.ts'
import { timestamp } from '../cluster/clock.ts'
import { type Evidence, type Judgement, judge, judgeNumber } from './measure.ts'

/** What can be measured at one moment. */
export interface AnalysisInput {
  /** Milliseconds since 1970. */
  now: number
  startedAt: number
  /** Absent: `problem` says why nothing was measured. */
  evidence?: Evidence
  problem?: string
  /** Answers of Prometheus by metric; absent: not there yet. */
  answers: ReadonlyMap<string, { value: number } | { error: string }>
}

export interface AnalysisState {
  outcome: 'Running' | 'Passed' | 'Failed' | 'Inconclusive'
  results: MetricResult[]
  /** Of the metrics that decided. */
  message: string
  /** Until the next measurement is due; Infinity where none is. */
  waitMs: number
}

/** How often an answer that is on its way is looked for. */
const answerMs = 500

/** Takes the measurements that are due. A metric that has come to its end stays as it is. */
export function analyse(
  metrics: readonly AnalysisMetric[],
  before: readonly MetricResult[],
  input: AnalysisInput,
): AnalysisState {
  const results = metrics.map((metric) => next(metric, resultOf(before, metric), input))
  const named = (...outcomes: MetricResult['outcome'][]) => results.filter(({ outcome }) => outcomes.includes(outcome))
  const state = (outcome: AnalysisState['outcome'], decided: MetricResult[]): AnalysisState => ({
    outcome,
    results,
    message: decided.map(({ name, message }) => `${name}: ${message}`).join('; '),
    waitMs:
      outcome === 'Running'
        ? Math.min(...metrics.map((metric) => waitFor(metric, resultOf(results, metric), input)))
        : Number.POSITIVE_INFINITY,
  })
  if (named('Failed', 'Error').length > 0) return state('Failed', named('Failed', 'Error'))
  if (named('Running').length > 0) return state('Running', named('Running'))
  if (named('Inconclusive').length > 0) return state('Inconclusive', named('Inconclusive'))
  return state('Passed', results)
}

/** The metrics that Prometheus is to be asked for now. */
export function dueQueries(
  metrics: readonly AnalysisMetric[],
  before: readonly MetricResult[],
  input: Pick<AnalysisInput, 'now' | 'startedAt'>,
): AnalysisMetric[] {
  return metrics.filter((metric) => metric.prometheus && isDue(metric, resultOf(before, metric), input))
}

const resultOf = (results: readonly MetricResult[], { name }: AnalysisMetric): MetricResult =>
  results.find((result) => result.name === name) ?? {
    name,
    outcome: 'Running',
    measurements: 0,
    failures: 0,
    consecutiveErrors: 0,
    message: 'not measured yet',
  }

const dueAt = (metric: AnalysisMetric, { measuredAt }: MetricResult, startedAt: number): number =>
  (measuredAt === undefined ? startedAt : Date.parse(measuredAt)) + metric.intervalSeconds * 1000

const isDue = (
  metric: AnalysisMetric,
  result: MetricResult,
  { now, startedAt }: Pick<AnalysisInput, 'now' | 'startedAt'>,
) => result.outcome === 'Running' && now >= dueAt(metric, result, startedAt)

function waitFor(metric: AnalysisMetric, result: MetricResult, { now, startedAt }: AnalysisInput): number {
  if (result.outcome !== 'Running') return Number.POSITIVE_INFINITY
  const left = dueAt(metric, result, startedAt) - now
  return left > 0 ? left : answerMs
}

function next(metric: AnalysisMetric, before: MetricResult, input: AnalysisInput): MetricResult {
  if (!isDue(metric, before, input)) return before
  const measured = measure(metric, input)
  if (!measured) return before
  const measuredAt = timestamp(input.now)
  if ('error' in measured) {
    const consecutiveErrors = before.consecutiveErrors + 1
    const outcome = consecutiveErrors > metric.consecutiveErrorLimit ? 'Error' : 'Running'
    return { ...before, outcome, consecutiveErrors, message: measured.error.slice(0, 512), measuredAt }
  }
  return { ...counted(metric, before, measured), measuredAt }
}

function measure(metric: AnalysisMetric, input: AnalysisInput): Judgement | { error: string } | undefined {
  if (metric.prometheus) {
    const answer = input.answers.get(metric.name)
    return answer && 'value' in answer ? judgeNumber(metric, answer.value) : answer
  }
  return input.evidence ? judge(metric, input.evidence) : { error: input.problem ?? 'nothing was measured' }
}

function counted(
  { count, failureLimit }: AnalysisMetric,
  before: MetricResult,
  { verdict, canary, stable, message }: Judgement,
): Omit<MetricResult, 'measuredAt'> {
  const measurements = before.measurements + 1
  const failures = before.failures + (verdict === 'Fail' ? 1 : 0)
  const { name } = before
  const final = { Pass: 'Passed', Fail: 'Failed', Inconclusive: 'Inconclusive' } as const
  const isOver = failures > failureLimit || measurements >= count
  return {
    name,
    outcome: failures > failureLimit ? 'Failed' : isOver ? final[verdict] : 'Running',
    measurements,
    failures,
    consecutiveErrors: 0,
    ...(canary ? numbers(canary) : {}),
    ...(stable && Number.isFinite(stable.value) ? { stableValue: text(stable.value) } : {}),
    message: message.slice(0, 512),
  }
}

/** What is not known is left out. */
function numbers(estimate: { value: number; low: number; high: number }): Pick<MetricResult, 'value' | 'low' | 'high'> {
  const entries = (['value', 'low', 'high'] as const).filter((end) => Number.isFinite(estimate[end]))
  return Object.fromEntries(entries.map((end) => [end, text(estimate[end])]))
}

const text = (value: number): string => String(Number(value.toPrecision(6)))
