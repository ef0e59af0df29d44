import type { ObjectStore } from './object-store.ts'
import type { KubernetesObject } from './objects.ts'
import { isOlder } from './resource-version.ts'
import { formatKey } from './resources.ts'

export type Change<T> =
  | { type: 'added'; object: T }
  | { type: 'updated'; before: T; object: T }
  | { type: 'deleted'; object: T }

/**
 * Brings the store to the content of a full list and says what changed, including deletions that no event told of.
 * Deletions come first, so that a re-created object is not there twice for those who count.
 */
export function applyList<T extends KubernetesObject>(store: ObjectStore<T>, items: readonly T[]): Change<T>[] {
  const listed = new Set(items.map((item) => formatKey(item.metadata)))
  const gone = store.keys().filter((key) => !listed.has(key))
  const deletions = gone.flatMap((key) => deletion(store.remove(key)))
  return [...deletions, ...items.flatMap((item) => applyPresent(store, item))]
}

/**
 * Applies one event of a watch. A server sends events in the order of their versions; one that comes again is `stale`
 * and ignored, and one that came too late to be placed (`disorder`) asks for a list.
 */
export function applyEvent<T extends KubernetesObject>(
  store: ObjectStore<T>,
  type: 'PRESENT' | 'DELETED',
  object: T,
  seenVersion: string | undefined,
): Change<T>[] | 'stale' | 'disorder' {
  const known = store.get(object.metadata)
  const late = seenVersion !== undefined && isOlder(versionOf(object), seenVersion)
  if (!known) {
    if (type === 'DELETED') return 'stale'
    return late ? 'disorder' : applyPresent(store, object)
  }
  if (isOlder(versionOf(object), versionOf(known))) {
    // A uid that was deleted never comes back, so one of the two events is misplaced; a predecessor's end is just late.
    return type === 'DELETED' && object.metadata.uid === known.metadata.uid ? 'disorder' : 'stale'
  }
  if (type === 'PRESENT') return sameVersion(object, known) ? 'stale' : applyPresent(store, object)
  return deletion(store.remove(formatKey(known.metadata)))
}

function applyPresent<T extends KubernetesObject>(store: ObjectStore<T>, object: T): Change<T>[] {
  const before = store.get(object.metadata)
  if (before && sameVersion(before, object)) return []
  store.put(object)
  if (!before) return [{ type: 'added', object }]
  // The name was deleted and taken again while we did not look: another object, with nothing of the old one's past.
  if (before.metadata.uid !== object.metadata.uid) return [...deletion(before), { type: 'added', object }]
  return [{ type: 'updated', before, object }]
}

function deletion<T extends KubernetesObject>(object: T | undefined): Change<T>[] {
  return object ? [{ type: 'deleted', object }] : []
}

function sameVersion(a: KubernetesObject, b: KubernetesObject): boolean {
  return a.metadata.uid === b.metadata.uid && versionOf(a) !== '' && versionOf(a) === versionOf(b)
}

function versionOf(object: KubernetesObject): string {
  return object.metadata.resourceVersion ?? ''
}
