import type { Condition, KubernetesObject } from '../../operator/cluster/objects.ts'

export interface Kstatus {
  status: 'Terminating' | 'InProgress' | 'Failed' | 'Current'
  reason: string
}

/**
 * What kstatus reads in a custom resource (kubernetes-sigs/cli-utils pkg/kstatus/status/generic.go): Flux and Helm 4
 * wait by it. The first rule that matches wins.
 */
export function kstatus(object: KubernetesObject & { status?: object }): Kstatus {
  const { deletionTimestamp, generation } = object.metadata
  const { observedGeneration, conditions = [] } = (object.status ?? {}) as {
    observedGeneration?: number
    conditions?: Condition[]
  }
  if (deletionTimestamp) return { status: 'Terminating', reason: 'Terminating' }
  if (generation !== undefined && observedGeneration !== undefined && generation !== observedGeneration) {
    return { status: 'InProgress', reason: 'LatestGenerationNotObserved' }
  }
  for (const { type, status, reason } of conditions) {
    if (type === 'Reconciling' && status === 'True') return { status: 'InProgress', reason }
    if (type === 'Stalled' && status === 'True') return { status: 'Failed', reason }
  }
  const ready = conditions.find(({ type }) => type === 'Ready')
  if (!ready || ready.status === 'True') return { status: 'Current', reason: ready?.reason ?? '' }
  return { status: 'InProgress', reason: ready.reason }
}
