import type {
  ChampionDifference,
  EvaluationSummary,
  MarketSummary,
  OffPolicySummary,
  SampledSummary,
} from '../../crds/jobs.ts'
import type { Dataset } from '../../crds/kinds/dataset.ts'
import { type Evaluation, evaluation } from '../../crds/kinds/evaluation.ts'
import type { TrainingRun } from '../../crds/kinds/training-run.ts'
import type { MarketStatus, OffPolicyStatus } from '../../crds/market-evaluation.ts'
import type { SampledStatus } from '../../crds/sampled-lists.ts'
import type { OwnCondition } from '../control/conditions.ts'
import { type Need, tellsOf, unmetNeed } from './advertising-needs.ts'
import { decimal } from './decimal.ts'
import { chosenArtifact, finishedProducer } from './run/inputs.ts'
import type { InputState } from './run/observation.ts'
import type { Lookup, RunKind } from './run/run-kind.ts'
import { cannotRank } from './served-stages.ts'

export const evaluationRun: RunKind<Evaluation> = {
  definition: evaluation,
  jobKind: 'Evaluation',
  bounded: true,
  referenceFields: ['model', 'champion', 'datasetRef', 'market.evaluator', 'sampledLists.graded.evaluator'],
  dependencies: ({ spec }) => [
    { kind: 'Dataset', name: spec.datasetRef.name },
    ...[spec.model, spec.champion, evaluatorOf(spec)].flatMap((model) =>
      model?.trainingRunRef === undefined ? [] : [{ kind: 'TrainingRun', name: model.trainingRunRef.name }],
    ),
  ],
  resolve,
  inputsAreKnown: () => true,
  pollPeriodSeconds: () => 0,
  describe(artifact) {
    const { cases, metrics, comparison, sampledLists, market, offPolicy, gates } = artifact.summary as EvaluationSummary
    const [first] = metrics
    return {
      cases,
      summary: first && `${first.name} ${decimal(first.value)} [${decimal(first.low)}, ${decimal(first.high)}]`,
      metrics: metrics.map(({ name, value, low, high }) => ({
        name,
        value: decimal(value),
        low: decimal(low),
        high: decimal(high),
      })),
      ...(comparison === undefined ? {} : { comparison: comparison.map(differenceStatus) }),
      ...(sampledLists === undefined ? {} : { sampledLists: sampledStatus(sampledLists) }),
      ...(market === undefined ? {} : { market: marketStatus(market) }),
      ...(offPolicy === undefined ? {} : { offPolicy: offPolicyStatus(offPolicy) }),
      gates,
    }
  },
  ownConditions: (_, status) => passed(status?.gates),
}

function differenceStatus({ metric, difference, low, high }: ChampionDifference) {
  return { metric, difference: decimal(difference), low: decimal(low), high: decimal(high) }
}

const sampledStatus = ({ meanListSize, ...sampled }: SampledSummary): SampledStatus => ({
  ...sampled,
  meanListSize: decimal(meanListSize),
})

function marketStatus({ auditHalfWidth, budgets, ...market }: MarketSummary): MarketStatus {
  return {
    ...market,
    ...(auditHalfWidth === undefined ? {} : { auditHalfWidth: decimal(auditHalfWidth) }),
    ...(budgets === undefined ? {} : { budgets: budgetStatus(budgets) }),
  }
}

const budgetStatus = ({ spentShare, refusedShare, ...counts }: NonNullable<MarketSummary['budgets']>) => ({
  ...counts,
  spentShare: decimal(spentShare),
  refusedShare: decimal(refusedShare),
})

function offPolicyStatus({
  effectiveSamples,
  effectivePositives,
  meanWeight,
  ...rest
}: OffPolicySummary): OffPolicyStatus {
  return {
    ...rest,
    effectiveSamples: decimal(effectiveSamples),
    effectivePositives: decimal(effectivePositives),
    meanWeight: decimal(meanWeight),
  }
}

