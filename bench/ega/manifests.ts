import { join } from 'node:path'
import { Value } from 'typebox/value'
import type { Dataset } from '../../crds/kinds/dataset.ts'
import type { Evaluation } from '../../crds/kinds/evaluation.ts'
import type { TokenizerBuild } from '../../crds/kinds/tokenizer-build.ts'
import type { TrainingRun } from '../../crds/kinds/training-run.ts'
import { kinds } from '../../crds/kinds.ts'
import { readManifests } from '../../operator/cli/manifests.ts'

/** Specs by name, in the order of the manifests. */
type Named<Spec> = ReadonlyMap<string, Spec>

/** One marketplace, the runs that learn it, and the evaluations that are the rows of the table. */
export interface Study {
  readonly dataset: Dataset['spec']
  readonly tokenizer: TokenizerBuild['spec']
  readonly trainings: Named<TrainingRun['spec']>
  readonly evaluations: Named<Evaluation['spec']>
}

const folder = join(import.meta.dirname, '..', '..', 'examples', 'market-beauty')

/** The manifests in examples/market-beauty with all defaults, over the data in `data`. */
export function readStudy(data: string): Study {
  const manifests = readManifests([folder], { ADLOOM_DATA: data })
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
    if (spec === undefined || others.length > 0) throw new Error(`${folder} has not exactly one ${kind}`)
    return spec
  }
  return {
    dataset: only('Dataset'),
    tokenizer: only('TokenizerBuild'),
    trainings: specsOf('TrainingRun'),
    evaluations: specsOf('Evaluation'),
  }
}

const mapValues = <From, To>(named: Named<From>, change: (value: From) => To): Map<string, To> =>
  new Map(Array.from(named, ([name, value]) => [name, change(value)] as const))

/** A look: short stages and few requests. */
export function shortened(study: Study): Study {
  const { advertising } = study.dataset
  const simulation = advertising?.simulation
  return {
    ...study,
    dataset:
      simulation === undefined
        ? study.dataset
        : { ...study.dataset, advertising: { ...advertising, simulation: { ...simulation, maxUsers: 500 } } },
    tokenizer: withCodes(study.tokenizer, 32),
    trainings: mapValues(study.trainings, ({ stages, ...spec }) => ({
      ...{ ...spec, maxEpochs: 1 },
      ...(stages === undefined ? {} : { stages: shortStages(stages) }),
    })),
    evaluations: mapValues(study.evaluations, ({ market, ...spec }) => ({
      ...spec,
      ...(market === undefined ? {} : { market: shortMarket(market) }),
    })),
  }
}

/** Fewer codes are learned sooner. */
const withCodes = ({ creatives, ...spec }: Study['tokenizer'], codebookSize: number): Study['tokenizer'] => ({
  ...{ ...spec, codebookSize },
  ...(creatives && { creatives: { ...creatives, codebookSize } }),
})

type Stages = NonNullable<TrainingRun['spec']['stages']>
type Market = NonNullable<Evaluation['spec']['market']>

function shortStages(stages: Stages): Stages {
  const { pretrain, reward, allocation, payment } = stages
  return {
    ...stages,
    ...(pretrain && { pretrain: { ...pretrain, targets: ['Exposed' as const] } }),
    ...(reward && { reward: { ...reward, maxEpochs: 2 } }),
    ...(allocation && { allocation: { ...allocation, requests: 16 } }),
    ...(payment && { payment: { ...payment, requests: 8, maxEpochs: 20 } }),
  }
}

const shortMarket = (market: Market): Market => ({
  ...market,
  requests: market.bids === 'BestResponse' ? 4 : 32,
  audit: {
    ...market.audit,
    minRequests: Math.min(market.audit.maxRequests, 5),
    maxRequests: Math.min(market.audit.maxRequests, 10),
  },
})

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

/** Runs that evaluations are judged by. */
const judgesOf = ({ evaluations }: Pick<Study, 'evaluations'>): ReadonlySet<string | undefined> =>
  new Set(Array.from(evaluations.values(), ({ market }) => market?.evaluator?.trainingRunRef?.name))
