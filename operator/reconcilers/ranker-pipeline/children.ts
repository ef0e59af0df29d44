import { isDeepStrictEqual } from 'node:util'
import { apiVersion, type KindDefinition } from '../../../crds/kind.ts'
import { evaluation } from '../../../crds/kinds/evaluation.ts'
import type { RankerPipeline, RankerPipelineSpec } from '../../../crds/kinds/ranker-pipeline.ts'
import { tokenizerBuild } from '../../../crds/kinds/tokenizer-build.ts'
import { trainingRun } from '../../../crds/kinds/training-run.ts'
import type { PipelineRun } from '../../../crds/pipeline-status.ts'
import { digestOf } from '../../../workers/artifacts/digest.ts'
import type { KubernetesObject } from '../../cluster/objects.ts'
import { fieldManager, labels } from '../names.ts'
import { ownerReference } from '../owner-reference.ts'
import type { ChildKind, SeenChild } from './observation.ts'

type Spec = Record<string, unknown>

export const childDefinitions: Record<ChildKind, KindDefinition> = {
  TokenizerBuild: tokenizerBuild,
  TrainingRun: trainingRun,
  Evaluation: evaluation,
}

const templateOf = (kind: ChildKind, spec: RankerPipelineSpec): Spec =>
  ({
    TokenizerBuild: spec.tokenizerTemplate,
    TrainingRun: spec.trainingTemplate,
    Evaluation: spec.evaluationTemplate,
  })[kind]

/** Fields that change no result: a run that is on takes them over. */
const mutableFields = (kind: ChildKind): ReadonlySet<string> =>
  new Set(childDefinitions[kind].mutableOnceStarted?.filter((field) => field !== 'ttlSecondsAfterFinished'))

function part(spec: Spec, isWanted: (field: string) => boolean): Spec {
  return Object.fromEntries(Object.entries(spec).filter(([field]) => isWanted(field)))
}

/** Of everything in the spec that changes what a run makes: another digest asks for another run. */
export function templateDigest(spec: RankerPipelineSpec): string {
  const parts = (['TokenizerBuild', 'TrainingRun', 'Evaluation'] as const).map((kind) => {
    const mutable = mutableFields(kind)
    return part(templateOf(kind, spec), (field) => !mutable.has(field))
  })
  return digestOf({ parts, warmStart: spec.warmStart, tokenizer: spec.tokenizer } as Parameters<typeof digestOf>[0])
}

/** What each kind of child is given beside its template. */
function references(kind: ChildKind, spec: RankerPipelineSpec, run: PipelineRun): Spec {
  const { datasetRef, warmStart, tokenizer } = spec
  const { name, champion, championTokenizer } = run
  switch (kind) {
    case 'TokenizerBuild': {
      const reuse = { digest: championTokenizer, maxUnseenItemsPercent: tokenizer.maxUnseenItemsPercent }
      return { datasetRef, ...(tokenizer.policy === 'ReuseChampion' && championTokenizer ? { reuse } : {}) }
    }
    case 'TrainingRun': {
      const start = warmStart === 'Champion' && champion ? { warmStart: { digest: champion } } : {}
      return { datasetRef, tokenizerRef: { name }, ...start }
    }
    case 'Evaluation':
      return {
        datasetRef,
        model: { trainingRunRef: { name } },
        ...(champion ? { champion: { digest: champion } } : gatesWithoutChampion(spec)),
      }
  }
}

/** Where there is no champion yet, nothing can be asked of the difference to it. */
function gatesWithoutChampion({ evaluationTemplate: { gates } }: RankerPipelineSpec): Spec {
  if (!gates) return {}
  const others = gates.map((gate) => part(gate, (field) => field !== 'minDifferenceToChampion'))
  const asking = others.filter((gate) => ['min', 'max', 'minRelativeToBaseline'].some((field) => field in gate))
  return { gates: asking }
}

/** @param given the whole spec of a child that is there already; absent: as the templates say */
export function buildChild(
  kind: ChildKind,
  pipeline: RankerPipeline,
  run: PipelineRun,
  given?: Spec,
): KubernetesObject {
  const { spec, metadata } = pipeline
  const made = () => ({ ...templateOf(kind, spec), ...references(kind, spec, run), suspend: spec.suspend })
  const child = {
    apiVersion,
    kind,
    metadata: {
      name: run.name,
      namespace: metadata.namespace ?? '',
      labels: {
        [labels.name]: 'adloom',
        [labels.component]: 'pipeline-run',
        [labels.managedBy]: fieldManager,
        [labels.pipeline]: metadata.name,
        [labels.pipelineRun]: String(run.number),
      },
      ownerReferences: [ownerReference(pipeline)],
    },
    spec: given ?? made(),
  }
  return child
}

/**
 * The spec that a child of a run is to have now: what decides its result stays as it was made, suspend and run policy
 * are those of the pipeline. Undefined: it has it already.
 */
export function updatedSpec(child: SeenChild, spec: RankerPipelineSpec): Spec | undefined {
  const mutable = mutableFields(child.kind)
  const policy = {
    ...part(templateOf(child.kind, spec), (field) => mutable.has(field)),
    suspend: spec.suspend,
  }
  if (
    isDeepStrictEqual(
      part(child.spec, (field) => mutable.has(field)),
      policy,
    )
  )
    return undefined
  return { ...part(child.spec, (field) => !mutable.has(field)), ...policy }
}
