import { isObject } from '../json.ts'
import { fieldSchema, itemSchema, joinField, type Schema } from './schema.ts'

/** Removes the fields that the schema does not know, in place, and names them: `spec.colour`, `spec.parts[0].x`. */
export function pruneUnknown(value: unknown, schema: Schema, path = ''): string[] {
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => pruneUnknown(item, itemSchema(schema), `${path}[${index}]`))
  }
  if (!isObject(value)) return []
  const unknown: string[] = []
  for (const [field, child] of Object.entries(value)) {
    const childPath = joinField(path, field)
    const childSchema = fieldSchema(schema, field)
    if (childSchema) unknown.push(...pruneUnknown(child, childSchema, childPath))
    else {
      delete value[field]
      unknown.push(childPath)
    }
  }
  return unknown
}
