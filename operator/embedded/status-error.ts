import type { StatusBody } from '../cluster/objects.ts'

type Cause = NonNullable<NonNullable<StatusBody['details']>['causes']>[number]
type Details = NonNullable<StatusBody['details']>

/** A refusal, in the words of the API (metav1.Status). */
export class StatusError extends Error {
  readonly status: StatusBody

  constructor(code: number, reason: string, message: string, details?: Details) {
    super(message)
    this.name = 'StatusError'
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      status: 'Failure',
      message,
      reason,
      code,
      ...(details && { details }),
    }
  }
}

/** What a refusal has to know of a kind. */
export interface KindName {
  group: string
  kind: string
  plural: string
}

/** `widgets.example.com`, or `pods` for the core group. */
export function qualified(name: string, group: string): string {
  return group === '' ? name : `${name}.${group}`
}

function detailsOf(type: KindName, name: string): Details {
  return { name, ...(type.group !== '' && { group: type.group }), kind: type.plural }
}

export function badRequest(message: string): StatusError {
  return new StatusError(400, 'BadRequest', message)
}

export function forbidden(type: KindName, name: string, why: string, causes?: Cause[]): StatusError {
  const details = { ...detailsOf(type, name), ...(causes && { causes }) }
  return new StatusError(
    403,
    'Forbidden',
    `${qualified(type.plural, type.group)} "${name}" is forbidden: ${why}`,
    details,
  )
}

export function pathNotFound(): StatusError {
  return new StatusError(404, 'NotFound', 'the server could not find the requested resource', {})
}

export function notFound(type: KindName, name: string): StatusError {
  const message = `${qualified(type.plural, type.group)} "${name}" not found`
  return new StatusError(404, 'NotFound', message, detailsOf(type, name))
}

export function methodNotAllowed(): StatusError {
  return new StatusError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {})
}

export function alreadyExists(type: KindName, name: string): StatusError {
  const message = `${qualified(type.plural, type.group)} "${name}" already exists`
  return new StatusError(409, 'AlreadyExists', message, detailsOf(type, name))
}

export function conflict(type: KindName, name: string, why: string): StatusError {
  const message = `Operation cannot be fulfilled on ${qualified(type.plural, type.group)} "${name}": ${why}`
  return new StatusError(409, 'Conflict', message, detailsOf(type, name))
}

export function staleWrite(type: KindName, name: string): StatusError {
  const why = 'the object has been modified; please apply your changes to the latest version and try again'
  return conflict(type, name, why)
}

export function expired(message: string): StatusError {
  return new StatusError(410, 'Expired', message)
}

export function tooLarge(limit: number): StatusError {
  return new StatusError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${limit}`)
}

export function unsupportedMediaType(message: string): StatusError {
  return new StatusError(415, 'UnsupportedMediaType', message)
}

/** One field that a schema or a rule refuses; `type` is the API's cause reason. */
export interface FieldError {
  reason:
    | 'FieldValueInvalid'
    | 'FieldValueTypeInvalid'
    | 'FieldValueRequired'
    | 'FieldValueNotSupported'
    | 'FieldValueDuplicate'
    | 'FieldValueTooLong'
    | 'FieldValueTooMany'
    | 'FieldValueForbidden'
  field: string
  /** Without the field, as the API words it: `Invalid value: 3: must be ...`. */
  message: string
}

export function invalid(type: KindName, name: string, errors: readonly FieldError[]): StatusError {
  const lines = errors.map((error) => `${error.field}: ${error.message}`)
  const all = lines.length === 1 ? lines[0] : `[${lines.join(', ')}]`
  return new StatusError(422, 'Invalid', `${qualified(type.kind, type.group)} "${name}" is invalid: ${all}`, {
    name,
    ...(type.group !== '' && { group: type.group }),
    kind: type.kind,
    causes: errors.map(({ reason, field, message }) => ({ reason, message, field })),
  })
}
