import type { OwnCondition, Readiness } from '../../control/conditions.ts'
import type { RolloutInput, RolloutOutcome, RolloutState, SeenTrack } from '../../rollout/state.ts'
import { advance } from '../../rollout/steps.ts'
import type { TrafficRoute } from '../../rollout/traffic.ts'
import type { InputState } from '../run/observation.ts'
import { type AuctionProgress, auctionHold } from './auction-settings.ts'
import type { Split } from './traffic-children.ts'

/** What a Deployment says of itself (apps/v1). */
export interface SeenDeployment {
  /** Model that its Pods are to load. */
  model: string
  /** It was written with the present spec. */
  isCurrent: boolean
  observedGeneration: number
  generation: number
  /** Replicas that are wanted. */
  wanted: number
  replicas: number
  updatedReplicas: number
  readyReplicas: number
  availableReplicas: number
  /** Condition Progressing is False with reason ProgressDeadlineExceeded. */
  deadlineExceeded: boolean
}

export type SeenEvaluation =
  | { name: string; state: 'Missing' }
  | { name: string; state: 'Running'; message: string }
  | { name: string; state: 'Judged'; passed: boolean; message: string; model: string | undefined }

export interface DeploymentObservation {
  suspend: boolean
  /** The wanted model: its digest is `digests.model`. */
  model: InputState
  /** Whether the store has the wanted model. */
  modelInStore: boolean
  /** What can make the wanted model again. */
  modelMadeBy?: { kind: string; name: string }
  evaluation?: SeenEvaluation
  deployment?: SeenDeployment
  canary?: SeenDeployment
  /** Pods of the canary that are still there. */
  canaryPods: number
  /** Problem of a Pod that does not get ready. */
  problem?: string
  servedDigest?: string
  /** What status remembers of rollouts. */
  state: RolloutState
  /** Replicas of the spec; absent: left to an autoscaler. */
  replicas?: number
  /** The spec asks for an autoscaler, which may not be possible here. */
  autoscaling?: { refusal?: { reason: string; message: string } }
  /** Settings of the auction; absent: there are none, or this operator reads no metrics. */
  auction?: AuctionProgress
  /** The settings cannot be brought to the Pods. */
  auctionRefusal?: { reason: string; message: string }
  /** What others tell of the Pods and of what scales them. */
  conditions?: readonly OwnCondition[]
  route: TrafficRoute
  shadowPercent: number
  rollout: Pick<
    RolloutInput,
    | 'now'
    | 'specDigest'
    | 'wantedSince'
    | 'steps'
    | 'stepsDigest'
    | 'progressDeadlineSeconds'
    | 'revisionHistoryLimit'
    | 'requests'
    | 'refusal'
    | 'planCanary'
    | 'isRouted'
    | 'analyse'
  >
}

/** The children that are wanted. */
export interface ChildrenWish {
  stable: { model: string; replicas?: number }
  /** Absent: none of ours. */
  autoscaler?: { mayScaleIn: boolean }
  /** Absent: none. */
  canary?: { model: string; replicas: number }
  /** Absent: there is nothing to divide. */
  split?: Split
}

export interface DeploymentPlan {
  rollout: RolloutOutcome
  /** Absent: children stay as they are. */
  children?: ChildrenWish
  readiness: Readiness
  wantedDigest?: string
  servedDigest?: string
  wake: { kind: string; name: string }[]
}

export const reasons = {
  serving: 'Serving',
  rollingOut: 'RollingOut',
  scaledToZero: 'ScaledToZero',
  suspended: 'Suspended',
  dependencyNotReady: 'DependencyNotReady',
  artifactMissing: 'ArtifactMissing',
  evaluationNotPassed: 'EvaluationNotPassed',
  evaluationOfOtherModel: 'EvaluationOfOtherModel',
  invalidSpec: 'InvalidSpec',
  progressDeadlineExceeded: 'ProgressDeadlineExceeded',
  rolloutAborted: 'RolloutAborted',
} as const

/** Whatever serves goes on serving until the wanted model is known, allowed, loaded, and has passed all steps. */
export function planDeployment(observation: DeploymentObservation): DeploymentPlan {
  const { deployment, canary, servedDigest, model, suspend } = observation
  const wantedDigest = model.state === 'Ready' ? (model.digests.model ?? '') : undefined
  const admission = admissionOf(observation, wantedDigest)
  const stable = deployment && seenTrack(deployment)
  const rollout = advance(observation.state, {
    ...observation.rollout,
    suspend,
    mayBegin: admission === undefined,
    ...(wantedDigest === undefined ? {} : { wanted: wantedDigest }),
    ...(stable ? { stable } : {}),
    ...(canary ? { canary: seenTrack(canary) } : {}),
  })
  const served = isRolledOut(deployment) ? deployment.model : servedDigest
  const children = childrenOf(observation, rollout.state)
  const readiness = readinessOf(observation, rollout, admission, wantedDigest)
  return {
    rollout,
    readiness: {
      ...readiness,
      own: [...(readiness.own ?? []), availability(deployment, canary), ...(observation.conditions ?? [])],
    },
    ...(children ? { children } : {}),
    ...(wantedDigest === undefined ? {} : { wantedDigest }),
    ...(served === undefined ? {} : { servedDigest: served }),
    wake: wakeOf(observation, admission),
  }
}

