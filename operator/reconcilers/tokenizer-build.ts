import type { TokenizerSummary } from '../../crds/jobs.ts'
import { type TokenizerBuild, tokenizerBuild } from '../../crds/kinds/tokenizer-build.ts'
import { decimal } from './decimal.ts'
import { finishedProducer } from './run/inputs.ts'
import type { RunKind } from './run/run-kind.ts'

export const tokenizerBuildRun: RunKind<TokenizerBuild> = {
  definition: tokenizerBuild,
  jobKind: 'TokenizerBuild',
  bounded: true,
  referenceFields: ['datasetRef'],
  dependencies: ({ spec }) => [{ kind: 'Dataset', name: spec.datasetRef.name }],
  resolve({ spec, metadata }, lookup) {
    const found = finishedProducer(lookup, 'Dataset', metadata.namespace ?? '', spec.datasetRef.name)
    return 'not' in found ? found.not : { state: 'Ready', digests: { dataset: found.ready.digest } }
  },
  inputsAreKnown: () => true,
  pollPeriodSeconds: () => 0,
  describe(artifact) {
    const { items, levels, collisionRate, reconstructionError, utilization } = artifact.summary as TokenizerSummary
    return {
      items,
      levels,
      collisionRate: decimal(collisionRate),
      reconstructionError: decimal(reconstructionError),
      utilization: utilization.map(decimal),
    }
  },
}
