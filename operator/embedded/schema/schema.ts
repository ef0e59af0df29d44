import { isObject } from '../json.ts'

/** The structural part of a CRD's openAPIV3Schema (apiextensions.k8s.io/v1 JSONSchemaProps) that this server reads. */
export interface Schema {
  type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean'
  description?: string
  properties?: Record<string, Schema>
  additionalProperties?: Schema | boolean
  items?: Schema
  required?: string[]
  default?: unknown
  enum?: unknown[]
  nullable?: boolean
  format?: string
  pattern?: string
  minLength?: number
  maxLength?: number
  minimum?: number
  maximum?: number
  exclusiveMinimum?: boolean
  exclusiveMaximum?: boolean
  multipleOf?: number
  minItems?: number
  maxItems?: number
  minProperties?: number
  maxProperties?: number
  allOf?: Schema[]
  anyOf?: Schema[]
  oneOf?: Schema[]
  not?: Schema
  'x-kubernetes-preserve-unknown-fields'?: boolean
  'x-kubernetes-int-or-string'?: boolean
  'x-kubernetes-embedded-resource'?: boolean
  'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map'
  'x-kubernetes-list-map-keys'?: string[]
  'x-kubernetes-map-type'?: 'atomic' | 'granular'
  'x-kubernetes-validations'?: unknown[]
}

/** What a field that no schema speaks of is held to: nothing. */
export const anything: Schema = { 'x-kubernetes-preserve-unknown-fields': true }

/** The schema of a field of an object; undefined when the schema does not know the field. */
export function fieldSchema(schema: Schema, field: string): Schema | undefined {
  const declared = declaredField(schema, field)
  if (declared) return declared
  const { additionalProperties } = schema
  if (isObject(additionalProperties)) return additionalProperties
  if (additionalProperties === true || schema['x-kubernetes-preserve-unknown-fields']) return anything
  if (schema['x-kubernetes-embedded-resource'] && embeddedFields.has(field)) return anything
  return undefined
}

const embeddedFields = new Set(['apiVersion', 'kind', 'metadata'])

/** The schema of a named field, as opposed to a key of a map. */
export function declaredField(schema: Schema, field: string): Schema | undefined {
  return schema.properties && Object.hasOwn(schema.properties, field) ? schema.properties[field] : undefined
}

export function itemSchema(schema: Schema): Schema {
  return schema.items ?? anything
}

/** Calls back for every schema in a schema, itself included. */
export function walkSchema(schema: Schema, visit: (schema: Schema) => void): void {
  visit(schema)
  const { additionalProperties } = schema
  const children = [
    ...Object.values(schema.properties ?? {}),
    ...(isObject(additionalProperties) ? [additionalProperties] : []),
    ...(schema.items ? [schema.items] : []),
  ]
  for (const child of children) walkSchema(child, visit)
}

export function joinField(path: string, field: string): string {
  return path === '' ? field : `${path}.${field}`
}