const seenTrack = (seen: SeenDeployment): SeenTrack => ({
  model: seen.model,
  available: seen.availableReplicas,
  isRolledOut: isRolledOut(seen),
  wanted: seen.wanted,
  isLate: seen.deadlineExceeded && seen.observedGeneration >= seen.generation,
})

/** Why a rollout of the wanted model may not begin, if so. */
function admissionOf(observation: DeploymentObservation, wanted: string | undefined): Readiness | undefined {
  const { model, modelInStore, evaluation, autoscaling, auctionRefusal } = observation
  if (autoscaling?.refusal) return { state: 'stalled', ...autoscaling.refusal }
  if (auctionRefusal) return { state: 'stalled', ...auctionRefusal }
  if (model.state === 'Waiting') return reconciling(reasons.dependencyNotReady, model.message)
  if (model.state !== 'Ready') return { state: 'stalled', reason: reasons.invalidSpec, message: model.message }
  if (!modelInStore) {
    const message = `artifact ${wanted} is not whole in the store; what serves goes on serving`
    return reconciling(reasons.artifactMissing, message)
  }
  return evaluation && heldBy(evaluation, wanted ?? '')
}

function wakeOf(
  { model, modelMadeBy }: DeploymentObservation,
  admission: Readiness | undefined,
): DeploymentPlan['wake'] {
  if (model.state === 'Waiting') return model.waitingFor
  return admission?.reason === reasons.artifactMissing && modelMadeBy ? [modelMadeBy] : []
}

/** A required evaluation that has not let the model through. */
function heldBy(evaluation: SeenEvaluation, wanted: string): Readiness | undefined {
  const { name } = evaluation
  if (evaluation.state === 'Missing')
    return reconciling(reasons.dependencyNotReady, `Evaluation "${name}" does not exist yet`)
  if (evaluation.state === 'Running')
    return reconciling(reasons.dependencyNotReady, `Evaluation "${name}" is not finished (${evaluation.message})`)
  if (evaluation.model !== wanted) {
    const message = `Evaluation "${name}" judged the model ${evaluation.model}, wanted is ${wanted}; name an evaluation of this model`
    return reconciling(reasons.evaluationOfOtherModel, message)
  }
  if (evaluation.passed) return undefined
  const message = `waits for Evaluation "${name}" to be Passed: ${evaluation.message}`
  return reconciling(reasons.evaluationNotPassed, message)
}

const noCanary: Split = { canaryPercent: 0, shadowPercent: 0 }

/**
 * A suspended ranker is left as it is, but for an abort: that takes the canary away and stable back.
 */
function childrenOf(observation: DeploymentObservation, state: RolloutState): ChildrenWish | undefined {
  const { deployment, canary, canaryPods, suspend, replicas } = observation
  const { rollout, stableDigest } = state
  const model = rollout?.phase === 'Promoting' ? rollout.digest : stableDigest
  if (model === undefined) return undefined
  if (suspend && (rollout || (!canary && canaryPods === 0 && deployment?.model === model))) return undefined
  const autoscaler = autoscalerOf(observation, state)
  const own = {
    stable: { model, ...(replicas === undefined ? {} : { replicas }) },
    ...(autoscaler ? { autoscaler } : {}),
  }
  const wanted = rollout && canaryReplicas(observation, rollout)
  // The Pods of a canary that goes get nothing more, though they answer for a moment.
  if (!rollout || wanted === undefined) return { ...own, ...(canary || canaryPods > 0 ? { split: noCanary } : {}) }
  const answers = canary?.model === rollout.digest ? canary.availableReplicas : 0
  const split = {
    canaryPercent: answers > 0 ? rollout.weight : 0,
    shadowPercent: answers > 0 ? observation.shadowPercent : 0,
  }
  if (wanted === 0 && !canary) return { ...own, split }
  return { ...own, canary: { model: rollout.digest, replicas: wanted }, split }
}

/** An autoscaler looks at what stable had to do in the last five minutes, a part of it only while there was a canary. */
const settleMs = 300_000

/** While a model rolls out stable keeps its Pods, whatever share of the requests is left to it. */
function autoscalerOf(
  { autoscaling, canary, canaryPods, rollout: { now } }: DeploymentObservation,
  { rollout, revisions: [last] }: RolloutState,
): ChildrenWish['autoscaler'] {
  if (!autoscaling || autoscaling.refusal) return undefined
  const isSettled = !last || now - Date.parse(last.time) >= settleMs
  return { mayScaleIn: !rollout && !canary && canaryPods === 0 && isSettled }
}

