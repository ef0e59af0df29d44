import { populationStabilityIndex } from '../../../crds/drift.ts'
import type { RankerPipeline } from '../../../crds/kinds/ranker-pipeline.ts'
import type { PipelineStatus } from '../../../crds/pipeline-status.ts'
import type { ArtifactStore } from '../../../workers/artifacts/store.ts'
import type { Clock } from '../../cluster/clock.ts'
import type { Condition, KubernetesObject, ObjectKey } from '../../cluster/objects.ts'
import { findCondition, isTrue } from '../../control/conditions.ts'
import type { Online } from '../../rollout/online.ts'
import { abortAnnotation, labels, promoteAnnotation, retrainAnnotation } from '../names.ts'
import { finishedProducer } from '../run/inputs.ts'
import type { Lookup, RunObject } from '../run/run-kind.ts'
import { templateDigest } from './children.ts'
import { statusFromLedger } from './ledger.ts'
import {
  type ChildKind,
  childKinds,
  type PipelineObservation,
  type SeenChild,
  type SeenDifference,
  type SeenFollower,
} from './observation.ts'
import { scheduleProblem } from './schedule.ts'

export interface PipelineReading {
  lookup: Lookup
  /** Objects of a kind that belong to the owner with this uid. */
  owned(kind: ChildKind, uid: string): RunObject[]
  /** RankerDeployments that follow the pipeline. */
  followers(key: ObjectKey): KubernetesObject[]
  store: ArtifactStore
  clock: Clock
}

export async function observe(pipeline: RankerPipeline, reading: PipelineReading): Promise<PipelineObservation> {
  const { metadata, spec } = pipeline
  const { name, namespace = '', uid = '' } = metadata
  const status = await statusOrLedger(pipeline, reading)
  const children = childKinds.flatMap((kind) =>
    reading.owned(kind, uid).flatMap((object) => seenChild(kind, object as ChildObject)),
  )
  const followers = reading.followers({ namespace, name }).map((object) => seenFollower(object as FollowerObject))
  const dataset = seenDataset(pipeline, reading.lookup)
  const invalid = problemOf(pipeline)
  const psi = await popularityPsi(pipeline, status, dataset, reading.store)
  const {
    [retrainAnnotation]: retrain,
    [promoteAnnotation]: promote,
    [abortAnnotation]: abort,
  } = metadata.annotations ?? {}
  return {
    now: reading.clock.now(),
    name,
    spec,
    status,
    ...(invalid === undefined ? {} : { invalid }),
    annotations: {
      ...(retrain === undefined ? {} : { retrain: retrain.slice(0, 256) }),
      ...(promote === undefined ? {} : { promote: promote.slice(0, 256) }),
      ...(abort === undefined ? {} : { abort: abort.slice(0, 256) }),
    },
    dataset,
    template: templateDigest(spec),
    children,
    freeNumber: freeNumber(name, namespace, status, reading.lookup),
    missing: await missingModels(pipeline, status, followers, reading.store),
    followers,
    ...(psi === undefined ? {} : { popularityPsi: psi }),
  }
}

/** A pipeline that nobody has looked at yet may have had a life before: in a cluster that is gone. */
async function statusOrLedger(
  { status, metadata }: RankerPipeline,
  { store }: PipelineReading,
): Promise<PipelineStatus> {
  if (status && status.observedGeneration !== -1) return status
  const entries = await store.ledger.read(metadata.namespace ?? '')
  const known = statusFromLedger(entries, metadata.name)
  // A candidate that is lost is made again by the run that its entry would have stood for.
  const isLost = known.candidate && !(await store.stat(known.candidate.digest))
  const told = isLost
    ? entries.filter(({ digest, type }) => type !== 'Candidate' || digest !== known.candidate?.digest)
    : entries
  return { observedGeneration: -1, ...status, ...statusFromLedger(told, metadata.name) }
}

/** Labels hold 63 characters, and the number of a run needs some. */
const longestName = 52

function problemOf({ metadata: { name }, spec }: RankerPipeline): string | undefined {
  if (name.length > longestName)
    return `the name has ${name.length} characters; give it at most ${longestName}, as runs are called NAME-NUMBER`
  return spec.triggers.schedules?.map(scheduleProblem).find((problem) => problem !== undefined)
}

function seenDataset({ metadata, spec }: RankerPipeline, lookup: Lookup): PipelineObservation['dataset'] {
  const found = finishedProducer(lookup, 'Dataset', metadata.namespace ?? '', spec.datasetRef.name)
  if ('ready' in found) return { revision: found.ready.digest }
  return { message: found.not.state === 'Ready' ? '' : found.not.message }
}

