import { deepEqual, isObject, type JsonObject } from '../json.ts'
import type { Schema } from '../schema/schema.ts'
import { FieldSet, type PathElement } from './field-set.ts'
import { type Element, elementsOf, shapeOf } from './structure.ts'

/**
 * The operations of server-side apply on values under a schema, after sigs.k8s.io/structured-merge-diff v6 (`typed`,
 * `merge`). Lists are pieces unless the schema calls them map or set.
 */

/** Every path that an applied configuration claims. */
export function fieldSetOf(value: unknown, schema: Schema): FieldSet {
  const members: PathElement[] = []
  const children: [PathElement, FieldSet][] = []
  for (const element of elementsOf(value, schema)) {
    const { path } = element
    if (shapeOf(element.value, element.schema) === 'atomic') {
      members.push(path)
      continue
    }
    children.push([path, fieldSetOf(element.value, element.schema)])
    const isItem = Array.isArray(value)
    if (isItem || !element.named || isEmptyMap(element.value)) members.push(path)
  }
  return new FieldSet(members, children)
}

function isEmptyMap(value: unknown): boolean {
  return isObject(value) && Object.keys(value).length === 0
}

export interface Comparison {
  added: FieldSet
  modified: FieldSet
  removed: FieldSet
}

/** What differs from `before` to `after`, containers that come or go included. */
export function compare(before: unknown, after: unknown, schema: Schema): Comparison {
  const old = new Map(elementsOf(before, schema).map((element) => [element.path, element]))
  const now = new Map(elementsOf(after, schema).map((element) => [element.path, element]))
  const parts = { added: new Parts(), modified: new Parts(), removed: new Parts() }
  for (const [path, element] of now) {
    const previous = old.get(path)
    if (!previous) parts.added.addAll(element)
    else if (!deepEqual(previous.value, element.value)) compareElement(previous, element, parts)
  }
  for (const [path, element] of old) if (!now.has(path)) parts.removed.addAll(element)
  return { added: parts.added.set(), modified: parts.modified.set(), removed: parts.removed.set() }
}

function compareElement(before: Element, after: Element, parts: Record<keyof Comparison, Parts>): void {
  const shape = shapeOf(after.value, after.schema)
  if (shape === 'atomic' || shapeOf(before.value, before.schema) !== shape) {
    parts.modified.members.push(after.path)
    return
  }
  const below = compare(before.value, after.value, after.schema)
  parts.added.children.push([after.path, below.added])
  parts.modified.children.push([after.path, below.modified])
  parts.removed.children.push([after.path, below.removed])
}

class Parts {
  readonly members: PathElement[] = []
  readonly children: [PathElement, FieldSet][] = []

  addAll(element: Element): void {
    this.members.push(element.path)
    this.children.push([element.path, everyPathIn(element)])
  }

  set(): FieldSet {
    return new FieldSet(this.members, this.children)
  }
}

function everyPathIn(element: Element): FieldSet {
  if (shapeOf(element.value, element.schema) === 'atomic') return new FieldSet()
  const elements = elementsOf(element.value, element.schema)
  return new FieldSet(
    elements.map(({ path }) => path),
    elements.map((child) => [child.path, everyPathIn(child)]),
  )
}

/** Lays an applied configuration over the live value. */
export function merge(live: unknown, applied: unknown, schema: Schema): unknown {
  const shape = shapeOf(applied, schema)
  if (shape === 'atomic' || shapeOf(live, schema) !== shape) return applied
  if (shape === 'list') return mergeList(live, applied, schema)
  const result: JsonObject = { ...(live as JsonObject) }
  for (const { path, value, schema: child } of elementsOf(applied, schema)) {
    const field = path.slice(2)
    result[field] = Object.hasOwn(result, field) ? merge(result[field], value, child) : value
  }
  return result
}

/** Items keep the applied order; items that only the live list has stay where they are between them. */
function mergeList(live: unknown, applied: unknown, schema: Schema): unknown[] {
  const old = elementsOf(live, schema)
  const now = elementsOf(applied, schema)
  const oldByPath = new Map(old.map((element) => [element.path, element]))
  const appliedPaths = new Set(now.map(({ path }) => path))
  const done = new Set<PathElement>()
  const result: unknown[] = []
  let next = 0
  const takeLiveOnly = () => {
    for (; next < old.length; next++) {
      const element = old[next]
      if (!element || (appliedPaths.has(element.path) && !done.has(element.path))) return
      if (!appliedPaths.has(element.path)) result.push(element.value)
    }
  }
  for (const element of now) {
    takeLiveOnly()
    const before = oldByPath.get(element.path)
    result.push(before ? merge(before.value, element.value, element.schema) : element.value)
    done.add(element.path)
  }
  takeLiveOnly()
  return result
}

/**
 * Takes out what the manager owned before, nobody owns now, and no owned path lies in. What nobody ever owned goes
 * only with the part that it lies in.
 */
export function removeUnowned(value: unknown, before: FieldSet, owned: FieldSet, schema: Schema): unknown {
  if (before.isEmpty() || shapeOf(value, schema) === 'atomic') return value
  const kept: [Element, unknown][] = []
  for (const element of elementsOf(value, schema)) {
    if (claims(before, element) && !claims(owned, element)) continue
    const childBefore = before.children.get(element.path)
    const childOwned = owned.children.get(element.path) ?? new FieldSet()
    kept.push([
      element,
      childBefore ? removeUnowned(element.value, childBefore, childOwned, element.schema) : element.value,
    ])
  }
  if (Array.isArray(value)) return kept.map(([, child]) => child)
  return Object.fromEntries(kept.map(([{ path }, child]) => [path.slice(2), child]))
}

function claims(set: FieldSet, element: Element): boolean {
  return set.members.has(element.path) || (element.named && set.children.has(element.path))
}
