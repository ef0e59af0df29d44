import type { Clock } from '../../cluster/clock.ts'
import { namespaceType } from '../builtin/types.ts'
import { crdFinalizer, crdStorage } from '../crd.ts'
import type { ApiObject } from '../json.ts'
import type { ResourceType } from '../resource-type.ts'
import type { ResourceTypes } from '../resource-types.ts'
import type { Store } from '../store.ts'
import { deleteObject, dropFinalizer } from './deletion.ts'

/**
 * Deletes what lies in namespaces and belongs to CRDs that are being deleted, and then these themselves.
 * Answers whether it changed anything.
 */
export function emptyWhatEnds(store: Store, types: ResourceTypes, clock: Clock): boolean {
  const before = store.revision
  for (const namespace of ending(store.list(namespaceType.storage))) emptyNamespace(store, types, clock, namespace)
  for (const crd of ending(store.list(crdStorage))) emptyKind(store, types, clock, crd)
  return store.revision > before
}

function ending(objects: readonly ApiObject[]): ApiObject[] {
  return objects.filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
}

function deleteAll(store: Store, clock: Clock, type: ResourceType, objects: readonly ApiObject[]): number {
  const notYet = objects.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  const gone = notYet.filter(
    (object) => deleteObject(store, clock, type, object, { propagationPolicy: 'Background' }).gone,
  )
  return objects.length - gone.length
}

function emptyNamespace(store: Store, types: ResourceTypes, clock: Clock, namespace: ApiObject): void {
  let left = 0
  for (const type of types.stored().filter(({ namespaced }) => namespaced)) {
    const inside = store.list(type.storage).filter(({ metadata }) => metadata.namespace === namespace.metadata.name)
    left += deleteAll(store, clock, type, inside)
  }
  if (left > 0 || (namespace.metadata.finalizers ?? []).length > 0) return
  store.commit('DELETED', namespaceType.storage, { ...namespace, spec: { finalizers: [] } })
}

function emptyKind(store: Store, types: ResourceTypes, clock: Clock, crd: ApiObject): void {
  if (!crd.metadata.finalizers?.includes(crdFinalizer)) return
  const spec = crd.spec as { group: string; names: { plural: string } }
  const type = types.findStorage(`${spec.group}/${spec.names.plural}`)
  const left = type ? deleteAll(store, clock, type, store.list(type.storage)) : 0
  const crdType = types.findStorage(crdStorage)
  if (left === 0 && crdType) dropFinalizer(store, crdType, crd, crdFinalizer)
}
