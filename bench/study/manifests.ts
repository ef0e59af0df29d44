import { join } from 'node:path'
import { Value } from 'typebox/value'
import type { Dataset } from '../../crds/kinds/dataset.ts'
import type { Evaluation } from '../../crds/kinds/evaluation.ts'
import type { TokenizerBuild } from '../../crds/kinds/tokenizer-build.ts'
import type { TrainingRun } from '../../crds/kinds/training-run.ts'
import { kinds } from '../../crds/kinds.ts'
import { readManifests } from '../../operator/cli/manifests.ts'

/** Specs by name, in the order of the manifests. */
export type Named<Spec> = ReadonlyMap<string, Spec>

/** One marketplace, the runs that learn it, and the evaluations that are the rows of the table. */
export interface Study {
  readonly dataset: Dataset['spec']
  readonly tokenizer: TokenizerBuild['spec']
  readonly trainings: Named<TrainingRun['spec']>
  readonly evaluations: Named<Evaluation['spec']>
}

const examples = join(import.meta.dirname, '..', '..', 'examples')

/** The manifests of these folders of examples with all defaults, over the data in `data`; together one marketplace. */
export function readStudy(data: string, folders: readonly string[]): Study {
  const manifests = readManifests(
    folders.map((folder) => join(examples, folder)),
    { ADLOOM_DATA: data },
  )
  const specsOf = <Spec>(kind: string): Map<string, Spec> => {
    const definition = kinds.find((each) => each.kind === kind)
    if (definition === undefined) throw new Error(`There is no kind ${kind}`)
    return new Map(
      manifests
        .filter(({ object }) => object.kind === kind)
        .map(({ object }) => {
          const { spec } = structuredClone(object) as { spec?: unknown }
          return [object.metadata.name, Value.Default(definition.spec, spec) as Spec] as const
        }),
    )
  }
  const only = <Spec>(kind: string): Spec => {
    const [spec, ...others] = specsOf<Spec>(kind).values()
    if (spec === undefined || others.length > 0)
      throw new Error(`${folders.join(' and ')} have not exactly one ${kind}`)
    return spec
  }
  return {
    dataset: only('Dataset'),
    tokenizer: only('TokenizerBuild'),
    trainings: specsOf('TrainingRun'),
    evaluations: specsOf('Evaluation'),
  }
}

/** These evaluations alone, in this order, with the runs that they measure and are judged by. */
export function chosenOf(study: Study, names: readonly string[]): Study {
  const evaluations = new Map(
    names.map((name) => {
      const evaluation = study.evaluations.get(name)
      if (evaluation === undefined) throw new Error(`No manifest is the Evaluation ${name}`)
      return [name, evaluation] as const
    }),
  )
  const measured = Array.from(evaluations.values(), ({ model }) => model.trainingRunRef?.name)
  const needed = new Set([...measured, ...judgesOf({ evaluations })])
  return { ...study, evaluations, trainings: new Map([...study.trainings].filter(([name]) => needed.has(name))) }
}

/** What is measured on sampled lists. */
export const ofSampledLists = (study: Study): Study =>
  chosenOf(
    study,
    [...study.evaluations].flatMap(([name, { sampledLists }]) => (sampledLists === undefined ? [] : [name])),
  )

/** The same runs with another seed; judges keep theirs, so that they judge all seeds alike. */
export function withSeed({ trainings, ...study }: Study, seed: number): Study {
  const judges = judgesOf(study)
  return {
    ...study,
    trainings: new Map(
      Array.from(trainings, ([name, spec]) => [name, judges.has(name) ? spec : { ...spec, seed }] as const),
    ),
  }
}

/** The run that judges beside the truth and the model itself. */
export const judgeOf = ({ market, sampledLists }: Evaluation['spec']): string | undefined =>
  (market?.evaluator ?? sampledLists?.graded?.evaluator)?.trainingRunRef?.name

const judgesOf = ({ evaluations }: Pick<Study, 'evaluations'>): ReadonlySet<string | undefined> =>
  new Set(Array.from(evaluations.values(), judgeOf))
