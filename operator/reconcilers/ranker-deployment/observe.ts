import type { Evaluation } from '../../../crds/kinds/evaluation.ts'
import type { RankerDeployment } from '../../../crds/kinds/ranker-deployment.ts'
import type { RankerPipeline } from '../../../crds/kinds/ranker-pipeline.ts'
import type { TrainingRun } from '../../../crds/kinds/training-run.ts'
import { digestOf } from '../../../workers/artifacts/digest.ts'
import type { ArtifactStore } from '../../../workers/artifacts/store.ts'
import type { Clock } from '../../cluster/clock.ts'
import type { KubernetesObject, ObjectKey } from '../../cluster/objects.ts'
import { formatKey } from '../../cluster/resources.ts'
import { findCondition } from '../../control/conditions.ts'
import type { Scraper } from '../../rollout/scraper.ts'
import type { Requests, RolloutState } from '../../rollout/state.ts'
import {
  planCanary,
  shadowRefusal,
  type TrafficRoute,
  type WeightOptions,
  weightRefusal,
} from '../../rollout/traffic.ts'
import {
  abortAnnotation,
  approveAnnotation,
  labels,
  promoteAnnotation,
  retryAnnotation,
  trafficAnnotation,
} from '../names.ts'
import { isPodReady, type Pod, type PodSettings, podProblem } from '../pod-template.ts'
import { finishedProducer } from '../run/inputs.ts'
import type { InputState } from '../run/observation.ts'
import type { Lookup } from '../run/run-kind.ts'
import { cannotRank } from '../served-stages.ts'
import { analyseStep } from './analyse-step.ts'
import {
  auctionCondition,
  auctionProgress,
  podServing,
  type SeenConfigMap,
  settingsNameTaken,
} from './auction-settings.ts'
import { autoscalerRefusal, autoscalingCondition, type SeenAutoscaler } from './autoscaler.ts'
import {
  buildDeployment,
  canaryName,
  type Deployment,
  isControlledBy,
  modelAnnotation,
  type Service,
  type TrackWish,
  wishAnnotation,
} from './children.ts'
import { executionProviderCondition } from './execution-provider.ts'
import type { SeenGateway } from './gateway.ts'
import type { DeploymentObservation, SeenDeployment, SeenEvaluation } from './plan.ts'
import { isRouteAt, routeProblem, trafficOf } from './traffic-children.ts'

export interface ObserverOptions {
  deployment(key: ObjectKey): Deployment | undefined
  service(key: ObjectKey): Service | undefined
  /** Pods of a ranker. */
  pods(namespace: string, ranker: string): Pod[]
  lookup: Lookup
  store: ArtifactStore
  clock: Clock
  /** Absent: this operator reads no metrics. */
  scraper?: Scraper
  /** Services are proxied by something that heeds the traffic annotation. */
  hasWeightedServices: boolean
  podSettings: PodSettings
}

/** Children that no informer watches. */
export interface SeenChildren {
  gateway: SeenGateway | undefined
  autoscaler: SeenAutoscaler | undefined
  auction: SeenConfigMap | undefined
}

export async function observe(
  ranker: RankerDeployment,
  key: ObjectKey,
  { gateway, autoscaler, auction }: SeenChildren,
  options: ObserverOptions,
): Promise<DeploymentObservation> {
  const { spec, status } = ranker
  const { namespace = '', name } = key
  const model = resolveModel(ranker, options.lookup)
  const wanted = model.state === 'Ready' ? (model.digests.model ?? '') : undefined
  const deployment = options.deployment(key)
  const canary = options.deployment({ namespace, name: canaryName(name) })
  const pods = options.pods(namespace, name)
  const problem = pods
    .filter((pod) => !isPodReady(pod))
    .map((pod) => ({ name: pod.metadata.name, problem: podProblem(pod) }))
    .find((pod) => pod.problem !== undefined)
  const madeBy = makerOf(ranker)
  const route = routeOf(ranker, options.hasWeightedServices)
  const refusal = autoscalerRefusal(ranker, autoscaler)
  const seen = (present: Deployment, wish: Omit<TrackWish, 'model'>) =>
    seenDeployment(present, (model) => buildDeployment(ranker, { ...wish, model }, options.podSettings, present))
  const stable =
    deployment &&
    seen(deployment, { track: 'stable', ...(spec.replicas === undefined ? {} : { replicas: spec.replicas }) })
  return {
    suspend: spec.suspend,
    model,
    modelInStore: wanted !== undefined && (await options.store.stat(wanted)) !== undefined,
    ...(madeBy ? { modelMadeBy: madeBy } : {}),
    ...(spec.evaluationRef ? { evaluation: seenEvaluation(options.lookup, namespace, spec.evaluationRef.name) } : {}),
    ...(stable ? { deployment: stable } : {}),
    // How many Pods a canary has is told by its status.
    ...(canary && isControlledBy(canary, ranker)
      ? { canary: seen(canary, { track: 'canary', replicas: canary.spec.replicas ?? 1 }) }
      : {}),
    canaryPods: pods.filter((pod) => pod.metadata.labels?.[labels.track] === 'canary').length,
    ...(problem ? { problem: `Pod ${problem.name}: ${problem.problem}` } : {}),
    ...(status?.servedDigest === undefined ? {} : { servedDigest: status.servedDigest }),
    state: stateOf(ranker),
    ...(spec.replicas === undefined ? {} : { replicas: spec.replicas }),
    ...(spec.autoscaling ? { autoscaling: refusal ? { refusal } : {} } : {}),
    ...toldByOthers(ranker, key, pods, { auction, autoscaler: refusal ? undefined : autoscaler }, options),
    route,
    shadowPercent: spec.rollout.shadow?.percent ?? 0,
    rollout: rolloutInput(ranker, { wanted, route, gateway, stable, canary }, options),
  }
}

