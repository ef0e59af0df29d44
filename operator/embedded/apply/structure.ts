import { canonicalJson, isObject } from '../json.ts'
import { anything, declaredField, fieldSchema, itemSchema, type Schema } from '../schema/schema.ts'
import type { PathElement } from './field-set.ts'

/** A part of a value that can have an owner of its own. */
export interface Element {
  path: PathElement
  value: unknown
  schema: Schema
  /** A field that the schema names, as opposed to a key of a map or an item of a list. */
  named: boolean
}

/** How server-side apply sees a value: as one piece, or made of parts that have owners of their own. */
export type Shape = 'atomic' | 'map' | 'list'

export function shapeOf(value: unknown, schema: Schema): Shape {
  if (isObject(value)) return schema['x-kubernetes-map-type'] === 'atomic' ? 'atomic' : 'map'
  const listType = schema['x-kubernetes-list-type']
  if (Array.isArray(value) && (listType === 'map' || listType === 'set')) return 'list'
  return 'atomic'
}

/** The parts of a map or of a keyed list or set, in order. */
export function elementsOf(value: unknown, schema: Schema): Element[] {
  if (Array.isArray(value)) {
    const child = itemSchema(schema)
    return value.map((item) => ({ path: itemElement(item, schema), value: item, schema: child, named: false }))
  }
  if (!isObject(value)) return []
  return Object.entries(value).map(([field, child]) => ({
    path: `f:${field}`,
    value: child,
    schema: fieldSchema(schema, field) ?? anything,
    named: declaredField(schema, field) !== undefined,
  }))
}

function itemElement(item: unknown, schema: Schema): PathElement {
  if (schema['x-kubernetes-list-type'] !== 'map' || !isObject(item)) return `v:${canonicalJson(item)}`
  const keys = (schema['x-kubernetes-list-map-keys'] ?? []).toSorted()
  const defaults = itemSchema(schema).properties
  const entries = keys
    .map((key) => [key, item[key] ?? defaults?.[key]?.default] as const)
    .filter(([, value]) => value !== undefined)
  return `k:${JSON.stringify(Object.fromEntries(entries))}`
}
