import { ownAfterUpdate } from '../apply/apply.ts'
import { formatManagedFields, type ManagedEntry, type Manager, parseManagedFields } from '../apply/managed-fields.ts'
import { type ApiObject, isObject } from '../json.ts'
import { apiVersionOf, type ResourceType } from '../resource-type.ts'

/** The API keeps as many update entries and merges older ones, so that managedFields does not grow without end. */
const updateEntryLimit = 10
const ancient = 'ancient-changes'

export function managerOf(
  type: ResourceType,
  name: string,
  operation: Manager['operation'],
  subresource: string,
): Manager {
  return { name, operation, apiVersion: apiVersionOf(type), subresource }
}

/** The entries to go on from: those stored, unless the write clears them with `[]` or `[{}]`. */
export function entriesBefore(live: ApiObject | undefined, submitted: unknown): ManagedEntry[] {
  const clears =
    Array.isArray(submitted) && submitted.every((entry) => isObject(entry) && Object.keys(entry).length === 0)
  return clears ? [] : parseManagedFields(live?.metadata.managedFields)
}

/** Records in metadata.managedFields, in place, that a manager made this of what was there. */
export function recordUpdate(input: {
  type: ResourceType
  before: ApiObject | undefined
  after: ApiObject
  entries: readonly ManagedEntry[]
  manager: Manager
  now: string
}): void {
  const { type, before, after, entries, manager, now } = input
  const owned = ownAfterUpdate({ before: before ?? {}, after, entries, manager, schema: type.schema, now })
  setManagedFields(after, mergeOldUpdates(owned))
}

export function setManagedFields(object: ApiObject, entries: readonly ManagedEntry[]): void {
  if (entries.length === 0) delete object.metadata.managedFields
  else object.metadata.managedFields = formatManagedFields(entries)
}

function mergeOldUpdates(entries: readonly ManagedEntry[]): readonly ManagedEntry[] {
  const updates = entries.filter(({ operation, subresource }) => operation === 'Update' && subresource === '')
  if (updates.length <= updateEntryLimit) return entries
  const oldFirst = updates.toSorted((a, b) => ((a.time ?? '') < (b.time ?? '') ? -1 : 1))
  const merged = oldFirst.slice(0, updates.length - updateEntryLimit + 1)
  const [first] = merged
  if (!first) return entries
  const fields = merged.map((entry) => entry.fields).reduce((all, set) => all.union(set))
  return [...entries.filter((entry) => !merged.includes(entry)), { ...first, name: ancient, fields }]
}
