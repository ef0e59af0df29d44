import { randomUUID } from 'node:crypto'
import type { Client, DeleteOptions, ListOptions, WatchEvent, WriteOptions } from '../../../operator/cluster/client.ts'
import { AlreadyExistsError, ConflictError, NotFoundError } from '../../../operator/cluster/errors.ts'
import type { KubernetesObject, ObjectKey, Resource } from '../../../operator/cluster/objects.ts'

type Stored = KubernetesObject & { spec?: Record<string, unknown>; status?: unknown }

/**
 * The little of an API server that the node needs, in memory: resourceVersion, generation, uid preconditions, graceful
 * deletion of Pods that have a node, watch. Kinds that are not named are 404, as is Binding.
 */
export class FakeApi implements Client {
  readonly writes: string[] = []
  readonly #kinds: ReadonlySet<string>
  readonly #objects = new Map<string, Stored>()
  readonly #events: { kind: string; version: number; event: WatchEvent<Stored> }[] = []
  readonly #wake = new Set<() => void>()
  #version = 1

  constructor(kinds: string[] = ['Pod', 'Secret', 'ConfigMap', 'Service', 'Deployment']) {
    this.#kinds = new Set(kinds)
  }

  async get<T extends KubernetesObject>(resource: Resource, key: ObjectKey): Promise<T> {
    return this.#copy<T>(this.#find(resource, key))
  }

  async list<T extends KubernetesObject>(resource: Resource, options: ListOptions = {}) {
    this.#served(resource, 'list')
    const items = [...this.#objects.values()].filter(
      (object) => object.kind === resource.kind && inNamespace(object, options.namespace),
    )
    return { items: items.map((object) => this.#copy<T>(object)), resourceVersion: String(this.#version) }
  }

  async create<T extends KubernetesObject>(resource: Resource, object: T): Promise<T> {
    this.#served(resource, 'create')
    const key = idOf(resource, object.metadata)
    if (this.#objects.has(key)) throw new AlreadyExistsError(refusal('create', key, 409, 'AlreadyExists'))
    this.writes.push(`create ${key}`)
    const stored = structuredClone(object) as Stored
    stored.metadata = {
      ...stored.metadata,
      uid: randomUUID(),
      generation: 1,
      creationTimestamp: new Date().toISOString(),
    }
    return this.#put(key, stored, 'ADDED') as unknown as T
  }

  async mergePatch<T extends KubernetesObject>(
    resource: Resource,
    key: ObjectKey,
    patch: unknown,
    options: WriteOptions = {},
  ): Promise<T> {
    const object = this.#find(resource, key)
    const id = idOf(resource, key)
    const { metadata, spec, status } = patch as { metadata?: Partial<Stored['metadata']> } & Omit<Stored, 'metadata'>
    const { uid, resourceVersion, ...rest } = metadata ?? {}
    const stale = resourceVersion !== undefined && resourceVersion !== object.metadata.resourceVersion
    if (stale || (uid !== undefined && uid !== object.metadata.uid)) {
      throw new ConflictError(refusal('patch', id, 409, 'Conflict'))
    }
    this.writes.push(`patch ${id}${options.subresource ? `/${options.subresource}` : ''}`)
    const next = this.#copy<Stored>(object)
    if (options.subresource === 'status') next.status = merge(next.status, status)
    else {
      next.metadata = merge(next.metadata, rest) as Stored['metadata']
      if (spec) {
        next.spec = merge(next.spec, spec) as Record<string, unknown>
        next.metadata.generation = (next.metadata.generation ?? 0) + 1
      }
    }
    return this.#put(id, next, 'MODIFIED') as unknown as T
  }

  async delete(resource: Resource, key: ObjectKey, options: DeleteOptions = {}): Promise<void> {
    const object = this.#find(resource, key)
    const id = idOf(resource, key)
    if (options.uid !== undefined && options.uid !== object.metadata.uid) {
      throw new ConflictError(refusal('delete', id, 409, 'Conflict'))
    }
    this.writes.push(`delete ${id}`)
    const grace = options.gracePeriodSeconds ?? (object.spec?.terminationGracePeriodSeconds as number | undefined) ?? 30
    if (resource.kind === 'Pod' && object.spec?.nodeName && grace > 0) {
      const next = this.#copy<Stored>(object)
      next.metadata.deletionTimestamp ??= new Date().toISOString()
      next.metadata.deletionGracePeriodSeconds = grace
      this.#put(id, next, 'MODIFIED')
      return
    }
    this.#objects.delete(id)
    const last = this.#copy<Stored>(object)
    last.metadata.resourceVersion = String(++this.#version)
    this.#emit(resource.kind, { type: 'DELETED', object: last })
  }

  async *watch<T extends KubernetesObject>(
    resource: Resource,
    options: ListOptions & { resourceVersion: string },
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>> {
    let next = this.#events.findIndex(({ version }) => version > Number(options.resourceVersion))
    if (next < 0) next = this.#events.length
    while (!signal.aborted) {
      const entry = this.#events[next]
      if (entry) {
        next++
        const wanted = entry.kind === resource.kind && inNamespace(entry.event.object, options.namespace)
        if (wanted) yield structuredClone(entry.event) as unknown as WatchEvent<T>
        continue
      }
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#wake.delete(wake)
          signal.removeEventListener('abort', wake)
          resolve()
        }
        this.#wake.add(wake)
        signal.addEventListener('abort', wake, { once: true })
      })
    }
  }

  replace(): Promise<never> {
    throw new Error('the node does not replace')
  }

  apply(): Promise<never> {
    throw new Error('the node does not apply')
  }

  read(): Promise<never> {
    throw new Error('the node does not read paths')
  }

  #served(resource: Resource, verb: string): void {
    if (!this.#kinds.has(resource.kind)) throw new NotFoundError(refusal(verb, resource.plural, 404, 'NotFound'))
  }

  #find(resource: Resource, key: ObjectKey): Stored {
    const id = idOf(resource, key)
    const object = this.#objects.get(id)
    if (!object) throw new NotFoundError(refusal('get', id, 404, 'NotFound'))
    return object
  }

  #put(id: string, object: Stored, type: 'ADDED' | 'MODIFIED'): Stored {
    object.metadata.resourceVersion = String(++this.#version)
    this.#objects.set(id, object)
    this.#emit(object.kind, { type, object: this.#copy<Stored>(object) })
    return this.#copy<Stored>(object)
  }

  #emit(kind: string, event: WatchEvent<Stored>): void {
    this.#events.push({ kind, version: this.#version, event })
    for (const wake of [...this.#wake]) wake()
  }

  #copy<T>(object: Stored): T {
    return structuredClone(object) as unknown as T
  }
}

function idOf(resource: Resource, key: ObjectKey): string {
  return `${resource.kind}/${key.namespace ?? ''}/${key.name}`
}

function inNamespace(object: Stored, namespace: string | undefined): boolean {
  return namespace === undefined || object.metadata.namespace === namespace
}

function refusal(verb: string, path: string, status: number, reason: string) {
  return { verb, path, status, reason, message: `${path}: ${reason}` }
}

/** RFC 7386. */
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch
  const result: Record<string, unknown> = { ...(target as object | undefined) }
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key]
    else result[key] = merge(result[key], value)
  }
  return result
}
