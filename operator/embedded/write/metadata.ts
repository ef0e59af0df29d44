import { randomInt } from 'node:crypto'
import type { ObjectMeta } from '../../cluster/objects.ts'
import { type ApiObject, asObject } from '../json.ts'
import type { ResourceType } from '../resource-type.ts'
import { objectMetaSchema } from '../schema/object-meta.ts'
import { pruneUnknown } from '../schema/prune.ts'
import { validate } from '../schema/validate.ts'
import { badRequest, type FieldError } from '../status-error.ts'

const annotationBytes = 256 * 1024
const qualifiedName = /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/
const labelValue = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/

/** Without the characters that are easily taken for each other or that make words. */
const nameAlphabet = 'bcdfghjklmnpqrstvwxz2456789'

export function generatedName(prefix: string): string {
  const suffix = Array.from({ length: 5 }, () => nameAlphabet[randomInt(nameAlphabet.length)]).join('')
  return `${prefix.slice(0, 58)}${suffix}`
}

/**
 * Drops what metav1.ObjectMeta has not and what is empty, in place, as decoding into it does.
 *
 * @throws StatusError 400 for fields of the wrong type.
 */
export function cleanMetadata(object: ApiObject): void {
  const metadata = asObject(object.metadata)
  const wrong = validate(metadata, objectMetaSchema, 'metadata').find(
    ({ reason }) => reason === 'FieldValueTypeInvalid',
  )
  if (wrong) throw badRequest(`json: cannot decode ${wrong.field}: ${wrong.message}`)
  pruneUnknown(metadata, objectMetaSchema)
  for (const [field, value] of Object.entries(metadata)) {
    const empty = value === null || value === '' || (typeof value === 'object' && Object.keys(value).length === 0)
    if (empty) delete metadata[field]
  }
  delete metadata.selfLink
  object.metadata = metadata as unknown as ObjectMeta
}

/** What only the server decides stays as it is, whatever a client sends. In place. */
export function keepServerFields(metadata: ObjectMeta, live: ObjectMeta): void {
  const fields = [
    'name',
    'namespace',
    'uid',
    'resourceVersion',
    'generation',
    'generateName',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
  ] as const
  const target = metadata as unknown as Record<string, unknown>
  for (const field of fields) {
    if (live[field] === undefined) delete target[field]
    else target[field] = live[field]
  }
}

export function metadataErrors(type: ResourceType, object: ApiObject, live?: ApiObject): FieldError[] {
  const { metadata } = object
  const errors: FieldError[] = []
  const refuse = (field: string, message: string) => {
    errors.push({ reason: 'FieldValueInvalid', field: `metadata.${field}`, message: `Invalid value: ${message}` })
  }
  if (!live && !type.validName.test(metadata.name)) {
    const rule =
      "a lowercase RFC 1123 name must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
    refuse('name', `${JSON.stringify(metadata.name)}: ${rule}`)
  }
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    if (!qualifiedName.test(key))
      refuse('labels', `${JSON.stringify(key)}: name part must consist of alphanumeric characters, '-', '_' or '.'`)
    if (!labelValue.test(value))
      refuse(
        'labels',
        `${JSON.stringify(value)}: a valid label must be an empty string or consist of at most 63 alphanumeric characters, '-', '_' or '.'`,
      )
  }
  errors.push(...annotationErrors(metadata), ...finalizerErrors(metadata, live?.metadata))
  const controllers = (metadata.ownerReferences ?? []).filter((reference) => reference.controller)
  if (controllers.length > 1) refuse('ownerReferences', 'Only one reference can have Controller set to true')
  return errors
}

function annotationErrors({ annotations = {} }: ObjectMeta): FieldError[] {
  const field = 'metadata.annotations'
  const entries = Object.entries(annotations)
  const errors: FieldError[] = entries
    .filter(([key]) => !qualifiedName.test(key.toLowerCase()))
    .map(([key]) => ({
      reason: 'FieldValueInvalid',
      field,
      message: `Invalid value: ${JSON.stringify(key)}: name part must consist of alphanumeric characters, '-', '_' or '.'`,
    }))
  const size = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0)
  if (size > annotationBytes) {
    errors.push({
      reason: 'FieldValueTooLong',
      field,
      message: `Too long: may not be more than ${annotationBytes} bytes`,
    })
  }
  return errors
}

function finalizerErrors(metadata: ObjectMeta, live: ObjectMeta | undefined): FieldError[] {
  const field = 'metadata.finalizers'
  const finalizers = metadata.finalizers ?? []
  const errors: FieldError[] = finalizers
    .filter((finalizer) => !qualifiedName.test(finalizer))
    .map((finalizer) => ({
      reason: 'FieldValueInvalid',
      field,
      message: `Invalid value: ${JSON.stringify(finalizer)}: not a qualified name`,
    }))
  const added = finalizers.filter((finalizer) => !(live?.finalizers ?? []).includes(finalizer))
  if (live?.deletionTimestamp !== undefined && added.length > 0) {
    const list = added.map((finalizer) => JSON.stringify(finalizer)).join(', ')
    const message = `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`
    errors.push({ reason: 'FieldValueForbidden', field, message })
  }
  return errors
}
