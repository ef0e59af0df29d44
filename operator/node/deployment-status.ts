import { isDeepStrictEqual } from 'node:util'
import { timestamp } from '../cluster/clock.ts'
import type { Deployment, DeploymentCondition, DeploymentStatus } from './deployment.ts'
import type { PlannedPod } from './deployment-plan.ts'

/** What `progressDeadlineSeconds` is where absent; the API server's own default. */
const PROGRESS_DEADLINE_SECONDS = 600

export interface DeploymentObservation {
  pods: readonly PlannedPod[]
  templateHash: string
  maxUnavailable: number
  /** Why Pods cannot be created, if so. */
  failure: string | undefined
  now: number
}

/** Reasons are those of the Deployment controller, since kubectl and kstatus look for them by name. */
export function deploymentStatus(deployment: Deployment, observed: DeploymentObservation): DeploymentStatus {
  const live = observed.pods.filter((pod) => !pod.deleting)
  const wanted = deployment.spec.replicas ?? 1
  const available = live.filter((pod) => pod.available).length
  const counts = {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas: live.length,
    updatedReplicas: live.filter((pod) => pod.templateHash === observed.templateHash).length,
    readyReplicas: live.filter((pod) => pod.ready).length,
    availableReplicas: available,
    unavailableReplicas: Math.max(0, wanted - available, live.length - available),
  }
  const conditions = [
    availability(available >= wanted - observed.maxUnavailable),
    progress(deployment, counts, observed.now),
    ...failure(observed.failure),
  ]
  const present = deployment.status?.conditions ?? []
  return { ...counts, conditions: conditions.map((condition) => stamp(condition, present, observed.now)) }
}

export function sameStatus(a: DeploymentStatus | undefined, b: DeploymentStatus): boolean {
  return isDeepStrictEqual(a, b)
}

function availability(enough: boolean): DeploymentCondition {
  return {
    type: 'Available',
    status: enough ? 'True' : 'False',
    reason: enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
    message: enough ? 'Deployment has minimum availability.' : 'Deployment does not have minimum availability.',
  }
}

function failure(message: string | undefined): DeploymentCondition[] {
  return message === undefined ? [] : [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message }]
}

/** lastUpdateTime is when the rollout last got on; the deadline runs from there. */
function progress(deployment: Deployment, counts: DeploymentStatus, now: number): DeploymentCondition {
  const present = presentProgress(deployment.status)
  const moved = hasMoved(deployment.status ?? {}, counts)
  const verdict = verdictOf(deployment, counts, moved, now)
  const gotOn = verdict.reason === 'ReplicaSetUpdated' && moved
  const since = present && present.reason === verdict.reason && !gotOn ? present.lastUpdateTime : undefined
  return { type: 'Progressing', ...verdict, ...(since !== undefined && { lastUpdateTime: since }) }
}

function verdictOf(
  deployment: Deployment,
  counts: DeploymentStatus,
  moved: boolean,
  now: number,
): Pick<DeploymentCondition, 'status' | 'reason' | 'message'> {
  const { name } = deployment.metadata
  const present = presentProgress(deployment.status)
  const finished = {
    status: 'True',
    reason: 'NewReplicaSetAvailable',
    message: `Deployment "${name}" is rolled out.`,
  } as const
  const wanted = deployment.spec.replicas ?? 1
  const uniform = counts.updatedReplicas === counts.replicas
  if (uniform && counts.replicas === wanted && counts.availableReplicas === wanted) return finished
  if (deployment.spec.paused) return { status: 'Unknown', reason: 'DeploymentPaused', message: 'Deployment is paused.' }
  // Pods that are lost after a finished rollout are no new rollout: no deadline runs.
  const sameGeneration = deployment.status?.observedGeneration === counts.observedGeneration
  if (present?.reason === finished.reason && sameGeneration && uniform) return finished
  const late =
    present?.reason === 'ProgressDeadlineExceeded' || millisecondsLeft(deployment, deployment.status, now) <= 0
  if (late && !moved) {
    const message = `Deployment "${name}" has made no progress for its progressDeadlineSeconds.`
    return { status: 'False', reason: 'ProgressDeadlineExceeded', message }
  }
  return { status: 'True', reason: 'ReplicaSetUpdated', message: `Deployment "${name}" is progressing.` }
}

function presentProgress(status: DeploymentStatus | undefined): DeploymentCondition | undefined {
  return status?.conditions?.find((condition) => condition.type === 'Progressing')
}

function hasMoved(before: DeploymentStatus, after: DeploymentStatus): boolean {
  const grown = (['updatedReplicas', 'readyReplicas', 'availableReplicas'] as const).some(
    (field) => (after[field] ?? 0) > (before[field] ?? 0),
  )
  const old = (status: DeploymentStatus) => (status.replicas ?? 0) - (status.updatedReplicas ?? 0)
  return grown || before.observedGeneration !== after.observedGeneration || old(after) < old(before)
}

/** Until the progress deadline passes; Infinity while none runs. */
export function millisecondsLeft(deployment: Deployment, status: DeploymentStatus | undefined, now: number): number {
  const condition = presentProgress(status)
  if (condition?.reason !== 'ReplicaSetUpdated' || condition.lastUpdateTime === undefined) {
    return Number.POSITIVE_INFINITY
  }
  const seconds = deployment.spec.progressDeadlineSeconds ?? PROGRESS_DEADLINE_SECONDS
  return Date.parse(condition.lastUpdateTime) + seconds * 1000 - now
}

function stamp(
  condition: DeploymentCondition,
  present: readonly DeploymentCondition[],
  now: number,
): DeploymentCondition {
  const before = present.find((candidate) => candidate.type === condition.type)
  const settled = condition.type !== 'Progressing' && before?.status === condition.status
  return {
    ...condition,
    lastUpdateTime: condition.lastUpdateTime ?? (settled ? before.lastUpdateTime : undefined) ?? timestamp(now),
    lastTransitionTime: (before?.status === condition.status ? before.lastTransitionTime : undefined) ?? timestamp(now),
  }
}
