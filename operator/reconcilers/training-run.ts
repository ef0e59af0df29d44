import type { TrainingSummary } from '../../crds/jobs.ts'
import type { Dataset } from '../../crds/kinds/dataset.ts'
import type { TokenizerBuild } from '../../crds/kinds/tokenizer-build.ts'
import { type TrainingRun, trainingRun } from '../../crds/kinds/training-run.ts'
import { type Need, tellsOf, unmetNeed } from './advertising-needs.ts'
import { decimal } from './decimal.ts'
import { chosenArtifact, finishedProducer, waitsForItself } from './run/inputs.ts'
import type { InputState } from './run/observation.ts'
import type { Lookup, RunKind } from './run/run-kind.ts'
import { faultOf } from './stage-faults.ts'

export const trainingRunRun: RunKind<TrainingRun> = {
  definition: trainingRun,
  jobKind: 'TrainingRun',
  bounded: true,
  referenceFields: ['datasetRef', 'tokenizerRef', 'warmStart'],
  dependencies(run) {
    const parent = parentOf(run)
    return [
      { kind: 'Dataset', name: run.spec.datasetRef.name },
      { kind: 'TokenizerBuild', name: run.spec.tokenizerRef.name },
      ...(parent === undefined ? [] : [{ kind: 'TrainingRun', name: parent }]),
    ]
  },
  resolve,
  inputsAreKnown: () => true,
  pollPeriodSeconds: () => 0,
  describe(artifact) {
    const { epochs, bestEpoch, trainingLoss, validationNdcg, parameters, parent, warmStart, stages } =
      artifact.summary as TrainingSummary
    return {
      epoch: epochs,
      bestEpoch,
      trainingLoss: decimal(trainingLoss),
      ...(validationNdcg === undefined ? {} : { validationNdcg: decimal(validationNdcg) }),
      parameters,
      ...(stages === undefined ? {} : { stage: stages.at(-1)?.name ?? '', stages: stages.map(stageStatus) }),
      ...(parent === undefined ? {} : { parent }),
      ...(warmStart === undefined ? {} : { warmStart }),
    }
  },
}

type Stages = TrainingRun['spec']['stages']
type StageSummary = NonNullable<TrainingSummary['stages']>[number]

/** The longest summary that status takes. */
const summaryLength = 256

const stageStatus = ({ metrics, ...stage }: StageSummary) => ({
  ...stage,
  summary: Object.entries(metrics)
    .map(([name, value]) => `${name} ${decimal(value)}`)
    .join(', ')
    .slice(0, summaryLength),
})

const parentOf = ({ spec }: TrainingRun): string | undefined => spec.warmStart?.trainingRunRef?.name

/** Learns the revision that the tokenizer coded: items are counted by their place in it. */
function resolve(run: TrainingRun, lookup: Lookup): InputState {
  const { spec, metadata } = run
  const namespace = metadata.namespace ?? ''
  const fault = faultOf(spec)
  if (fault !== undefined) return { state: 'Invalid', message: fault }
  const found = finishedProducer<TokenizerBuild>(lookup, 'TokenizerBuild', namespace, spec.tokenizerRef.name)
  if ('not' in found) return found.not
  const tokenizer = found.ready
  if (tokenizer.spec.datasetRef.name !== spec.datasetRef.name) {
    const message = `TokenizerBuild "${spec.tokenizerRef.name}" codes Dataset "${tokenizer.spec.datasetRef.name}", but datasetRef names "${spec.datasetRef.name}"; name the same Dataset in both`
    return { state: 'Invalid', message }
  }
  const choice = spec.warmStart && { digest: spec.warmStart.digest, name: parentOf(run) }
  const parent = chosenArtifact(lookup, 'TrainingRun', namespace, choice)
  if ('not' in parent) {
    if (!waitsForItself(run, parentOf, (name) => lookup('TrainingRun', namespace, name))) return parent.not
    const message = 'warmStart.trainingRunRef leads back to this run; name a run that ends before this one, or a digest'
    return { state: 'Invalid', message }
  }
  const dataset = tokenizer.status?.inputs?.dataset ?? ''
  const unmet = unmetOf(spec, dataset, lookup<Dataset>('Dataset', namespace, spec.datasetRef.name))
  if (unmet !== undefined) return { state: 'Invalid', message: unmet }
  const digests = { dataset, tokenizer: tokenizer.digest }
  return { state: 'Ready', digests: parent.ready === undefined ? digests : { ...digests, parent: parent.ready } }
}

