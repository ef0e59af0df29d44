import type { ChampionDifference, EvaluationSummary, MarketSummary, OffPolicySummary } from '../../crds/jobs.ts'
import type { Dataset } from '../../crds/kinds/dataset.ts'
import { type Evaluation, evaluation } from '../../crds/kinds/evaluation.ts'
import type { TrainingRun } from '../../crds/kinds/training-run.ts'
import type { MarketStatus, OffPolicyStatus } from '../../crds/market-evaluation.ts'
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
  referenceFields: ['model', 'champion', 'datasetRef', 'market.evaluator'],
  dependencies: ({ spec }) => [
    { kind: 'Dataset', name: spec.datasetRef.name },
    ...[spec.model, spec.champion, spec.market?.evaluator].flatMap((model) =>
      model?.trainingRunRef === undefined ? [] : [{ kind: 'TrainingRun', name: model.trainingRunRef.name }],
    ),
  ],
  resolve,
  inputsAreKnown: () => true,
  pollPeriodSeconds: () => 0,
  describe(artifact) {
    const { cases, metrics, comparison, market, offPolicy, gates } = artifact.summary as EvaluationSummary
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

function marketStatus({ auditHalfWidth, ...market }: MarketSummary): MarketStatus {
  return { ...market, ...(auditHalfWidth === undefined ? {} : { auditHalfWidth: decimal(auditHalfWidth) }) }
}

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

function resolve(object: Evaluation, lookup: Lookup): InputState {
  const { champion, market } = object.spec
  const fault = faultOf(object.spec)
  if (fault !== undefined) return { state: 'Invalid', message: fault }
  const model = resolveModel(object, lookup)
  if (model.state !== 'Ready') return model
  const unmet = unmetOf(object, model.digests.dataset ?? '', lookup)
  if (unmet !== undefined) return { state: 'Invalid', message: unmet }
  const digests = { ...model.digests }
  for (const [role, chosen] of Object.entries({ champion, evaluator: market?.evaluator })) {
    const choice = chosen && { digest: chosen.digest, name: chosen.trainingRunRef?.name }
    const found = chosenArtifact(lookup, 'TrainingRun', object.metadata.namespace ?? '', choice)
    if ('not' in found) return found.not
    if (found.ready !== undefined) digests[role] = found.ready
  }
  return { state: 'Ready', digests }
}

/** What a real API server refuses by a rule; the embedded one leaves it to us. */
function faultOf({ champion, market, offPolicy, ranking, gates = [] }: Evaluation['spec']): string | undefined {
  const withoutChampion = gates.find(({ minDifferenceToChampion }) => minDifferenceToChampion !== undefined)
  if (withoutChampion && champion === undefined)
    return `gate "${withoutChampion.name}" has minDifferenceToChampion, but there is no champion; name one in spec.champion, or leave the gate out`
  if (market !== undefined) return undefined
  if (ranking === 'None') return 'ranking is None and there is no market: nothing is measured; set one of them'
  if (offPolicy !== undefined) return 'offPolicy needs market: the lists that it judges are those of the marketplace'
  const ofMarket = gates.find(({ metric }) => !metric.includes('@'))
  return (
    ofMarket &&
    `gate "${ofMarket.name}" is on ${ofMarket.metric}, but there is no market; set spec.market, or leave the gate out`
  )
}

/** Why the revision that is measured does not do for the marketplace, as far as the Dataset's status tells of it. */
function unmetOf({ spec, metadata }: Evaluation, revision: string, lookup: Lookup): string | undefined {
  const { market, offPolicy, split, datasetRef } = spec
  const { name } = datasetRef
  const dataset = lookup<Dataset>('Dataset', metadata.namespace ?? '', name)
  if (market === undefined || !tellsOf(dataset, revision)) return undefined
  const { advertising } = dataset.status ?? {}
  const needs: Need[] = [
    { told: 'Requests', by: 'spec.market holds auctions over' },
    { told: 'Bids', by: 'spec.market holds auctions by' },
    ...(offPolicy === undefined ? [] : [{ told: 'Propensities' as const, by: 'spec.offPolicy weighs the log by' }]),
  ]
  const unmet = unmetNeed(name, advertising, needs)
  if (unmet !== undefined || advertising === undefined) return unmet
  if (market.truth === true && advertising.origin !== 'Simulation')
    return `Dataset "${name}" was logged and has no hidden truth, but market.truth is true; leave it out, or measure on a simulated marketplace`
  const requests = split === 'Validation' ? advertising.validationRequests : advertising.testRequests
  if (requests > 0) return undefined
  return `Dataset "${name}" has no request in its ${split.toLowerCase()} part; change spec.split, or the split of the Dataset`
}

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
