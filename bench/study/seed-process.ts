// The process of one seed of a study: told what to run by one message, it answers with lines of progress and ends. What it
// measures is kept where the process that started it looks.

import { keepResults } from '../harness/kept-results.ts'
import type { Study } from './manifests.ts'
import { openPipeline, type PipelineFolders, type Prepared } from './pipeline.ts'
import { runSeed } from './run-study.ts'

export interface SeedTask {
  readonly study: Study
  readonly seed: number
  readonly prepared: Prepared
  readonly folders: PipelineFolders
  /** Of what is measured. */
  readonly results: string
  /** Of the sources. */
  readonly version: string
  readonly threads: number
}

const progress = (line: string): void => void process.send?.(line)

async function run({ study, seed, prepared, folders, results, version, threads }: SeedTask): Promise<void> {
  const pipeline = await openPipeline(folders, { engine: version, threads }, progress)
  const { measured } = keepResults(results, version, progress)
  await runSeed(study, seed, prepared, { pipeline, keep: measured, progress })
}

process.once('message', (task: SeedTask) => {
  run(task).then(
    () => process.exit(0),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})
// Nobody waits any more.
process.once('disconnect', () => process.exit(1))
