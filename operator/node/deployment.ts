import { createHash } from 'node:crypto'
import type { KubernetesObject, ObjectMeta } from '../cluster/objects.ts'
import type { PodCondition, PodSpec } from './pod.ts'

/** The part of apps/v1 Deployment that the controller reads and writes. */
export interface Deployment extends KubernetesObject {
  spec: {
    replicas?: number
    /** Not read: Pods are found by their owner. */
    selector: object
    template: PodTemplate
    paused?: boolean
    minReadySeconds?: number
    progressDeadlineSeconds?: number
    strategy?: {
      type?: 'RollingUpdate' | 'Recreate'
      rollingUpdate?: { maxSurge?: number | string; maxUnavailable?: number | string }
    }
  }
  status?: DeploymentStatus
}

export interface PodTemplate {
  metadata?: Pick<ObjectMeta, 'labels' | 'annotations'>
  spec: PodSpec
}

export interface DeploymentCondition extends PodCondition {
  lastUpdateTime?: string
}

export interface DeploymentStatus {
  observedGeneration?: number
  replicas?: number
  updatedReplicas?: number
  readyReplicas?: number
  availableReplicas?: number
  unavailableReplicas?: number
  conditions?: DeploymentCondition[]
}

export const TEMPLATE_HASH_LABEL = 'pod-template-hash'

/** The same for equal templates, whatever the order of their keys. */
export function templateHash(template: PodTemplate): string {
  return createHash('sha256').update(canonicalJson(template)).digest('hex').slice(0, 10)
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