/** One held-out judge sees all that an Evaluation shows. */
const evaluatorOf = ({ market, sampledLists }: Evaluation['spec']) =>
  market?.evaluator ?? sampledLists?.graded?.evaluator

function resolve(object: Evaluation, lookup: Lookup): InputState {
  const { champion } = object.spec
  const fault = faultOf(object.spec)
  if (fault !== undefined) return { state: 'Invalid', message: fault }
  const model = resolveModel(object, lookup)
  if (model.state !== 'Ready') return model
  const unmet = unmetOf(object, model.digests.dataset ?? '', lookup)
  if (unmet !== undefined) return { state: 'Invalid', message: unmet }
  const digests = { ...model.digests }
  for (const [role, chosen] of Object.entries({ champion, evaluator: evaluatorOf(object.spec) })) {
    const choice = chosen && { digest: chosen.digest, name: chosen.trainingRunRef?.name }
    const found = chosenArtifact(lookup, 'TrainingRun', object.metadata.namespace ?? '', choice)
    if ('not' in found) return found.not
    if (found.ready !== undefined) digests[role] = found.ready
  }
  return { state: 'Ready', digests }
}

/** What a real API server refuses by a rule; the embedded one leaves it to us. */
function faultOf(spec: Evaluation['spec']): string | undefined {
  const { champion, market, offPolicy, ranking, sampledLists, gates = [] } = spec
  const withoutChampion = gates.find(({ minDifferenceToChampion }) => minDifferenceToChampion !== undefined)
  if (withoutChampion && champion === undefined)
    return `gate "${withoutChampion.name}" has minDifferenceToChampion, but there is no champion; name one in spec.champion, or leave the gate out`
  const ofLists = gates.find(({ metric }) => isSampled(metric))
  if (ofLists && sampledLists === undefined)
    return `gate "${ofLists.name}" is on ${ofLists.metric}, but no lists are sampled; set spec.sampledLists, or leave the gate out`
  if (sampledLists?.negatives === 'Request' && sampledLists.targets !== 'Click')
    return 'sampledLists.negatives is Request, but only clicks are of a request; set sampledLists.targets to Click'
  if (market?.alpha !== undefined && market.beta !== undefined && Number(market.alpha) + Number(market.beta) === 0)
    return 'market.alpha and market.beta are both 0, and no bid would weigh anything; set one of them above 0'
  if (market?.audit?.searchRequests !== undefined && market.audit.regretStarts === 0)
    return 'market.audit.searchRequests bounds a search, and audit.regretStarts 0 makes none; set regretStarts above 0, or leave searchRequests out'
  if (market !== undefined)
    return market.evaluator !== undefined && sampledLists?.graded?.evaluator !== undefined
      ? 'market.evaluator and sampledLists.graded.evaluator are both set; name it in market alone, where it judges the sampled lists too'
      : undefined
  if (ranking === 'None' && sampledLists === undefined)
    return 'ranking is None and there is no market nor sampledLists: nothing is measured; set one of them'
  if (offPolicy !== undefined) return 'offPolicy needs market: the lists that it judges are those of the marketplace'
  const ofMarket = gates.find(({ metric }) => !metric.includes('@') && !isSampled(metric))
  return (
    ofMarket &&
    `gate "${ofMarket.name}" is on ${ofMarket.metric}, but there is no market; set spec.market, or leave the gate out`
  )
}

const isSampled = (metric: string): boolean => /^(Sampled|Consistency)\//.test(metric)

