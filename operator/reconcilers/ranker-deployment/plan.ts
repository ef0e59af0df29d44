import type { OwnCondition, Readiness } from '../../control/conditions.ts'
import type { InputState } from '../run/observation.ts'

/** What a Deployment says of itself (apps/v1). */
export interface SeenDeployment {
  /** Model that its Pods are to load. */
  model: string
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
  /** Problem of a Pod that does not get ready. */
  problem?: string
  servedDigest?: string
}

export interface DeploymentPlan {
  /** Model to apply the children with; absent: they stay as they are. */
  apply?: string
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
} as const

/** Whatever serves goes on serving until the wanted model is known, allowed and loaded. */
export function planDeployment(observation: DeploymentObservation): DeploymentPlan {
  const { deployment, servedDigest, model } = observation
  const wantedDigest = model.state === 'Ready' ? model.digests.model : undefined
  const served = isRolledOut(deployment) ? deployment.model : servedDigest
  const own = [availability(deployment)]
  const plan = (readiness: Readiness, more: Partial<DeploymentPlan> = {}): DeploymentPlan => ({
    readiness: { ...readiness, own: [...(readiness.own ?? []), ...own] },
    ...(wantedDigest === undefined ? {} : { wantedDigest }),
    ...(served === undefined ? {} : { servedDigest: served }),
    wake: [],
    ...more,
  })
  if (observation.suspend) return plan(suspended())
  if (model.state === 'Invalid') return plan({ state: 'stalled', reason: reasons.invalidSpec, message: model.message })
  if (model.state === 'Waiting')
    return plan(reconciling(reasons.dependencyNotReady, model.message), { wake: model.waitingFor })
  if (!observation.modelInStore) {
    const message = `artifact ${wantedDigest} is not whole in the store; what serves goes on serving`
    return plan(reconciling(reasons.artifactMissing, message), {
      wake: observation.modelMadeBy ? [observation.modelMadeBy] : [],
    })
  }
  const held = observation.evaluation && heldBy(observation.evaluation, wantedDigest ?? '')
  if (held) return plan(held)
  return plan(progressOf(observation, wantedDigest ?? ''), { apply: wantedDigest ?? '' })
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

function progressOf({ deployment, problem }: DeploymentObservation, wanted: string): Readiness {
  if (!deployment || deployment.model !== wanted || deployment.observedGeneration < deployment.generation)
    return reconciling(reasons.rollingOut, 'the Deployment is being brought up to date')
  if (deployment.deadlineExceeded) {
    const message = `the rollout made no progress within progressDeadlineSeconds${problem ? `; ${problem}` : ''}; what served goes on serving`
    return { state: 'stalled', reason: reasons.progressDeadlineExceeded, message }
  }
  if (!isRolledOut(deployment)) return reconciling(reasons.rollingOut, problem ?? 'Pods are loading the model')
  if (deployment.wanted === 0) return { state: 'ready', reason: reasons.scaledToZero, message: 'replicas is 0' }
  return { state: 'ready', reason: reasons.serving, message: `all Pods serve ${wanted}` }
}

/** All Pods are of the newest template and ready, that is, have loaded its model. */
function isRolledOut(deployment: SeenDeployment | undefined): deployment is SeenDeployment {
  return (
    deployment !== undefined &&
    deployment.observedGeneration >= deployment.generation &&
    deployment.updatedReplicas >= deployment.wanted &&
    deployment.replicas <= deployment.wanted &&
    deployment.availableReplicas >= deployment.wanted
  )
}

/** Something answers, whether or not it is the wanted model. */
function availability(deployment: SeenDeployment | undefined): OwnCondition {
  const available = deployment?.availableReplicas ?? 0
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
