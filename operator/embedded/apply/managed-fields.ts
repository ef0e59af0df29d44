import { asString, isObject } from '../json.ts'
import { FieldSet } from './field-set.ts'

/** Who owns which fields, by what kind of write (an entry of metadata.managedFields). */
export interface Manager {
  name: string
  operation: 'Apply' | 'Update'
  apiVersion: string
  /** Empty for writes to the object itself. */
  subresource: string
}

export interface ManagedEntry extends Manager {
  time?: string
  fields: FieldSet
}

export function sameManager(a: Manager, b: Manager): boolean {
  return (
    a.name === b.name && a.operation === b.operation && a.apiVersion === b.apiVersion && a.subresource === b.subresource
  )
}

/** Fields that no manager owns: identity and what the server itself writes. */
const unowned = [
  ['f:apiVersion'],
  ['f:kind'],
  ...['name', 'namespace', 'generateName', 'selfLink', 'uid', 'resourceVersion', 'generation', 'managedFields'].map(
    (field) => ['f:metadata', `f:${field}`],
  ),
  ...['creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'].map((field) => [
    'f:metadata',
    `f:${field}`,
  ]),
]

export function ownable(set: FieldSet): FieldSet {
  const stripped = unowned.reduce((rest, path) => rest.without(path), set)
  const metadata = stripped.children.get('f:metadata')
  return new FieldSet(
    stripped.members.difference(new Set(['f:metadata'])),
    metadata ? stripped.children : [...stripped.children].filter(([element]) => element !== 'f:metadata'),
  )
}

export function parseManagedFields(value: unknown): ManagedEntry[] {
  if (!Array.isArray(value)) return []
  return value.filter(isObject).map((entry) => ({
    name: asString(entry.manager),
    operation: entry.operation === 'Apply' ? 'Apply' : 'Update',
    apiVersion: asString(entry.apiVersion),
    subresource: asString(entry.subresource),
    ...(typeof entry.time === 'string' && { time: entry.time }),
    fields: FieldSet.parse(entry.fieldsV1),
  }))
}

/** Applies first, then updates by time: the order in which the API lists them. */
export function formatManagedFields(entries: readonly ManagedEntry[]): unknown[] {
  const rank = (entry: ManagedEntry) =>
    `${entry.operation} ${entry.operation === 'Apply' ? '' : entry.time} ${entry.name}`
  return entries
    .filter(({ fields }) => !fields.isEmpty())
    .toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1))
    .map(({ name, operation, apiVersion, subresource, time, fields }) => ({
      manager: name,
      operation,
      apiVersion,
      ...(time !== undefined && { time }),
      fieldsType: 'FieldsV1',
      fieldsV1: fields.format(),
      ...(subresource !== '' && { subresource }),
    }))
}