/** Why the revision that is measured does not do, as far as the Dataset's status tells of it. */
function unmetOf({ spec, metadata }: Evaluation, revision: string, lookup: Lookup): string | undefined {
  const { market, sampledLists, split, datasetRef } = spec
  const { name } = datasetRef
  const dataset = lookup<Dataset>('Dataset', metadata.namespace ?? '', name)
  if (!tellsOf(dataset, revision)) return undefined
  const { advertising } = dataset.status ?? {}
  const unmet = unmetNeed(name, advertising, [...needsOfLists(spec), ...needsOfMarket(spec)])
  if (unmet !== undefined || advertising === undefined) return unmet
  const noTruth = (field: string): string =>
    `Dataset "${name}" was logged and has no hidden truth, but ${field}; leave it out, or measure on a simulated marketplace`
  if (advertising.origin !== 'Simulation') {
    if (market?.truth === true) return noTruth('market.truth is true')
    if (sampledLists?.graded?.judge === 'Truth') return noTruth('sampledLists.graded.judge is Truth')
  }
  if (market === undefined && sampledLists?.targets !== 'Click') return undefined
  const requests = split === 'Validation' ? advertising.validationRequests : advertising.testRequests
  if (requests > 0) return undefined
  return `Dataset "${name}" has no request in its ${split.toLowerCase()} part; change spec.split, or the split of the Dataset`
}

const needsOfLists = ({ sampledLists }: Evaluation['spec']): Need[] => [
  ...(sampledLists?.targets === 'Click'
    ? [
        { told: 'Requests' as const, by: 'spec.sampledLists takes its targets from' },
        { told: 'Exposures' as const, by: 'spec.sampledLists takes the clicks from' },
      ]
    : []),
  ...(sampledLists?.graded === undefined
    ? []
    : [{ told: 'Bids' as const, by: 'spec.sampledLists.graded grades candidates by' }]),
]

const needsOfMarket = ({ market, offPolicy }: Evaluation['spec']): Need[] =>
  market === undefined
    ? []
    : [
        { told: 'Requests', by: 'spec.market holds auctions over' },
        { told: 'Bids', by: 'spec.market holds auctions by' },
        ...(market.budgets === undefined
          ? []
          : [{ told: 'Budgets' as const, by: 'spec.market.budgets holds auctions by' }]),
        ...(offPolicy === undefined ? [] : [{ told: 'Propensities' as const, by: 'spec.offPolicy weighs the log by' }]),
      ]

/** A run is measured on the revision that it learned: items are counted by their place in it. */
function resolveModel({ spec, metadata }: Evaluation, lookup: Lookup): InputState {
  const namespace = metadata.namespace ?? ''
  if (spec.model.digest !== undefined) {
    const found = finishedProducer(lookup, 'Dataset', namespace, spec.datasetRef.name)
    if ('not' in found) return found.not
    return { state: 'Ready', digests: { dataset: found.ready.digest, model: spec.model.digest } }
  }
  const run = finishedProducer<TrainingRun>(lookup, 'TrainingRun', namespace, spec.model.trainingRunRef?.name ?? '')
  if ('not' in run) return run.not
  const refusal = cannotRank(run.ready)
  if (refusal !== undefined) return { state: 'Invalid', message: refusal }
  const learned = run.ready.spec.datasetRef.name
  if (learned !== spec.datasetRef.name) {
    const message = `the model learned Dataset "${learned}", but datasetRef names "${spec.datasetRef.name}"; name the same Dataset in both`
    return { state: 'Invalid', message }
  }
  return { state: 'Ready', digests: { dataset: run.ready.status?.inputs?.dataset ?? '', model: run.ready.digest } }
}

function passed(gates: readonly { name: string; passed: boolean; message: string }[] | undefined): OwnCondition[] {
  if (!gates) return []
  const failed = gates.filter((gate) => !gate.passed)
  if (failed.length === 0) {
    const message = gates.length ? `all ${gates.length} gates hold` : 'no gates are set'
    return [{ type: 'Passed', status: 'True', reason: 'GatesHold', message }]
  }
  const message = failed.map((gate) => `${gate.name}: ${gate.message}`).join('; ')
  return [{ type: 'Passed', status: 'False', reason: 'GatesFailed', message }]
}
