import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import type { BenchmarkContext } from '../harness/benchmark.ts'
import type { Study } from './manifests.ts'
import { openPipeline, type Pipeline, type Prepared } from './pipeline.ts'
import { runStudy, type StudyOutcome } from './run-study.ts'
import { runApart } from './seeds-apart.ts'
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
  whole: Study,
  { quick, progress, measured, results, version }: BenchmarkContext,
): Promise<StudyOutcome & { readonly pipeline: Pipeline }> {
  const look = quick ? '-quick' : ''
  const cache = join(root, '.cache', 'bench')
  const folders = { work: join(cache, `${name}-work${look}`), store: join(cache, `study-store${look}`) }
  const cores = availableParallelism()
  const pipeline = await openPipeline(folders, { engine: version, threads: cores }, progress)
  const study = quick ? shortened(whole) : whole
  const apart = (seed: number, prepared: Prepared) => ({
    ...{ study, seed, prepared, results, version },
    folders: { ...folders, work: `${folders.work}-${seed}` },
  })
  const outcome = await runStudy(study, quick ? [1] : [1, 2, 3], {
    ...{ pipeline, keep: measured, progress },
    runApart: (seeds, prepared) =>
      runApart(
        seeds.map((seed) => apart(seed, prepared)),
        { cores, progress },
      ),
  })
  return { ...outcome, pipeline }
}
