import type { TProperties, TSchema } from 'typebox'
import type { Rule } from './schema.ts'

/**
 * What the chosen mode does not read is refused rather than ignored: the API server fills in defaults before it looks at
 * rules, so a field that nobody set is one that has its default.
 */

type Field = TSchema & { readonly default?: unknown; readonly pattern?: string }

const isUntouched = (field: string, { default: value, pattern }: Field): string => {
  if (value === undefined) return `!has(${field})`
  // Decimals are text, and "1.0" is "1".
  if (pattern !== undefined) return `double(${field}) == double(${JSON.stringify(value)})`
  return `${field} == ${JSON.stringify(value)}`
}

/**
 * A rule of an object: unless `condition` holds, the fields have their defaults.
 * @param why what the mode is, and what it leaves out; the message goes on with the names of the fields
 * @param of the object that has the fields; the condition has to hold where it is not there
 */
export const idleUnless = (condition: string, fields: TProperties, why: string, of = 'self'): Rule => ({
  rule: `${condition} || (${Object.entries(fields)
    .map(([name, schema]) => isUntouched(`${of}.${name}`, schema as Field))
    .join(' && ')})`,
  message: `${why}: leave out ${listed(Object.keys(fields))}`,
})

const listed = (names: readonly string[]): string =>
  names.length === 1 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
