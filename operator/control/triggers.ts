import type { Informer } from '../cluster/informer.ts'
import type { KubernetesObject, ObjectKey, Resource } from '../cluster/objects.ts'
import { formatKey, keyOf } from '../cluster/resources.ts'

/** Whether a change is worth a reconcile. */
export type Predicate<T extends KubernetesObject> = (before: T, after: T) => boolean

/** Adds keys to a controller's queue for what an informer reports. */
export interface Trigger {
  resource: Resource
  hasSeen(resourceVersion: string): boolean
  get(key: ObjectKey): KubernetesObject | undefined
  whenSynced(signal: AbortSignal): Promise<void>
  /** The function that comes back ends it. */
  connect(enqueue: (key: string) => void): () => void
}

/** What a user, Git or a deletion changed; our own status writes are not among it. */
export function wishChanged(before: KubernetesObject, after: KubernetesObject): boolean {
  const a = before.metadata
  const b = after.metadata
  return (
    a.generation !== b.generation ||
    a.deletionTimestamp !== b.deletionTimestamp ||
    !sameEntries(a.annotations, b.annotations) ||
    !sameEntries(a.labels, b.labels) ||
    (a.finalizers ?? []).join() !== (b.finalizers ?? []).join()
  )
}

export const anyChange: Predicate<KubernetesObject> = () => true

/** The objects that the controller is for. Each resync has it look at all of them; nothing else need do so again. */
export function primary<T extends KubernetesObject>(
  informer: Informer<T>,
  predicate: Predicate<T> = wishChanged,
): Trigger {
  return trigger(informer, (object) => [keyOf(object)], predicate, 'resyncs')
}

/** Children: the key is that of the owner marked as controller, if it is of the given kind. */
export function owned<T extends KubernetesObject>(
  informer: Informer<T>,
  ownerResource: Resource,
  predicate: Predicate<T> = anyChange,
): Trigger {
  return mapped(informer, (object) => ownerKeys(object, ownerResource), predicate)
}

/** Objects that others refer to: the caller says who, usually by an index of the primary's informer. */
export function mapped<T extends KubernetesObject>(
  informer: Informer<T>,
  keysOf: (object: T) => readonly ObjectKey[],
  predicate: Predicate<T> = anyChange,
): Trigger {
  return trigger(informer, keysOf, predicate, 'heeds no resync')
}

function trigger<T extends KubernetesObject>(
  informer: Informer<T>,
  keysOf: (object: T) => readonly ObjectKey[],
  predicate: Predicate<T>,
  resyncs: 'resyncs' | 'heeds no resync',
): Trigger {
  return {
    resource: informer.resource,
    hasSeen: (version) => informer.hasSeen(version),
    get: (key) => informer.get(key),
    whenSynced: (signal) => informer.whenSynced(signal),
    connect(enqueue) {
      // Each key once: an idle worker takes a key at once, and a second mention would make it run twice.
      const enqueueAll = (...objects: T[]) => {
        const keys = new Set(objects.flatMap((object) => keysOf(object).map(formatKey)))
        for (const key of keys) enqueue(key)
      }
      return informer.addHandler({
        added: (object) => enqueueAll(object),
        updated(before, after) {
          // Also who was meant before: an owner or a reference that was taken away has to be told.
          if (predicate(before, after)) enqueueAll(before, after)
        },
        deleted: (last) => enqueueAll(last),
        ...(resyncs === 'resyncs' && { resynced: (object) => enqueueAll(object) }),
      })
    },
  }
}

function ownerKeys(object: KubernetesObject, resource: Resource): ObjectKey[] {
  const owner = (object.metadata.ownerReferences ?? []).find((reference) => reference.controller)
  if (!owner || owner.kind !== resource.kind || groupOf(owner.apiVersion) !== resource.group) return []
  const { namespace } = object.metadata
  return [resource.namespaced && namespace !== undefined ? { namespace, name: owner.name } : { name: owner.name }]
}

// The version is left out on purpose: an owner reference keeps the one that it was written with.
function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/')
  return slash < 0 ? '' : apiVersion.slice(0, slash)
}

function sameEntries(a: Record<string, string> = {}, b: Record<string, string> = {}): boolean {
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name])
}
