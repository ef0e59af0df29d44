import type { CodeQuality, CreativeSummary, TokenizerSummary } from '../../crds/jobs.ts'
import type { Dataset } from '../../crds/kinds/dataset.ts'
import { type TokenizerBuild, tokenizerBuild } from '../../crds/kinds/tokenizer-build.ts'
import { tellsOf, unmetNeed } from './advertising-needs.ts'
import { decimal } from './decimal.ts'
import { chosenArtifact, finishedProducer, waitsForItself } from './run/inputs.ts'
import type { InputState } from './run/observation.ts'
import type { Lookup, RunKind } from './run/run-kind.ts'

export const tokenizerBuildRun: RunKind<TokenizerBuild> = {
  definition: tokenizerBuild,
  jobKind: 'TokenizerBuild',
  bounded: true,
  referenceFields: ['datasetRef', 'reuse.tokenizerRef', 'reuse.digest'],
  dependencies(build) {
    const earlier = earlierOf(build)
    return [
      { kind: 'Dataset', name: build.spec.datasetRef.name },
      ...(earlier === undefined ? [] : [{ kind: 'TokenizerBuild', name: earlier }]),
    ]
  },
  resolve,
  inputsAreKnown: () => true,
  pollPeriodSeconds: () => 0,
  describe(artifact) {
    const summary = artifact.summary as TokenizerSummary
    const { items, unseenItemsPercent, creatives } = summary
    return {
      items,
      ...qualityOf(summary),
      ...(unseenItemsPercent === undefined ? {} : { unseenItemsPercent: decimal(unseenItemsPercent) }),
      ...(creatives === undefined ? {} : { creatives: creativeStatus(creatives) }),
    }
  },
}

const qualityOf = (quality: CodeQuality) => ({
  levels: quality.levels,
  collisionRate: decimal(quality.collisionRate),
  reconstructionError: decimal(quality.reconstructionError),
  utilization: quality.utilization.map(decimal),
  codebooks: quality.codebooks,
  codebooksReason: quality.codebooksReason,
})

const creativeStatus = (summary: CreativeSummary) => ({
  count: summary.count,
  ...qualityOf(summary),
  ...(summary.unseenPercent === undefined ? {} : { unseenPercent: decimal(summary.unseenPercent) }),
})

const earlierOf = ({ spec }: TokenizerBuild): string | undefined => spec.reuse?.tokenizerRef?.name

function resolve(build: TokenizerBuild, lookup: Lookup): InputState {
  const { spec, metadata } = build
  const namespace = metadata.namespace ?? ''
  const found = finishedProducer<Dataset>(lookup, 'Dataset', namespace, spec.datasetRef.name)
  if ('not' in found) return found.not
  const unmet = unmetOf(spec, found.ready)
  if (unmet !== undefined) return { state: 'Invalid', message: unmet }
  const choice = spec.reuse && { digest: spec.reuse.digest, name: earlierOf(build) }
  const reuse = chosenArtifact(lookup, 'TokenizerBuild', namespace, choice)
  if ('not' in reuse) {
    if (!waitsForItself(build, earlierOf, (name) => lookup('TokenizerBuild', namespace, name))) return reuse.not
    const message = 'reuse.tokenizerRef leads back to this build; name a build that ends before this one, or a digest'
    return { state: 'Invalid', message }
  }
  const digests = { dataset: found.ready.digest }
  return { state: 'Ready', digests: reuse.ready === undefined ? digests : { ...digests, reuse: reuse.ready } }
}

function unmetOf({ creatives, datasetRef }: TokenizerBuild['spec'], dataset: Dataset & { digest: string }) {
  if (creatives === undefined || !tellsOf(dataset, dataset.digest)) return undefined
  return unmetNeed(datasetRef.name, dataset.status?.advertising, [{ told: 'Creatives', by: 'spec.creatives codes' }])
}
