import { join, resolve } from 'node:path'
import type { BenchmarkContext } from '../harness/benchmark.ts'
import { sourceVersion } from '../harness/source-version.ts'
import type { Study } from './manifests.ts'
import { openPipeline } from './pipeline.ts'
import { runStudy, type StudyOutcome, type StudyPorts } from './run-study.ts'
import { shortened } from './shortened.ts'

const root = resolve(import.meta.dirname, '..', '..')

/** Folder of the data where none is given. */
export const defaultData = join(root, '..', 'shared', 'data', 'amazon-beauty')

/** Runs a study over a store of its own, that stays in .cache/bench; a look has another. */
export async function studied(
  name: string,
  study: Study,
  { quick, progress, measured }: BenchmarkContext,
): Promise<StudyOutcome & { readonly ports: StudyPorts }> {
  const folder = join(root, '.cache', 'bench', `${name}-store${quick ? '-quick' : ''}`)
  const pipeline = await openPipeline(folder, sourceVersion(root), progress)
  const ports = { pipeline, keep: measured, progress }
  const outcome = await runStudy(quick ? shortened(study) : study, quick ? [1] : [1, 2, 3], ports)
  return { ...outcome, ports }
}
