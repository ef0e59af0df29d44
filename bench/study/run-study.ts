import type { Evaluation } from '../../crds/kinds/evaluation.ts'
import { judgeOf, type Study, withSeed } from './manifests.ts'
import { type MeasuredRow, measuredRow } from './measures.ts'
import type { Measured, Pipeline, Prepared, Trained } from './pipeline.ts'
import { readGroups } from './read-groups.ts'

export interface SeedPorts {
  readonly pipeline: Pipeline
  /** What was measured before under this name and specification, or what `measure` returns. */
  keep<T>(name: string, spec: unknown, measure: () => Promise<T>): Promise<T>
  progress(line: string): void
}

export interface StudyPorts extends SeedPorts {
  /** Runs seeds side by side, so that all that they measure is kept. */
  runApart(seeds: readonly number[], prepared: Prepared): Promise<void>
}

export interface SeedOutcome {
  readonly trainings: ReadonlyMap<string, Trained>
  readonly evaluations: ReadonlyMap<string, Measured>
}

export interface StudyOutcome {
  readonly study: Study
  readonly seeds: readonly number[]
  readonly prepared: Prepared
  /** By seed. */
  readonly outcomes: readonly SeedOutcome[]
  /** One an evaluation, means over seeds. */
  readonly rows: readonly MeasuredRow[]
}

/** Trains and measures everything with every seed. */
export async function runStudy(study: Study, seeds: readonly number[], ports: StudyPorts): Promise<StudyOutcome> {
  const { pipeline } = ports
  const prepared = await pipeline.prepare(study)
  const outcomes: SeedOutcome[] = []
  for (const seed of seeds) {
    outcomes.push(await runSeed(study, seed, prepared, ports))
    // The first has made what all share; two at once would make it twice.
    if (seed === seeds[0]) await ports.runApart(seeds.slice(1), prepared)
  }
  const rows: MeasuredRow[] = []
  for (const [name, spec] of study.evaluations) rows.push(await rowOf(name, spec, outcomes, pipeline))
  return { study, seeds, prepared, outcomes, rows }
}

/** Trains and measures everything with this seed. */
export const runSeed = (
  study: Study,
  seed: number,
  prepared: Prepared,
  { pipeline, keep, progress }: SeedPorts,
): Promise<SeedOutcome> =>
  outcomeOf(withSeed(study, seed), prepared, {
    pipeline,
    keep: (name, spec, measure) => keep(`seed ${seed}: ${name}`, { spec, prepared }, measure),
    progress: (line) => progress(`seed ${seed}: ${line}`),
  })

async function rowOf(
  name: string,
  spec: Evaluation['spec'],
  outcomes: readonly SeedOutcome[],
  pipeline: Pipeline,
): Promise<MeasuredRow> {
  const seeds = await Promise.all(
    outcomes.map(async ({ evaluations }) => readGroups(spec, await pipeline.open(madeBy(evaluations, name).digest))),
  )
  return measuredRow(
    name,
    seeds.map(({ groups }) => groups),
    seeds.flatMap(({ audit }) => audit ?? []),
  )
}

/** What the manifest of this name made. @throws where there is none */
export function madeBy<Made>(made: ReadonlyMap<string, Made>, name: string | undefined): Made {
  const found = name === undefined ? undefined : made.get(name)
  if (found === undefined) throw new Error(`No manifest makes ${name}`)
  return found
}

async function outcomeOf(
  { trainings, evaluations }: Study,
  { dataset, tokenizer }: Prepared,
  { pipeline, keep, progress }: SeedPorts,
): Promise<SeedOutcome> {
  const trained = new Map<string, Trained>()
  for (const [name, spec] of trainings) {
    const made = await keep(`train ${name}`, spec, () => pipeline.train(spec, { dataset, tokenizer }))
    trained.set(name, made)
    progress(`${name} trained in ${made.cpuSeconds.toFixed(0)} s of CPU`)
  }
  const measured = new Map<string, Measured>()
  for (const [name, spec] of evaluations) {
    const model = madeBy(trained, spec.model.trainingRunRef?.name).digest
    const judge = judgeOf(spec)
    const inputs = { dataset, model, ...(judge === undefined ? {} : { evaluator: madeBy(trained, judge).digest }) }
    const made = await keep(`measure ${name}`, { spec, inputs }, () => pipeline.evaluate(spec, inputs))
    measured.set(name, made)
    progress(`${name} measured in ${made.cpuSeconds.toFixed(0)} s of CPU`)
  }
  return { trainings: trained, evaluations: measured }
}
