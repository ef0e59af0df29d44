import { join, resolve } from 'node:path'
import { readStudy, shortened } from './ega/manifests.ts'
import { openPipeline } from './ega/pipeline.ts'
import { runStudy } from './ega/run-study.ts'
import { formatStudy } from './ega/table.ts'
import type { BenchmarkContext, Row } from './harness/benchmark.ts'
import { sourceVersion } from './harness/source-version.ts'

export const description =
  'Allocation and prices of EGA-V2 beside a cascade, GSP and its ablations, of the manifests in examples/market-beauty (--data DIR: sequences.txt and items.jsonl)'

const root = resolve(import.meta.dirname, '..')
const defaultData = join(root, '..', 'shared', 'data', 'amazon-beauty')

export const format = formatStudy

export async function run({ data = defaultData, quick, progress, measured }: BenchmarkContext): Promise<Row[]> {
  const study = quick ? shortened(readStudy(data)) : readStudy(data)
  const folder = join(root, '.cache', 'bench', `ega-store${quick ? '-quick' : ''}`)
  const pipeline = await openPipeline(folder, sourceVersion(root), progress)
  return runStudy(study, quick ? [1] : [1, 2, 3], { pipeline, keep: measured, progress })
}
