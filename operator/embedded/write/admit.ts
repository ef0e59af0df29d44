import { isDeepStrictEqual } from 'node:util'
import type { ApiObject } from '../json.ts'
import type { ResourceType } from '../resource-type.ts'
import { applyDefaults } from '../schema/default.ts'
import { pruneUnknown } from '../schema/prune.ts'
import { validate } from '../schema/validate.ts'
import { badRequest, type FieldError, invalid } from '../status-error.ts'
import type { WriteOptions } from './options.ts'

/**
 * Removes what the schema does not know and fills in its defaults, in place.
 *
 * @throws StatusError 400 for an unknown field under fieldValidation=Strict.
 */
export function shape(type: ResourceType, object: ApiObject, options: WriteOptions): void {
  const unknown = pruneUnknown(object, type.schema).map((field) => `unknown field ${JSON.stringify(field)}`)
  if (options.fieldValidation === 'Strict' && unknown.length > 0) {
    throw badRequest(
      `${type.kind} in version ${JSON.stringify(type.version)} cannot be handled as a ${type.kind}: ` +
        `strict decoding error: ${unknown.join(', ')}`,
    )
  }
  if (options.fieldValidation === 'Warn') options.warnings.push(...unknown)
  applyDefaults(object, type.schema)
}

/**
 * @throws StatusError 422 for what the schema refuses. On an update, what was refused before and has not changed is let
 * through (ratcheting), so that a tightened schema does not lock existing objects.
 */
export function check(
  type: ResourceType,
  object: ApiObject,
  live: ApiObject | undefined,
  others: readonly FieldError[],
): void {
  let errors = [...others, ...validate(object, type.schema)]
  if (errors.length > 0 && live) {
    const before = validate(live, type.schema)
    errors = errors.filter((error) => !before.some((old) => isDeepStrictEqual(old, error)))
  }
  if (errors.length > 0) throw invalid(type, object.metadata.name, errors)
}
