import { apiVersion, type OwnerReference } from '../../crds/kind.ts'
import type { KubernetesObject } from '../cluster/objects.ts'

/** Marks a child as that of an object of ours: it goes with its owner, by garbage collection. */
export const ownerReference = ({ kind, metadata }: Pick<KubernetesObject, 'kind' | 'metadata'>): OwnerReference => ({
  apiVersion,
  kind,
  name: metadata.name,
  uid: metadata.uid ?? '',
  controller: true,
  blockOwnerDeletion: true,
})