/** What the Pods and what scales them tell of themselves. */
function toldByOthers(
  ranker: RankerDeployment,
  key: ObjectKey,
  pods: readonly Pod[],
  { auction, autoscaler }: Omit<SeenChildren, 'gateway'>,
  { scraper }: ObserverOptions,
): Pick<DeploymentObservation, 'auction' | 'auctionRefusal' | 'conditions'> {
  const ready = pods.filter((pod) => isPodReady(pod) && pod.metadata.deletionTimestamp === undefined)
  const settingsOf = ({ metadata }: Pod) => scraper?.auctionSettings(formatKey(key), metadata.uid ?? '')
  const progress = auction && scraper && auctionProgress(ranker, ready.map(settingsOf))
  const conditions = [
    progress && auctionCondition(progress),
    executionProviderCondition(ranker, scraper?.providers(formatKey(key)) ?? []),
    autoscalingCondition(autoscaler),
  ]
  const isTaken = auction?.present !== undefined && !isControlledBy(auction.present, ranker)
  return {
    ...(progress ? { auction: progress } : {}),
    ...(isTaken ? { auctionRefusal: settingsNameTaken(ranker) } : {}),
    conditions: conditions.filter((condition) => condition !== undefined),
  }
}

function stateOf({ status }: RankerDeployment): RolloutState {
  const handled: Requests = {
    ...(status?.lastHandledAbort === undefined ? {} : { abort: status.lastHandledAbort }),
    ...(status?.lastHandledPromote === undefined ? {} : { promote: status.lastHandledPromote }),
    ...(status?.lastHandledApprove === undefined ? {} : { approve: status.lastHandledApprove }),
    ...(status?.lastHandledRetry === undefined ? {} : { retry: status.lastHandledRetry }),
  }
  // A status that is older than rollouts knows what is served.
  const stableDigest = status?.stableDigest ?? status?.servedDigest
  return {
    ...(stableDigest === undefined ? {} : { stableDigest }),
    ...(status?.rollout === undefined ? {} : { rollout: status.rollout }),
    rejected: status?.rejected ?? [],
    revisions: status?.revisions ?? [],
    handled,
  }
}

interface Surroundings {
  /** As the model was resolved. */
  wanted: string | undefined
  route: TrafficRoute
  gateway: SeenGateway | undefined
  stable: SeenDeployment | undefined
  canary: Deployment | undefined
}

function rolloutInput(
  ranker: RankerDeployment,
  around: Surroundings,
  options: ObserverOptions,
): DeploymentObservation['rollout'] {
  const { spec, metadata } = ranker
  const { rollout } = spec
  const { suspend, replicas, autoscaling, serving, ...rest } = spec
  // What changes while Pods serve gives no model that was aborted another chance.
  const deciding = { ...rest, serving: podServing(serving) }
  const weights = {
    route: around.route,
    replicas: replicas ?? around.stable?.wanted ?? 1,
    tolerancePercent: rollout.weightTolerancePercent,
  }
  const plan = (weight: number) => planCanary(weight, weights)
  const refusal = refusalOf(ranker, around, weights)
  const { pipelineRef } = spec.model
  const champion = pipelineRef && pipelineOf(options.lookup, metadata.namespace, pipelineRef.name)?.status?.champion
  // The pipeline may have gone on since the model was resolved: when another one was promoted says nothing of this one.
  const wantedSince = champion?.digest === around.wanted ? champion?.promotedAt : undefined
  return {
    now: options.clock.now(),
    ...(wantedSince === undefined ? {} : { wantedSince }),
    specDigest: digestOf(deciding as Parameters<typeof digestOf>[0]),
    steps: rollout.steps ?? [],
    stepsDigest: digestOf({ steps: rollout.steps ?? [] }),
    progressDeadlineSeconds: spec.progressDeadlineSeconds,
    revisionHistoryLimit: rollout.revisionHistoryLimit,
    requests: requestsOf(metadata.annotations ?? {}),
    ...(refusal ? { refusal } : {}),
    planCanary: plan,
    isRouted: (weight) => isRouted(ranker, weight, around, options),
    analyse: (step, progress) => analyseStep(step, progress, ranker, options),
  }
}

