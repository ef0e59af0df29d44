import type { Autoscaling } from '../../../crds/autoscaling.ts'
import type { RankerDeployment } from '../../../crds/kinds/ranker-deployment.ts'
import type { Client } from '../../cluster/client.ts'
import type { KubernetesObject, ObjectKey, Resource } from '../../cluster/objects.ts'
import type { OwnCondition } from '../../control/conditions.ts'
import { childMetadata, isControlledBy } from './children.ts'
import { type SeenUnwatched, seeUnwatched } from './unwatched.ts'

export const HORIZONTAL_POD_AUTOSCALER: Resource = {
  group: 'autoscaling',
  version: 'v2',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  namespaced: true,
}

export interface HorizontalPodAutoscaler extends KubernetesObject {
  spec: object
  status?: { conditions?: { type: string; status: string; reason?: string; message?: string }[] }
}

/** What is known of the autoscaler; absent where the spec asks for none. */
export type SeenAutoscaler = SeenUnwatched<HorizontalPodAutoscaler>

export const seeAutoscaler = (client: Client, key: ObjectKey): Promise<SeenAutoscaler> =>
  seeUnwatched(client, HORIZONTAL_POD_AUTOSCALER, key)

/** Why there can be no autoscaler of ours, if so. */
export function autoscalerRefusal(
  ranker: RankerDeployment,
  seen: SeenAutoscaler | undefined,
): { reason: string; message: string } | undefined {
  if (seen?.isServed === false) {
    const message =
      'spec.autoscaling: this API server has no autoscaling/v2, so nothing would scale; give replicas instead, or leave both out and scale the Deployment by hand'
    return { reason: 'AutoscalingNotAvailable', message }
  }
  if (!seen?.present || isControlledBy(seen.present, ranker)) return undefined
  const { name } = ranker.metadata
  const message = `HorizontalPodAutoscaler "${name}" is another's; delete it, or leave spec.autoscaling and replicas out and let it scale the Deployment "${name}"`
  return { reason: 'NameTaken', message }
}

/**
 * @param mayScaleIn false while a canary has part of the requests: stable is to keep its Pods, for an abort gives all of
 * them back to it at once
 */
export function buildAutoscaler(
  ranker: RankerDeployment,
  { minReplicas, maxReplicas, ...targets }: Autoscaling,
  mayScaleIn: boolean,
): HorizontalPodAutoscaler {
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: childMetadata(ranker),
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: ranker.metadata.name },
      minReplicas,
      maxReplicas,
      metrics: metricsOf(targets),
      behavior: { scaleDown: { selectPolicy: mayScaleIn ? 'Max' : 'Disabled' } },
    },
  }
}

/** The larger of the numbers that several metrics ask for counts (autoscaling/v2). */
function metricsOf({
  targetCpuUtilizationPercent: percent,
  targetRequestsInFlight: inFlight,
}: Omit<Autoscaling, 'minReplicas' | 'maxReplicas'>): object[] {
  // Of the one container: a sidecar without a request would make the use of the whole Pod unknown.
  const cpu = {
    type: 'ContainerResource',
    containerResource: {
      name: 'cpu',
      container: 'ranker',
      target: { type: 'Utilization', averageUtilization: percent },
    },
  }
  const calls = {
    type: 'Pods',
    pods: {
      metric: { name: 'adloom_rank_in_flight' },
      target: { type: 'AverageValue', averageValue: String(inFlight) },
    },
  }
  return [...(percent === undefined ? [] : [cpu]), ...(inFlight === undefined ? [] : [calls])]
}

/** All that is wanted is there, whatever the server filled in beside it. */
export function isAsWanted(present: unknown, wanted: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null) return present === wanted
  if (typeof present !== 'object' || present === null) return false
  if (Array.isArray(wanted) && (!Array.isArray(present) || present.length !== wanted.length)) return false
  return Object.entries(wanted).every(([field, value]) =>
    isAsWanted((present as Record<string, unknown>)[field], value),
  )
}

/** Whether the autoscaler can do its work, in its own words; it tells after its first look, within seconds. */
export function autoscalingCondition(seen: SeenAutoscaler | undefined): OwnCondition | undefined {
  const { conditions = [] } = (seen?.isServed && seen.present?.status) || {}
  const told = (type: string) => conditions.find((condition) => condition.type === type)
  const [able, active] = [told('AbleToScale'), told('ScalingActive')]
  const said = able?.status === 'False' ? able : active
  if (!said || said.status === 'Unknown') return undefined
  const type = 'AutoscalingActive'
  if (said.status === 'True')
    return { type, status: 'True', reason: 'ScalingActive', message: 'the HorizontalPodAutoscaler reads its metrics' }
  return { type, status: 'False', reason: said.reason ?? 'ScalingInactive', message: said.message ?? '' }
}
