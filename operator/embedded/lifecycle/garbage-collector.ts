import type { Clock } from '../../cluster/clock.ts'
import type { OwnerReference } from '../../cluster/objects.ts'
import type { ApiObject } from '../json.ts'
import type { ResourceType } from '../resource-type.ts'
import type { ResourceTypes } from '../resource-types.ts'
import type { Store, StoreEvent } from '../store.ts'
import { deleteObject, dropFinalizer, foregroundFinalizer, orphanFinalizer } from './deletion.ts'

interface Place {
  storage: string
  namespace: string | undefined
  name: string
}

/**
 * Deletes what all owners of are gone, carries out foreground deletion and orphaning.
 * https://kubernetes.io/docs/concepts/architecture/garbage-collection/
 */
export class GarbageCollector {
  readonly #store: Store
  readonly #types: ResourceTypes
  readonly #clock: Clock
  /** uid → where the object is. */
  readonly #places = new Map<string, Place>()
  /** uid of an owner → uids of its dependents. */
  readonly #dependents = new Map<string, Set<string>>()
  /** uids to look at. */
  readonly #queue = new Set<string>()

  constructor(store: Store, types: ResourceTypes, clock: Clock) {
    this.#store = store
    this.#types = types
    this.#clock = clock
    for (const resource of store.resources()) {
      for (const object of store.list(resource)) this.#remember(resource, object)
    }
  }

  /** Notes what a change may have made necessary; `work` does it. */
  notice(event: StoreEvent): void {
    const uid = event.object.metadata.uid ?? ''
    for (const { uid: owner } of event.previous?.metadata.ownerReferences ?? []) {
      this.#dependents.get(owner)?.delete(uid)
      this.#queue.add(owner)
    }
    if (event.type !== 'DELETED') {
      this.#remember(event.resource, event.object)
      return
    }
    this.#places.delete(uid)
    for (const dependent of this.#dependents.get(uid) ?? []) this.#queue.add(dependent)
    this.#dependents.delete(uid)
  }

  #remember(storage: string, { metadata }: ApiObject): void {
    const uid = metadata.uid ?? ''
    this.#places.set(uid, { storage, namespace: metadata.namespace, name: metadata.name })
    for (const { uid: owner } of metadata.ownerReferences ?? []) {
      const dependents = this.#dependents.get(owner) ?? new Set()
      this.#dependents.set(owner, dependents.add(uid))
    }
    if (metadata.ownerReferences || metadata.deletionTimestamp !== undefined) this.#queue.add(uid)
  }

  /** One thing at a time; false when there is nothing to do. */
  work(): boolean {
    const [uid] = this.#queue
    if (uid === undefined) return false
    this.#queue.delete(uid)
    const found = this.#find(uid)
    try {
      if (found) this.#collect(found.type, found.object)
    } catch (error) {
      this.#queue.add(uid)
      throw error
    }
    return true
  }

  #find(uid: string): { type: ResourceType; object: ApiObject } | undefined {
    const place = this.#places.get(uid)
    if (!place) return undefined
    const type = this.#types.findStorage(place.storage)
    const object = this.#store.get(place.storage, place.namespace, place.name)
    return type && object ? { type, object } : undefined
  }

  #collect(type: ResourceType, object: ApiObject): void {
    const finalizers = object.metadata.finalizers ?? []
    const deleting = object.metadata.deletionTimestamp !== undefined
    if (deleting && finalizers.includes(orphanFinalizer)) this.#orphan(type, object)
    else if (deleting && finalizers.includes(foregroundFinalizer)) this.#deleteForeground(type, object)
    else if (!deleting) this.#followOwners(type, object)
  }

  #orphan(type: ResourceType, owner: ApiObject): void {
    for (const dependent of this.#dependentsOf(owner)) {
      this.#keepReferences(dependent.type, dependent.object, ({ uid }) => uid !== owner.metadata.uid)
    }
    dropFinalizer(this.#store, type, owner, orphanFinalizer)
  }

  #deleteForeground(type: ResourceType, owner: ApiObject): void {
    const blocks = ({ uid, blockOwnerDeletion }: OwnerReference) =>
      uid === owner.metadata.uid && blockOwnerDeletion === true
    let waiting = false
    for (const dependent of this.#dependentsOf(owner)) {
      const blocking = dependent.object.metadata.ownerReferences?.some(blocks) ?? false
      const propagationPolicy = blocking ? 'Foreground' : 'Background'
      const ending = dependent.object.metadata.deletionTimestamp !== undefined
      const gone =
        !ending && deleteObject(this.#store, this.#clock, dependent.type, dependent.object, { propagationPolicy }).gone
      waiting ||= blocking && !gone
    }
    if (!waiting) dropFinalizer(this.#store, type, owner, foregroundFinalizer)
  }

  #followOwners(type: ResourceType, object: ApiObject): void {
    const references = object.metadata.ownerReferences ?? []
    const present = references.filter((reference) => this.#isPresent(reference, object))
    if (present.length === references.length) return
    if (present.length > 0) this.#keepReferences(type, object, (reference) => present.includes(reference))
    else deleteObject(this.#store, this.#clock, type, object, { propagationPolicy: 'Background' })
  }

  /** An owner of a kind that is not served cannot be looked up, so nothing follows from it. */
  #isPresent({ apiVersion, kind, uid }: OwnerReference, dependent: ApiObject): boolean {
    if (!this.#types.findKind(apiVersion, kind)) return true
    const place = this.#places.get(uid)
    return place !== undefined && (place.namespace === undefined || place.namespace === dependent.metadata.namespace)
  }

  #keepReferences(type: ResourceType, object: ApiObject, keep: (reference: OwnerReference) => boolean): void {
    const { ownerReferences = [], ...rest } = object.metadata
    const left = ownerReferences.filter(keep)
    const metadata = { ...rest, ...(left.length > 0 && { ownerReferences: left }) }
    this.#store.commit('MODIFIED', type.storage, { ...object, metadata })
  }

  #dependentsOf(owner: ApiObject): { type: ResourceType; object: ApiObject }[] {
    const uids = [...(this.#dependents.get(owner.metadata.uid ?? '') ?? [])]
    return uids.map((uid) => this.#find(uid)).filter((found) => found !== undefined)
  }
}
