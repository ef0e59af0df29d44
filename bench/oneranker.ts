import type { BenchmarkContext, Row } from './harness/benchmark.ts'
import { chance, oneRankerTables, oneRankerTerms } from './oneranker/terms.ts'
import { ofSampledLists, readStudy } from './study/manifests.ts'
import { measuredRow } from './study/measures.ts'
import { defaultData, studied, studySources } from './study/open-study.ts'
import type { Pipeline } from './study/pipeline.ts'
import { readChance } from './study/read-groups.ts'
import { studyRows } from './study/rows.ts'
import { madeBy, type StudyOutcome } from './study/run-study.ts'
import { formatTables } from './study/table.ts'

export const description =
  'Candidate lists of OneRanker beside HSTU, GPR-like heads and its ablations, of the manifests in examples/oneranker-beauty (--data DIR: sequences.txt and items.jsonl)'

export const sources = studySources

export const format = (rows: readonly Row[]): string => formatTables(rows, oneRankerTables)

export async function run(context: BenchmarkContext): Promise<Row[]> {
  const study = ofSampledLists(readStudy(context.data ?? defaultData, ['market-beauty', 'oneranker-beauty']))
  const { pipeline, ...outcome } = await studied('oneranker', study, context)
  return studyRows({ ...outcome, rows: [...outcome.rows, await chanceRow(outcome, pipeline)] }, oneRankerTerms)
}

/** The lists are the same for every run and seed. */
async function chanceRow({ study, outcomes: [first] }: StudyOutcome, pipeline: Pipeline) {
  for (const [name, { sampledLists }] of study.evaluations) {
    if (sampledLists === undefined) continue
    const artifact = await pipeline.open(madeBy(first.evaluations, name).digest)
    return measuredRow(chance, [{ sampled: await readChance(sampledLists, artifact) }])
  }
  throw new Error('No evaluation is of sampled lists')
}
