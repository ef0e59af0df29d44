import { canonicalJson, isObject, type JsonObject } from '../json.ts'
import type { FieldError } from '../status-error.ts'
import { fieldSchema, itemSchema, joinField, type Schema } from './schema.ts'
import { scalarErrors } from './validate-scalar.ts'

/** What the schema refuses in a value, worded as the API words it. CEL rules are not evaluated. */
export function validate(value: unknown, schema: Schema, path = ''): FieldError[] {
  if (value === null && schema.nullable) return []
  const wrongType = typeError(value, schema, path)
  if (wrongType) return [wrongType]
  return [
    ...scalarErrors(value, schema, path),
    ...(Array.isArray(value) ? arrayErrors(value, schema, path) : []),
    ...(isObject(value) ? objectErrors(value, schema, path) : []),
    ...junctorErrors(value, schema, path),
  ]
}

function typeName(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value
}

function typeError(value: unknown, schema: Schema, path: string): FieldError | undefined {
  const found = typeName(value)
  const wanted = schema['x-kubernetes-int-or-string'] ? 'integer,string' : schema.type
  if (wanted === undefined || wanted.split(',').includes(found)) return undefined
  if (wanted === 'number' && found === 'integer') return undefined
  const message = `Invalid value: "${found}": ${path} in body must be of type ${wanted}: "${found}"`
  return { reason: 'FieldValueTypeInvalid', field: path || '<nil>', message }
}

function arrayErrors(value: unknown[], schema: Schema, path: string): FieldError[] {
  const errors = value.flatMap((item, index) => validate(item, itemSchema(schema), `${path}[${index}]`))
  if (schema.maxItems !== undefined && value.length > schema.maxItems) {
    const message = `Too many: ${value.length}: must have at most ${schema.maxItems} items`
    errors.push({ reason: 'FieldValueTooMany', field: path, message })
  }
  if (schema.minItems !== undefined && value.length < schema.minItems) {
    const message = `Invalid value: ${value.length}: ${path} in body should have at least ${schema.minItems} items`
    errors.push({ reason: 'FieldValueInvalid', field: path, message })
  }
  return [...errors, ...duplicateErrors(value, schema, path)]
}

function duplicateErrors(value: unknown[], schema: Schema, path: string): FieldError[] {
  const listType = schema['x-kubernetes-list-type']
  if (listType !== 'set' && listType !== 'map') return []
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  const seen = new Set<string>()
  const errors: FieldError[] = []
  for (const [index, item] of value.entries()) {
    const identity = listType === 'map' && isObject(item) ? pick(item, keys) : item
    const text = canonicalJson(identity)
    if (seen.has(text)) {
      errors.push({ reason: 'FieldValueDuplicate', field: `${path}[${index}]`, message: `Duplicate value: ${text}` })
    }
    seen.add(text)
  }
  return errors
}

function pick(value: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(keys.filter((key) => value[key] !== undefined).map((key) => [key, value[key]]))
}

function objectErrors(value: JsonObject, schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = []
  for (const field of schema.required ?? []) {
    if (value[field] === undefined) {
      errors.push({ reason: 'FieldValueRequired', field: joinField(path, field), message: 'Required value' })
    }
  }
  for (const [field, child] of Object.entries(value)) {
    const childSchema = fieldSchema(schema, field)
    if (childSchema) errors.push(...validate(child, childSchema, joinField(path, field)))
  }
  const count = Object.keys(value).length
  if (schema.maxProperties !== undefined && count > schema.maxProperties) {
    const message = `Too many: ${count}: must have at most ${schema.maxProperties} items`
    errors.push({ reason: 'FieldValueTooMany', field: path, message })
  }
  if (schema.minProperties !== undefined && count < schema.minProperties) {
    const message = `Invalid value: ${count}: ${path} in body should have at least ${schema.minProperties} properties`
    errors.push({ reason: 'FieldValueInvalid', field: path, message })
  }
  return errors
}

function junctorErrors(value: unknown, schema: Schema, path: string): FieldError[] {
  const errors = (schema.allOf ?? []).flatMap((part) => validate(value, part, path))
  const fits = (part: Schema) => validate(value, part, path).length === 0
  const refuse = (why: string) =>
    errors.push({
      reason: 'FieldValueInvalid',
      field: path || '<nil>',
      message: `Invalid value: "": ${path} in body ${why}`,
    })
  if (schema.anyOf && !schema.anyOf.some(fits)) refuse('must validate at least one schema (anyOf)')
  if (schema.oneOf && schema.oneOf.filter(fits).length !== 1) refuse('must validate one and only one schema (oneOf)')
  if (schema.not && fits(schema.not)) refuse('must not validate the schema (not)')
  return errors
}
