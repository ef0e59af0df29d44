import type { KubernetesObject, ObjectKey } from './objects.ts'
import { formatKey } from './resources.ts'

/** The values under which an object is to be found again. */
export type IndexFunction<T> = (object: T) => readonly string[]

const OWNER = 'owner'

/** Objects by key, by owner and by what the caller wants to look up. All are frozen: many readers share them. */
export class ObjectStore<T extends KubernetesObject> {
  readonly #objects = new Map<string, T>()
  readonly #functions: Map<string, IndexFunction<T>>
  readonly #indexes = new Map<string, Map<string, Set<string>>>()

  constructor(indexes: Record<string, IndexFunction<T>> = {}) {
    this.#functions = new Map(Object.entries(indexes))
    this.#functions.set(OWNER, (object) => (object.metadata.ownerReferences ?? []).map((owner) => owner.uid))
    for (const name of this.#functions.keys()) this.#indexes.set(name, new Map())
  }

  get size(): number {
    return this.#objects.size
  }

  get(key: ObjectKey): T | undefined {
    return this.#objects.get(formatKey(key))
  }

  keys(): string[] {
    return [...this.#objects.keys()]
  }

  all(namespace?: string): T[] {
    const objects = [...this.#objects.values()]
    return namespace === undefined ? objects : objects.filter((object) => object.metadata.namespace === namespace)
  }

  byOwner(uid: string): T[] {
    return this.byIndex(OWNER, uid)
  }

  /** @throws when no index of that name was given. */
  byIndex(name: string, value: string): T[] {
    const index = this.#indexes.get(name)
    if (!index) throw new TypeError(`no index "${name}": give its function when the informer is made`)
    return [...(index.get(value) ?? [])].flatMap((key) => this.#objects.get(key) ?? [])
  }

  /** Freezes and keeps the object; gives back what it replaces. */
  put(object: T): T | undefined {
    const key = formatKey(object.metadata)
    const before = this.remove(key)
    this.#objects.set(key, deepFreeze(object))
    this.#reindex(object, (keys) => keys.add(key))
    return before
  }

  remove(key: string): T | undefined {
    const object = this.#objects.get(key)
    if (!object) return undefined
    this.#objects.delete(key)
    this.#reindex(object, (keys) => keys.delete(key))
    return object
  }

  #reindex(object: T, change: (keys: Set<string>) => void): void {
    for (const [name, valuesOf] of this.#functions) {
      const index = this.#indexes.get(name)
      for (const value of valuesOf(object)) {
        const keys = index?.get(value) ?? new Set<string>()
        change(keys)
        if (keys.size > 0) index?.set(value, keys)
        else index?.delete(value)
      }
    }
  }
}

export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const inner of Object.values(value)) deepFreeze(inner)
  return value
}
