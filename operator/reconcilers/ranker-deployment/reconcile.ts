import { resourceOf } from '../../../crds/kind.ts'
import type { Evaluation } from '../../../crds/kinds/evaluation.ts'
import { type RankerDeployment, rankerDeployment } from '../../../crds/kinds/ranker-deployment.ts'
import type { ArtifactStore } from '../../../workers/artifacts/store.ts'
import type { Clock } from '../../cluster/clock.ts'
import type { ObjectKey } from '../../cluster/objects.ts'
import { DEPLOYMENT, formatKey, SERVICE } from '../../cluster/resources.ts'
import { deriveConditions, findCondition } from '../../control/conditions.ts'
import type { Reconcile } from '../../control/controller.ts'
import type { EventRecorder } from '../../control/events.ts'
import { done, requeueAfter } from '../../control/outcome.ts'
import { StatusWriter } from '../../control/status-writer.ts'
import { reconcileRequestAnnotation } from '../names.ts'
import { isPodReady, type Pod, type PodSettings, podProblem } from '../pod-template.ts'
import { finishedProducer } from '../run/inputs.ts'
import type { InputState } from '../run/observation.ts'
import type { Lookup } from '../run/run-kind.ts'
import { ChildApplier } from './child-applier.ts'
import {
  buildDeployment,
  buildService,
  type Deployment,
  modelAnnotation,
  rankerSelector,
  type Service,
  urlOf,
} from './children.ts'
import {
  type DeploymentObservation,
  type DeploymentPlan,
  planDeployment,
  reasons,
  type SeenDeployment,
  type SeenEvaluation,
} from './plan.ts'

export interface RankerDeploymentReconcilerOptions {
  get(key: ObjectKey): RankerDeployment | undefined
  deployment(key: ObjectKey): Deployment | undefined
  service(key: ObjectKey): Service | undefined
  /** Pods with these labels in the namespace. */
  pods(namespace: string, ranker: string): Pod[]
  lookup: Lookup
  wake(kind: string, key: string): void
  store: ArtifactStore
  events: EventRecorder
  clock: Clock
  podSettings: PodSettings
}

/** A store tells nobody when an artifact comes back. */
const missingArtifactMs = 5000

export function createRankerDeploymentReconciler(options: RankerDeploymentReconcilerOptions): Reconcile {
  const writer = new StatusWriter({ resource: resourceOf(rankerDeployment), clock: options.clock })
  const children = new ChildApplier()
  return async (key, { client }) => {
    const ranker = options.get(key)
    // Children go by garbage collection.
    if (!ranker || ranker.metadata.deletionTimestamp !== undefined) return done()
    const observation = await observe(ranker, key, options)
    const plan = planDeployment(observation)
    if (plan.apply !== undefined) {
      const deployment = buildDeployment(ranker, plan.apply, options.podSettings)
      await children.apply(client, DEPLOYMENT, deployment, options.deployment(key))
      await children.apply(client, SERVICE, buildService(ranker), options.service(key))
    }
    for (const { kind, name } of plan.wake) options.wake(kind, formatKey({ namespace: key.namespace ?? '', name }))
    recordTransition(ranker, plan, options)
    await writer.write(client, ranker, nextStatus(ranker, plan, observation, options))
    return plan.readiness.reason === reasons.artifactMissing ? requeueAfter(missingArtifactMs) : done()
  }
}

async function observe(
  ranker: RankerDeployment,
  key: ObjectKey,
  options: RankerDeploymentReconcilerOptions,
): Promise<DeploymentObservation> {
  const { spec, status } = ranker
  const model = resolveModel(ranker, options.lookup)
  const wanted = model.state === 'Ready' ? (model.digests.model ?? '') : undefined
  const deployment = options.deployment(key)
  const problem = options
    .pods(key.namespace ?? '', key.name)
    .filter((pod) => !isPodReady(pod))
    .map((pod) => ({ name: pod.metadata.name, problem: podProblem(pod) }))
    .find((pod) => pod.problem !== undefined)
  return {
    suspend: spec.suspend,
    model,
    modelInStore: wanted !== undefined && (await options.store.stat(wanted)) !== undefined,
    ...(spec.model.trainingRunRef
      ? { modelMadeBy: { kind: 'TrainingRun', name: spec.model.trainingRunRef.name } }
      : {}),
    ...(spec.evaluationRef
      ? { evaluation: seenEvaluation(options.lookup, key.namespace ?? '', spec.evaluationRef.name) }
      : {}),
    ...(deployment ? { deployment: seenDeployment(deployment) } : {}),
    ...(problem ? { problem: `Pod ${problem.name}: ${problem.problem}` } : {}),
    ...(status?.servedDigest === undefined ? {} : { servedDigest: status.servedDigest }),
  }
}

