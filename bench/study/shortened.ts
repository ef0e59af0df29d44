import type { Evaluation } from '../../crds/kinds/evaluation.ts'
import type { TrainingRun } from '../../crds/kinds/training-run.ts'
import type { Named, Study } from './manifests.ts'

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
    evaluations: mapValues(study.evaluations, ({ market, sampledLists, ...spec }) => ({
      ...spec,
      ...(spec.ranking === 'None' || (market === undefined && sampledLists === undefined)
        ? {}
        : { ranking: 'None' as const }),
      ...(market === undefined ? {} : { market: shortMarket(market) }),
      ...(sampledLists === undefined ? {} : { sampledLists: { ...sampledLists, lists: 100 } }),
    })),
  }
}

const mapValues = <From, To>(named: Named<From>, change: (value: From) => To): Map<string, To> =>
  new Map(Array.from(named, ([name, value]) => [name, change(value)] as const))

/** Fewer codes are learned sooner. */
const withCodes = ({ creatives, ...spec }: Study['tokenizer'], codebookSize: number): Study['tokenizer'] => ({
  ...{ ...spec, codebookSize },
  ...(creatives && { creatives: { ...creatives, codebookSize } }),
})

type Stages = NonNullable<TrainingRun['spec']['stages']>
type Market = NonNullable<Evaluation['spec']['market']>

function shortStages(stages: Stages): Stages {
  const { pretrain, reward, allocation, ranking, payment } = stages
  return {
    ...stages,
    ...(pretrain && { pretrain: { ...pretrain, targets: ['Exposed' as const] } }),
    ...(reward && { reward: { ...reward, maxEpochs: 2 } }),
    ...(allocation && { allocation: { ...allocation, requests: 16 } }),
    ...(ranking && { ranking: { ...ranking, maxEpochs: 1 } }),
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