/** As many as the weight that is reached needs, or the one that is to be reached; undefined: there is no canary. */
function canaryReplicas(
  { canary, rollout: { steps, planCanary } }: DeploymentObservation,
  { phase, step, weight }: NonNullable<RolloutState['rollout']>,
): number | undefined {
  if (phase === 'Promoting' && !canary) return undefined
  const weights = [weight, ...(phase === 'Stepping' ? [steps[step]?.setWeight ?? weight] : [])]
  const counts = weights.map((one) => {
    const plan = planCanary(one)
    return 'refused' in plan ? (canary?.wanted ?? 0) : plan.replicas
  })
  return Math.max(...counts)
}

function readinessOf(
  observation: DeploymentObservation,
  { state, refusal, message }: RolloutOutcome,
  admission: Readiness | undefined,
  wanted: string | undefined,
): Readiness {
  if (observation.suspend) return suspended()
  if (observation.model.state === 'Invalid' && admission) return admission
  if (refusal) return { state: 'stalled', ...refusal }
  const { rollout } = state
  if (rollout?.phase === 'Stepping') return stepping(rollout, message, observation.problem)
  if (rollout) return progressOf(observation, rollout.digest)
  const rejection = state.rejected.find(({ digest }) => digest === wanted)
  if (rejection) {
    const text = `${rejection.digest} was rolled out and aborted (${rejection.reason}): ${rejection.message}; ${state.stableDigest} serves; change the spec, or set the annotation adloom.dev/retry`
    return { state: 'stalled', reason: reasons.rolloutAborted, message: text }
  }
  if (admission) return admission
  return progressOf(observation, wanted ?? '')
}

type Progress = NonNullable<RolloutState['rollout']>

function stepping(
  { digest, step, steps, weight, actualWeight, paused }: Progress,
  waits: string | undefined,
  problem: string | undefined,
): Readiness {
  const real = weight === actualWeight ? `${weight} %` : `${actualWeight} % (${weight} % wanted)`
  const message = [`step ${step + 1} of ${steps}: ${digest} gets ${real} of the requests`, waits, problem]
    .filter((part) => part !== undefined)
    .join('; ')
  if (!paused) return reconciling(reasons.rollingOut, message)
  const reason = { Timed: 'PausedForTime', Approval: 'PausedUntilApproved', Inconclusive: 'AnalysisInconclusive' }[
    paused
  ]
  const own: OwnCondition[] = [{ type: 'Paused', status: 'True', reason, message, negative: true }]
  // A pause for a time ends by itself; the others are held until a person says what to do.
  return { state: paused === 'Timed' ? 'reconciling' : 'held', reason, message, own }
}

function progressOf({ deployment, problem, auction }: DeploymentObservation, wanted: string): Readiness {
  if (!deployment?.isCurrent || deployment.model !== wanted || deployment.observedGeneration < deployment.generation)
    return reconciling(reasons.rollingOut, 'the Deployment is being brought up to date')
  if (deployment.deadlineExceeded) {
    const message = `the rollout made no progress within progressDeadlineSeconds${problem ? `; ${problem}` : ''}; what served goes on serving`
    return { state: 'stalled', reason: reasons.progressDeadlineExceeded, message }
  }
  if (!isRolledOut(deployment)) return reconciling(reasons.rollingOut, problem ?? 'Pods are loading the model')
  if (deployment.wanted === 0) return { state: 'ready', reason: reasons.scaledToZero, message: 'replicas is 0' }
  const held = auction && auctionHold(auction)
  if (held) return held
  return { state: 'ready', reason: reasons.serving, message: `all Pods serve ${wanted}` }
}

/** All Pods are of the template that is wanted and ready, that is, have loaded its model. */
function isRolledOut(deployment: SeenDeployment | undefined): deployment is SeenDeployment {
  return (
    deployment?.isCurrent === true &&
    deployment.observedGeneration >= deployment.generation &&
    deployment.updatedReplicas >= deployment.wanted &&
    deployment.replicas <= deployment.wanted &&
    deployment.availableReplicas >= deployment.wanted
  )
}

/** Something answers, whether or not it is the wanted model. */
function availability(stable: SeenDeployment | undefined, canary: SeenDeployment | undefined): OwnCondition {
  const available = (stable?.availableReplicas ?? 0) + (canary?.availableReplicas ?? 0)
  return available > 0
    ? { type: 'Available', status: 'True', reason: 'PodsAvailable', message: 'at least one Pod answers' }
    : { type: 'Available', status: 'False', reason: 'NoPodAvailable', message: 'no Pod answers' }
}

const reconciling = (reason: string, message: string): Readiness => ({ state: 'reconciling', reason, message })

function suspended(): Readiness {
  const message = 'suspended; what serves stays as it is'
  return {
    state: 'held',
    reason: reasons.suspended,
    message,
    own: [{ type: 'Suspended', status: 'True', reason: reasons.suspended, message, negative: true }],
  }
}
