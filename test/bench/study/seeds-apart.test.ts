import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { keepResults } from '../../../bench/harness/kept-results.ts'
import type { Study } from '../../../bench/study/manifests.ts'
import { openPipeline } from '../../../bench/study/pipeline.ts'
import { runSeed } from '../../../bench/study/run-study.ts'
import { runApart } from '../../../bench/study/seeds-apart.ts'
import { smallSpec } from '../../workers/processors/one-ranker/small-run.ts'
import { smallWorld, type World } from '../../workers/processors/staged/small-world.ts'

let world: World
beforeAll(async () => {
  world = await smallWorld()
})
afterAll(() => rm(world.folder, { recursive: true }))

const version = 'v1'
const silent = () => undefined

const studyOf = (training: ReturnType<typeof smallSpec>): Study => ({
  // Both are there already.
  dataset: {} as Study['dataset'],
  tokenizer: {} as Study['tokenizer'],
  trainings: new Map([['small', training]]),
  evaluations: new Map(),
})

const taskOf = (study: Study, seed: number) => ({
  ...{ study, seed, version, prepared: world.inputs },
  results: join(world.folder, 'results'),
  folders: { store: join(world.folder, 'store'), work: join(world.folder, `work-${seed}`) },
})

test('what seeds measure side by side is there for the one who waits for them', async () => {
  const study = studyOf(smallSpec({ pretrain: { targets: ['Exposed'] }, reward: { maxEpochs: 1 } }, { ranking: false }))
  const lines: string[] = []
  const tasks = [2, 3].map((seed) => taskOf(study, seed))
  await runApart(tasks, { cores: 2, progress: (line) => lines.push(line) })
  for (const seed of [2, 3]) expect(lines.some((line) => line.startsWith(`seed ${seed}: seed ${seed}: `))).toBe(true)

  const [{ folders, results }] = tasks
  const pipeline = await openPipeline(
    { ...folders, work: join(world.folder, 'work') },
    { engine: version, threads: 1 },
    silent,
  )
  const untold = { ...pipeline, train: () => Promise.reject(new Error('trained twice')) }
  const { measured } = keepResults(results, version, silent)
  const ports = { pipeline: untold, keep: measured, progress: silent }
  const digests = new Set<string | undefined>()
  for (const seed of [2, 3])
    digests.add((await runSeed(study, seed, world.inputs, ports)).trainings.get('small')?.digest)
  expect(digests.size).toBe(2)
})

test('a seed that fails is named, and ends the others', async () => {
  const { stages: _, ...broken } = smallSpec()
  const study = studyOf(broken)
  const tasks = [2, 3].map((seed) => taskOf(study, seed))
  await expect(runApart(tasks, { cores: 2, progress: silent })).rejects.toThrow(/^Seed [23] ended with code 1$/)
})
