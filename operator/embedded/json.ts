import { isDeepStrictEqual } from 'node:util'
import type { KubernetesObject } from '../cluster/objects.ts'

export interface JsonObject {
  [key: string]: unknown
}

/** A stored object. Never changed in place once it is in the store: readers and watchers share it. */
export interface ApiObject extends KubernetesObject {
  [field: string]: unknown
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function asObject(value: unknown): JsonObject {
  return isObject(value) ? value : {}
}

export function asArray(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

export function asString(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

export function deepEqual(left: unknown, right: unknown): boolean {
  return isDeepStrictEqual(left, right)
}

/** The value under a path of field names, or undefined where something on the way is absent. */
export function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((parent, field) => (isObject(parent) ? parent[field] : undefined), value)
}

/** Sets the value under a path of field names in place, making the objects on the way. */
export function setValueAt(target: JsonObject, path: readonly string[], value: unknown): void {
  let parent = target
  for (const field of path.slice(0, -1)) {
    const child = parent[field]
    const next = isObject(child) ? child : {}
    parent[field] = next
    parent = next
  }
  const last = path.at(-1)
  if (last !== undefined) parent[last] = value
}

/** JSON with sorted keys: the same text for the same value. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, child: unknown) =>
    isObject(child) ? Object.fromEntries(Object.entries(child).sort(([a], [b]) => (a < b ? -1 : 1))) : child,
  )
}
