import { join, resolve } from 'node:path'
import type { BenchmarkContext } from '../harness/benchmark.ts'
import type { Study } from './manifests.ts'
import { openPipeline, type Pipeline } from './pipeline.ts'
import { runStudy, type StudyOutcome } from './run-study.ts'
import { shortened } from './shortened.ts'

const root = resolve(import.meta.dirname, '..', '..')

/** What decides the results of a study beside its manifests, which are part of what is asked. */
export const studySources: readonly string[] = ['crds', 'workers', 'package-lock.json']

/** Folder of the data where none is given. */
export const defaultData = join(root, '..', 'shared', 'data', 'amazon-beauty')

/**
 * Runs a study in .cache/bench. What was trained is kept in one store for all studies, since they share runs and stages; a
 * look has another. Two studies at once would take turns at the same stages: run one after the other.
 */
export async function studied(
  name: string,
  study: Study,
  { quick, progress, measured, version }: BenchmarkContext,
): Promise<StudyOutcome & { readonly pipeline: Pipeline }> {
  const look = quick ? '-quick' : ''
  const cache = join(root, '.cache', 'bench')
  const folders = { work: join(cache, `${name}-work${look}`), store: join(cache, `study-store${look}`) }
  const pipeline = await openPipeline(folders, version, progress)
  const seeds = quick ? [1] : [1, 2, 3]
  const ports = { pipeline, keep: measured, progress }
  return { ...(await runStudy(quick ? shortened(study) : study, seeds, ports)), pipeline }
}
