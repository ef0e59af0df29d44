import type { Client } from '../cluster/client.ts'
import type { KubernetesObject, ObjectKey, Resource } from '../cluster/objects.ts'
import { isOlder } from '../cluster/resource-version.ts'
import { formatKey } from '../cluster/resources.ts'

/** What a cache shows of a resource. */
export interface CacheView {
  resource: Resource
  hasSeen(resourceVersion: string): boolean
  get(key: ObjectKey): KubernetesObject | undefined
}

interface Write {
  view: CacheView
  key: ObjectKey
  /** Version that the server gave it; undefined for a deletion, whose answer carries none. */
  version: string | undefined
  uid: string | undefined
}

/**
 * Remembers, per reconciled key, what was written for it, and says whether the caches show it by now. A reconcile that
 * ran on older ones would do its work twice. Only resources with a cache are remembered.
 */
export class WriteMemory {
  readonly #views: Map<string, CacheView>
  readonly #writes = new Map<string, Write[]>()

  constructor(views: readonly CacheView[]) {
    this.#views = new Map(views.map((view) => [nameOf(view.resource), view]))
  }

  /** True when every write made for the key is visible; those that are get forgotten. */
  caughtUp(key: string): boolean {
    const unseen = (this.#writes.get(key) ?? []).filter((write) => !isVisible(write))
    if (unseen.length > 0) this.#writes.set(key, unseen)
    else this.#writes.delete(key)
    return unseen.length === 0
  }

  forget(key: string): void {
    this.#writes.delete(key)
  }

  /** A client whose writes are remembered for the key. */
  track(client: Client, key: string): Client {
    const remember = <T extends KubernetesObject>(resource: Resource, object: T): T => {
      this.#remember(key, resource, object.metadata, object.metadata.resourceVersion, object.metadata.uid)
      return object
    }
    return {
      ...client,
      create: async (resource, object, options) => remember(resource, await client.create(resource, object, options)),
      replace: async (resource, object, options) => remember(resource, await client.replace(resource, object, options)),
      apply: async (resource, object, options) => remember(resource, await client.apply(resource, object, options)),
      mergePatch: async <T extends KubernetesObject>(
        ...[resource, at, patch, options]: Parameters<Client['mergePatch']>
      ) => remember(resource, await client.mergePatch<T>(resource, at, patch, options)),
      delete: async (resource, at, options) => {
        const uid = options?.uid ?? this.#views.get(nameOf(resource))?.get(at)?.metadata.uid
        await client.delete(resource, at, options)
        this.#remember(key, resource, at, undefined, uid)
      },
    }
  }

  #remember(key: string, resource: Resource, at: ObjectKey, version: string | undefined, uid: string | undefined) {
    const view = this.#views.get(nameOf(resource))
    if (!view) return
    const others = (this.#writes.get(key) ?? []).filter(
      (write) => write.view !== view || formatKey(write.key) !== formatKey(at),
    )
    this.#writes.set(key, [...others, { view, key: at, version, uid }])
  }
}

function isVisible({ view, key, version, uid }: Write): boolean {
  const cached = view.get(key)
  if (version === undefined) {
    return !cached || cached.metadata.uid !== uid || cached.metadata.deletionTimestamp !== undefined
  }
  // The object itself, or anything later of its kind: an object that came and went is never cached.
  const cachedVersion = cached?.metadata.resourceVersion
  return (cachedVersion !== undefined && !isOlder(cachedVersion, version)) || view.hasSeen(version)
}

function nameOf(resource: Resource): string {
  return `${resource.plural}.${resource.group}`
}
