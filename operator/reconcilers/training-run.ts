import type { TrainingSummary } from '../../crds/jobs.ts'
import type { TokenizerBuild } from '../../crds/kinds/tokenizer-build.ts'
import { type TrainingRun, trainingRun } from '../../crds/kinds/training-run.ts'
import { decimal } from './decimal.ts'
import { finishedProducer } from './run/inputs.ts'
import type { RunKind } from './run/run-kind.ts'

export const trainingRunRun: RunKind<TrainingRun> = {
  definition: trainingRun,
  jobKind: 'TrainingRun',
  bounded: true,
  referenceFields: ['datasetRef', 'tokenizerRef'],
  dependencies: ({ spec }) => [
    { kind: 'Dataset', name: spec.datasetRef.name },
    { kind: 'TokenizerBuild', name: spec.tokenizerRef.name },
  ],
  /** Learns the revision that the tokenizer coded: items are counted by their place in it. */
  resolve({ spec, metadata }, lookup) {
    const found = finishedProducer<TokenizerBuild>(
      lookup,
      'TokenizerBuild',
      metadata.namespace ?? '',
      spec.tokenizerRef.name,
    )
    if ('not' in found) return found.not
    const tokenizer = found.ready
    if (tokenizer.spec.datasetRef.name !== spec.datasetRef.name) {
      const message = `TokenizerBuild "${spec.tokenizerRef.name}" codes Dataset "${tokenizer.spec.datasetRef.name}", but datasetRef names "${spec.datasetRef.name}"; name the same Dataset in both`
      return { state: 'Invalid', message }
    }
    const dataset = tokenizer.status?.inputs?.dataset ?? ''
    return { state: 'Ready', digests: { dataset, tokenizer: tokenizer.digest } }
  },
  inputsAreKnown: () => true,
  pollPeriodSeconds: () => 0,
  describe(artifact) {
    const { epochs, bestEpoch, trainingLoss, validationNdcg, parameters } = artifact.summary as TrainingSummary
    return {
      epoch: epochs,
      bestEpoch,
      trainingLoss: decimal(trainingLoss),
      validationNdcg: decimal(validationNdcg),
      parameters,
    }
  },
}
