// What a schema has against a body, as the refusal that a caller gets.

import type { ErrorObject, ValidateFunction } from 'ajv'
import { HttpError } from './http-error.ts'

/** @throws HttpError 400 with a JSON pointer to the field */
export function checked<T>(validate: ValidateFunction<T>, body: unknown): T {
  if (validate(body)) return body
  const [error] = validate.errors ?? []
  throw error === undefined ? invalid('', 'is invalid') : invalid(pointerOf(error), messageOf(error))
}

export const invalid = (field: string, problem: string): HttpError =>
  new HttpError(400, 'InvalidRequest', `${field === '' ? 'the body' : field} ${problem}`, { field })

/** The unknown field itself where that is what is wrong, not the object around it. */
function pointerOf({ instancePath, params, keyword }: ErrorObject): string {
  if (keyword !== 'additionalProperties') return instancePath
  return `${instancePath}/${String(params.additionalProperty).replaceAll('~', '~0').replaceAll('/', '~1')}`
}

function messageOf({ message = 'is invalid', keyword, params }: ErrorObject): string {
  if (keyword === 'enum') return `must be one of ${(params.allowedValues as unknown[]).join(', ')}`
  return keyword === 'additionalProperties' ? 'is no field that is known' : message
}
