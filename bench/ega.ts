import { egaTables, egaTerms } from './ega/terms.ts'
import type { BenchmarkContext, Row } from './harness/benchmark.ts'
import { readStudy } from './study/manifests.ts'
import { defaultData, studied, studySources } from './study/open-study.ts'
import { studyRows } from './study/rows.ts'
import { formatTables } from './study/table.ts'

export const description =
  'Allocation and prices of EGA-V2 beside a cascade, GSP and its ablations, of the manifests in examples/market-beauty (--data DIR: sequences.txt and items.jsonl)'

export const sources = studySources

export const format = (rows: readonly Row[]): string => formatTables(rows, egaTables)

export async function run(context: BenchmarkContext): Promise<Row[]> {
  const study = readStudy(context.data ?? defaultData, ['market-beauty'])
  return studyRows(await studied('ega', study, context), egaTerms)
}
