import { isObject } from '../json.ts'
import { fieldSchema, itemSchema, type Schema } from './schema.ts'

/**
 * Fills in what is absent, in place. A default below an absent object does not apply, unless the object itself has a
 * default. A null where null is not allowed counts as absent when there is a default.
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting
 */
export function applyDefaults(value: unknown, schema: Schema): void {
  if (Array.isArray(value)) {
    for (const item of value) applyDefaults(item, itemSchema(schema))
    return
  }
  if (!isObject(value)) return
  for (const [field, child] of Object.entries(schema.properties ?? {})) {
    if (child.default === undefined) continue
    const absent = !Object.hasOwn(value, field) || (value[field] === null && !child.nullable)
    if (absent) value[field] = structuredClone(child.default)
  }
  for (const [field, child] of Object.entries(value)) {
    const childSchema = fieldSchema(schema, field)
    if (childSchema) applyDefaults(child, childSchema)
  }
}
