import type { ChampionDifference, EvaluationSummary } from '../../crds/jobs.ts'
import { type Evaluation, evaluation } from '../../crds/kinds/evaluation.ts'
import type { TrainingRun } from '../../crds/kinds/training-run.ts'
import type { OwnCondition } from '../control/conditions.ts'
import { decimal } from './decimal.ts'
import { chosenArtifact, finishedProducer } from './run/inputs.ts'
import type { InputState } from './run/observation.ts'
import type { Lookup, RunKind } from './run/run-kind.ts'

export const evaluationRun: RunKind<Evaluation> = {
  definition: evaluation,
  jobKind: 'Evaluation',
  bounded: true,
  referenceFields: ['model', 'champion', 'datasetRef'],
  dependencies: ({ spec }) => [
    { kind: 'Dataset', name: spec.datasetRef.name },
    ...[spec.model.trainingRunRef, spec.champion?.trainingRunRef].flatMap((run) =>
      run === undefined ? [] : [{ kind: 'TrainingRun', name: run.name }],
    ),
  ],
  resolve,
  inputsAreKnown: () => true,
  pollPeriodSeconds: () => 0,
  describe(artifact) {
    const { cases, metrics, comparison, gates } = artifact.summary as EvaluationSummary
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
      gates,
    }
  },
  ownConditions: (_, status) => passed(status?.gates),
}

function differenceStatus({ metric, difference, low, high }: ChampionDifference) {
  return { metric, difference: decimal(difference), low: decimal(low), high: decimal(high) }
}

function resolve(object: Evaluation, lookup: Lookup): InputState {
  const { champion, gates = [] } = object.spec
  const withoutChampion = gates.find(({ minDifferenceToChampion }) => minDifferenceToChampion !== undefined)
  // A real API server refuses it by a rule; the embedded one leaves it to us.
  if (withoutChampion && champion === undefined) {
    const message = `gate "${withoutChampion.name}" has minDifferenceToChampion, but there is no champion; name one in spec.champion, or leave the gate out`
    return { state: 'Invalid', message }
  }
  const model = resolveModel(object, lookup)
  if (model.state !== 'Ready' || champion === undefined) return model
  const choice = { digest: champion.digest, name: champion.trainingRunRef?.name }
  const found = chosenArtifact(lookup, 'TrainingRun', object.metadata.namespace ?? '', choice)
  if ('not' in found) return found.not
  return { state: 'Ready', digests: { ...model.digests, champion: found.ready ?? '' } }
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