function freeNumber(name: string, namespace: string, { lastRunNumber = 0 }: PipelineStatus, lookup: Lookup): number {
  let number = lastRunNumber + 1
  while (childKinds.some((kind) => lookup(kind, namespace, `${name}-${number}`))) number++
  return number
}

interface ChildObject extends RunObject {
  status?: NonNullable<RunObject['status']> & {
    summary?: string
    metrics?: SeenChild['metrics']
    comparison?: SeenDifference[]
  }
}

function seenChild(kind: ChildKind, { metadata, spec, status }: ChildObject): SeenChild[] {
  const run = Number(metadata.labels?.[labels.pipelineRun])
  if (!Number.isInteger(run) || run < 1) return []
  const conditions = status?.conditions as Condition[] | undefined
  const isCurrent = status?.observedGeneration === metadata.generation
  const ready = isCurrent && isTrue(conditions, 'Ready') && status?.artifact !== undefined
  const stalled = isCurrent && isTrue(conditions, 'Stalled')
  const passed = findCondition(conditions, 'Passed')
  const why = (kind === 'Evaluation' && ready ? passed : undefined) ?? findCondition(conditions, 'Ready')
  return [
    {
      kind,
      name: metadata.name,
      run,
      deleting: metadata.deletionTimestamp !== undefined,
      state: ready ? 'Ready' : stalled ? 'Stalled' : 'Working',
      reason: why?.reason ?? '',
      message: why?.message ?? '',
      spec: spec as unknown as Record<string, unknown>,
      ...(ready && status?.artifact ? { digest: status.artifact.digest } : {}),
      inputs: status?.inputs ?? {},
      ...(passed && ready ? { passed: passed.status === 'True' } : {}),
      ...(status?.summary === undefined ? {} : { summary: status.summary }),
      metrics: status?.metrics ?? [],
      comparison: status?.comparison ?? [],
    },
  ]
}

/** What a RankerDeployment that follows a pipeline says of its models. */
interface FollowerObject extends KubernetesObject {
  status?: {
    stableDigest?: string
    rejected?: SeenFollower['rejected']
    online?: Online
  }
}

const seenFollower = ({ metadata, status }: FollowerObject): SeenFollower => ({
  name: metadata.name,
  ...(status?.stableDigest === undefined ? {} : { stableDigest: status.stableDigest }),
  rejected: status?.rejected ?? [],
  // Numbers of the model before may stand there until there are others.
  online: status?.online && status.online.digest === status.stableDigest ? measured(status.online) : {},
})

function measured({ digest: _, observedAt: __, uncertainty = {}, ...numbers }: Online): SeenFollower['online'] {
  const errors: Record<string, string | undefined> = uncertainty
  return Object.fromEntries(
    Object.entries(numbers).map(([name, value]) => [
      name,
      { value: Number(value), uncertainty: Number(errors[name] ?? 0) },
    ]),
  )
}

/** Those of the models in question that the store lacks; all of them are where another one may take over. */
async function missingModels(
  { spec, metadata }: RankerPipeline,
  status: PipelineStatus,
  followers: readonly SeenFollower[],
  store: ArtifactStore,
): Promise<Set<string>> {
  const { champion, candidate, lineage = [], runs = [] } = status
  const missing = new Set<string>()
  const look = async (digest: string) => void ((await store.stat(digest)) ?? missing.add(digest))
  if (champion) await look(champion.digest)
  const approved = spec.promotion.approvedDigest
  const mayChange =
    !champion ||
    missing.size > 0 ||
    followers.some(({ rejected }) => rejected.some(({ digest }) => digest === champion.digest)) ||
    (metadata.annotations?.[promoteAnnotation] ?? status.lastHandledPromote) !== status.lastHandledPromote ||
    (approved ?? champion.digest) !== champion.digest
  if (!mayChange) return missing
  const models = [candidate, ...lineage].flatMap((model) => model?.digest ?? [])
  for (const digest of new Set([...models, ...runs.flatMap(({ model }) => model ?? [])])) await look(digest)
  return missing
}

async function popularityPsi(
  { spec }: RankerPipeline,
  { champion }: PipelineStatus,
  dataset: PipelineObservation['dataset'],
  store: ArtifactStore,
): Promise<number | undefined> {
  if (!spec.triggers.drift?.itemPopularity || !champion || !('revision' in dataset)) return undefined
  if (champion.dataset === dataset.revision) return 0
  const [expected, actual] = await Promise.all(
    [champion.dataset, dataset.revision].map((digest) => shares(digest, store)),
  )
  return expected && actual ? populationStabilityIndex(expected, actual) : undefined
}

async function shares(digest: string, store: ArtifactStore): Promise<readonly number[] | undefined> {
  const stat = await store.stat(digest)
  const summary = stat?.manifest.metadata.summary as { popularityShares?: readonly number[] } | undefined
  return summary?.popularityShares
}
