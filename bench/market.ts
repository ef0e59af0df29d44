import { availableParallelism } from 'node:os'
import type { BenchmarkContext, Row } from './harness/benchmark.ts'
import { quantile } from './harness/statistics.ts'
import { type LatencyPlan, requestLatencies } from './market/latency.ts'
import { latencyMetric, marketTables, marketTerms, mechanisms } from './market/terms.ts'
import { chosenOf, readStudy } from './study/manifests.ts'
import { defaultData, studied, studySources } from './study/open-study.ts'
import type { Pipeline } from './study/pipeline.ts'
import { studyRows } from './study/rows.ts'
import { madeBy, type StudyOutcome } from './study/run-study.ts'
import { formatTables } from './study/table.ts'

export const description =
  'EGA-V2, OneRanker under two prices, and the cascade on one simulated market: revenue, clicks, utility, regret and latency (--data DIR: sequences.txt and items.jsonl)'

export const sources = studySources

export const format = (rows: readonly Row[]): string => formatTables(rows, marketTables)

export async function run(context: BenchmarkContext): Promise<Row[]> {
  const study = chosenOf(readStudy(context.data ?? defaultData, ['market-beauty', 'oneranker-beauty']), mechanisms)
  const { pipeline, ...outcome } = await studied('market', study, context)
  const rows = studyRows(outcome, marketTerms)
  return [...rows, ...(await latencyRows(outcome, pipeline, context))]
}

/** Of the first seed: how long a request takes is a matter of sizes, not of weights. */
async function latencyRows(
  { study, prepared: { dataset }, outcomes: [first], seeds }: StudyOutcome,
  pipeline: Pipeline,
  { quick, measured, progress }: BenchmarkContext,
): Promise<Row[]> {
  const plan: LatencyPlan = quick ? { requests: 10, warmUp: 2 } : { requests: 200, warmUp: 20 }
  const rows: Row[] = []
  for (const [name, spec] of study.evaluations) {
    const model = madeBy(first.trainings, spec.model.trainingRunRef?.name).digest
    const settings = { spec, dataset, model, plan, threads: availableParallelism() }
    const latencies = await measured(`latency of ${name}`, settings, () => {
      progress(`latency of ${name}`)
      return requestLatencies(spec, { store: pipeline.store, dataset, model }, plan)
    })
    const value = quantile(latencies, 0.5)
    rows.push({ row: name, metric: latencyMetric, value, unit: 'ms', seeds: seeds.slice(0, 1) })
  }
  return rows
}