function resolveModel({ spec, metadata }: RankerDeployment, lookup: Lookup): InputState {
  if (spec.model.digest !== undefined) return { state: 'Ready', digests: { model: spec.model.digest } }
  const name = spec.model.trainingRunRef?.name
  if (name === undefined)
    return { state: 'Invalid', message: 'spec.model names nothing; give exactly one of trainingRunRef and digest' }
  const run = finishedProducer(lookup, 'TrainingRun', metadata.namespace ?? '', name)
  return 'not' in run ? run.not : { state: 'Ready', digests: { model: run.ready.digest } }
}

function seenEvaluation(lookup: Lookup, namespace: string, name: string): SeenEvaluation {
  const evaluation = lookup<Evaluation>('Evaluation', namespace, name)
  if (!evaluation) return { name, state: 'Missing' }
  const { status } = evaluation
  const passed = findCondition(status?.conditions, 'Passed')
  if (!passed) return { name, state: 'Running', message: status?.state ?? 'not seen yet' }
  return {
    name,
    state: 'Judged',
    passed: passed.status === 'True',
    message: passed.message,
    model: status?.inputs?.model,
  }
}

function seenDeployment({ spec, status, metadata }: Deployment): SeenDeployment {
  return {
    model: spec.template.metadata.annotations?.[modelAnnotation] ?? '',
    generation: metadata.generation ?? 0,
    observedGeneration: status?.observedGeneration ?? -1,
    wanted: spec.replicas ?? 1,
    replicas: status?.replicas ?? 0,
    updatedReplicas: status?.updatedReplicas ?? 0,
    readyReplicas: status?.readyReplicas ?? 0,
    availableReplicas: status?.availableReplicas ?? 0,
    deadlineExceeded:
      status?.conditions?.some(({ type, reason }) => type === 'Progressing' && reason === 'ProgressDeadlineExceeded') ??
      false,
  }
}

function recordTransition(
  ranker: RankerDeployment,
  { readiness: { state, reason, message } }: DeploymentPlan,
  { events }: RankerDeploymentReconcilerOptions,
): void {
  if (ranker.status?.state === reason) return
  events.record(ranker, {
    type: state === 'stalled' ? 'Warning' : 'Normal',
    reason,
    action: 'Reconcile',
    note: message,
  })
}

function nextStatus(
  ranker: RankerDeployment,
  plan: DeploymentPlan,
  { deployment }: DeploymentObservation,
  options: RankerDeploymentReconcilerOptions,
): object {
  const { metadata } = ranker
  const derived = deriveConditions(
    ranker.status?.conditions,
    metadata.generation ?? 0,
    plan.readiness,
    options.clock.now(),
  )
  const { namespace = '', name } = metadata
  const requested = metadata.annotations?.[reconcileRequestAnnotation]
  return {
    ...derived,
    state: derived.conditions.find(({ type }) => type === 'Ready')?.reason,
    ...(plan.wantedDigest === undefined ? {} : { wantedDigest: plan.wantedDigest }),
    ...(plan.servedDigest === undefined ? {} : { servedDigest: plan.servedDigest }),
    ...(deployment
      ? {
          replicas: deployment.replicas,
          readyReplicas: deployment.readyReplicas,
          url: urlOf(ranker, options.service({ namespace, name })),
        }
      : {}),
    selector: Object.entries(rankerSelector(name))
      .map((pair) => pair.join('='))
      .join(),
    ...(requested === undefined ? {} : { lastHandledReconcileAt: requested }),
  }
}