/** Why the revision that is learned does not do for a stage, as far as the Dataset's status tells of it. */
function unmetOf({ datasetRef, model, stages }: TrainingRun['spec'], revision: string, dataset: Dataset | undefined) {
  if (stages === undefined || !tellsOf(dataset, revision)) return undefined
  const { advertising } = dataset.status ?? {}
  const unmet = unmetNeed(datasetRef.name, advertising, [...needsOf(model, stages), ...needsOfObjective(model, stages)])
  if (unmet !== undefined) return unmet
  const { reward, allocation, ranking, payment } = stages
  const first = Object.entries({ reward, allocation, ranking, payment }).find(([, stage]) => stage !== undefined)
  if (first === undefined || advertising === undefined || advertising.trainingRequests > 0) return undefined
  return `Dataset "${datasetRef.name}" has no request in its training part, but stages.${first[0]} learns from them; give earlier requests, or another split of the Dataset`
}

/** What counts conversions has to learn from some. */
function needsOfObjective(model: TrainingRun['spec']['model'], { reward, ranking }: NonNullable<Stages>): Need[] {
  const part = model.ega === undefined ? 'oneRanker' : 'ega'
  const { conversion = '0' } = model[part]?.objective ?? {}
  if (Number(conversion) === 0 || (reward ?? ranking) === undefined) return []
  return [{ told: 'Conversions', by: `model.${part}.objective.conversion counts` }]
}

function needsOf(
  model: TrainingRun['spec']['model'],
  { pretrain, reward, allocation, ranking, payment }: NonNullable<Stages>,
): Need[] {
  const auction = (stage: string): Need[] => [
    { told: 'EligibleAds', by: `stages.${stage} holds auctions over` },
    { told: 'Bids', by: `stages.${stage} holds auctions by` },
  ]
  return [
    ...(pretrain?.targets.includes('Exposed')
      ? [{ told: 'Exposures' as const, by: 'stages.pretrain with target Exposed learns from', ...wholeFor(model) }]
      : []),
    ...(reward === undefined
      ? []
      : [{ told: 'Exposures' as const, by: 'stages.reward learns from', ...wholeForReward(model) }]),
    ...(allocation === undefined ? [] : auction('allocation')),
    ...(ranking === undefined ? [] : auction('ranking')),
    ...(ranking?.labels === 'Logged'
      ? [
          {
            told: 'Exposures' as const,
            by: 'stages.ranking with labels Logged learns from',
            whole: 'set stages.ranking.labels to RewardModel',
          },
        ]
      : []),
    ...(payment === undefined ? [] : auction('payment')),
  ]
}

/** EGA-V2 learns to write the lists that were shown, OneRanker what was clicked of them. */
const wholeFor = ({ ega }: TrainingRun['spec']['model']): Pick<Need, 'whole'> =>
  ega === undefined ? {} : { whole: 'set stages.pretrain.targets to [NextItems]' }

/** A model without context judges each entry by itself, at its position. */
function wholeForReward({ ega, oneRanker }: TrainingRun['spec']['model']): Pick<Need, 'whole'> {
  const part = ega === undefined ? 'oneRanker' : 'ega'
  const { context = 'Permutation' } = (ega ?? oneRanker)?.reward ?? {}
  return context === 'Pointwise' ? {} : { whole: `set model.${part}.reward.context to Pointwise` }
}