function requestsOf(annotations: Record<string, string>): Requests {
  const values = {
    abort: annotations[abortAnnotation],
    promote: annotations[promoteAnnotation],
    approve: annotations[approveAnnotation],
    retry: annotations[retryAnnotation],
  }
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}

export const routeOf = ({ spec }: RankerDeployment, hasWeightedServices: boolean): TrafficRoute => {
  if (spec.rollout.gateway) return 'Gateway'
  return hasWeightedServices ? 'Proxy' : 'Replicas'
}

/** Why the steps of this spec cannot be gone here. */
function refusalOf(
  ranker: RankerDeployment,
  { route, gateway, canary }: Surroundings,
  weights: WeightOptions,
): { reason: string; message: string } | undefined {
  const { rollout } = ranker.spec
  const name = canaryName(ranker.metadata.name)
  if (canary && !isControlledBy(canary, ranker))
    return { reason: 'NameTaken', message: `Deployment "${name}" is another's; rename that or this object` }
  if (gateway?.isServed === false) {
    const message =
      'spec.rollout.gateway: this API server has no gateway.networking.k8s.io/v1; install it or leave gateway out'
    return { reason: 'GatewayNotAvailable', message }
  }
  const unaccepted = gateway?.isServed === true ? routeProblem(gateway.present) : undefined
  if (unaccepted !== undefined) return { reason: 'RouteNotAccepted', message: unaccepted }
  const shadow = rollout.shadow ? shadowRefusal(route) : undefined
  if (shadow !== undefined) return { reason: 'ShadowNotPossible', message: shadow }
  const unreachable = weightRefusal(rollout.steps ?? [], weights, ranker.spec.autoscaling)
  return unreachable === undefined ? undefined : { reason: 'WeightNotReachable', message: unreachable }
}

function isRouted(
  ranker: RankerDeployment,
  weight: number,
  { route, gateway }: Surroundings,
  options: ObserverOptions,
): boolean {
  const { name, namespace = '' } = ranker.metadata
  const split = { canaryPercent: weight, shadowPercent: ranker.spec.rollout.shadow?.percent ?? 0 }
  if (route === 'Gateway') return gateway?.isServed === true && isRouteAt(gateway.present, name, weight)
  if (route === 'Replicas') return true
  return options.service({ namespace, name })?.metadata.annotations?.[trafficAnnotation] === trafficOf(split)
}

function makerOf({ spec }: RankerDeployment): { kind: string; name: string } | undefined {
  const { trainingRunRef, pipelineRef } = spec.model
  if (trainingRunRef) return { kind: 'TrainingRun', name: trainingRunRef.name }
  return pipelineRef && { kind: 'RankerPipeline', name: pipelineRef.name }
}

function resolveModel({ spec, metadata }: RankerDeployment, lookup: Lookup): InputState {
  const { digest, pipelineRef, trainingRunRef } = spec.model
  const { namespace = '' } = metadata
  if (digest !== undefined) return { state: 'Ready', digests: { model: digest } }
  if (pipelineRef) return championOf(lookup, namespace, pipelineRef.name)
  if (!trainingRunRef) {
    const message = 'spec.model names nothing; give exactly one of trainingRunRef, digest and pipelineRef'
    return { state: 'Invalid', message }
  }
  const run = finishedProducer<TrainingRun>(lookup, 'TrainingRun', namespace, trainingRunRef.name)
  if ('not' in run) return run.not
  const refusal = cannotRank(run.ready)
  return refusal === undefined
    ? { state: 'Ready', digests: { model: run.ready.digest } }
    : { state: 'Invalid', message: refusal }
}

const pipelineOf = (lookup: Lookup, namespace = '', name: string) =>
  lookup<RankerPipeline>('RankerPipeline', namespace, name)

function championOf(lookup: Lookup, namespace: string, name: string): InputState {
  const pipeline = pipelineOf(lookup, namespace, name)
  const digest = pipeline?.status?.champion?.digest
  if (digest !== undefined) return { state: 'Ready', digests: { model: digest } }
  const message = pipeline
    ? `RankerPipeline "${name}" has no champion yet`
    : `RankerPipeline "${name}" does not exist yet`
  return { state: 'Waiting', message, waitingFor: [{ kind: 'RankerPipeline', name }] }
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

function seenDeployment(
  { spec, status, metadata }: Deployment,
  wishFor: (model: string) => KubernetesObject,
): SeenDeployment {
  const model = spec.template.metadata.annotations?.[modelAnnotation] ?? ''
  return {
    model,
    isCurrent: metadata.annotations?.[wishAnnotation] === wishFor(model).metadata.annotations?.[wishAnnotation],
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
