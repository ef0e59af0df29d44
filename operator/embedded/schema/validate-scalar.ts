import { deepEqual } from '../json.ts'
import type { FieldError } from '../status-error.ts'
import type { Schema } from './schema.ts'

const patterns = new Map<string, RegExp>()

function compiled(pattern: string): RegExp {
  const known = patterns.get(pattern)
  if (known) return known
  // CRD patterns are RE2, whose inline `(?i)` flags JavaScript writes as `(?i:...)`.
  const flags = /^\(\?([ims]+)\)/.exec(pattern)
  const made = new RegExp(pattern.slice(flags?.[0].length ?? 0), `u${flags?.[1] ?? ''}`)
  patterns.set(pattern, made)
  return made
}

/** Enum, string and number rules. */
export function scalarErrors(value: unknown, schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = []
  if (schema.enum && !schema.enum.some((allowed) => deepEqual(allowed, value))) {
    const supported = schema.enum.map((allowed) => JSON.stringify(allowed)).join(', ')
    const message = `Unsupported value: ${JSON.stringify(value)}: supported values: ${supported}`
    errors.push({ reason: 'FieldValueNotSupported', field: path, message })
  }
  if (typeof value === 'string') errors.push(...stringErrors(value, schema, path))
  if (typeof value === 'number') errors.push(...numberErrors(value, schema, path))
  return errors
}

function stringErrors(value: string, schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = []
  const length = [...value].length
  const refuse = (why: string) => errors.push(invalidValue(value, `${path} in body ${why}`, path))
  if (schema.maxLength !== undefined && length > schema.maxLength) {
    const message = `Too long: may not be more than ${schema.maxLength} bytes`
    errors.push({ reason: 'FieldValueTooLong', field: path, message })
  }
  if (schema.minLength !== undefined && length < schema.minLength) {
    refuse(`should be at least ${schema.minLength} chars long`)
  }
  if (schema.pattern !== undefined && !compiled(schema.pattern).test(value)) {
    refuse(`should match '${schema.pattern}'`)
  }
  if (schema.format === 'date-time' && !isDateTime(value)) refuse(`must be of type date-time: "${value}"`)
  return errors
}

function isDateTime(value: string): boolean {
  return (
    /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.test(value) && !Number.isNaN(Date.parse(value))
  )
}

function numberErrors(value: number, schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = []
  const refuse = (why: string) => errors.push(invalidValue(value, `${path} in body ${why}`, path))
  const { minimum, maximum, multipleOf } = schema
  if (minimum !== undefined && (schema.exclusiveMinimum ? value <= minimum : value < minimum)) {
    refuse(`should be greater than ${schema.exclusiveMinimum ? '' : 'or equal to '}${minimum}`)
  }
  if (maximum !== undefined && (schema.exclusiveMaximum ? value >= maximum : value > maximum)) {
    refuse(`should be less than ${schema.exclusiveMaximum ? '' : 'or equal to '}${maximum}`)
  }
  if (multipleOf !== undefined && !Number.isInteger(value / multipleOf)) refuse(`should be a multiple of ${multipleOf}`)
  if (schema.format === 'int32' && (value < -(2 ** 31) || value >= 2 ** 31)) {
    refuse(`must be of type int32: "${value}"`)
  }
  return errors
}

function invalidValue(value: unknown, detail: string, path: string): FieldError {
  return { reason: 'FieldValueInvalid', field: path, message: `Invalid value: ${JSON.stringify(value)}: ${detail}` }
}
