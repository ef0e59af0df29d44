import type { Schema } from '../schema/schema.ts'
import { StatusError } from '../status-error.ts'
import { FieldSet, formatPath } from './field-set.ts'
import { type ManagedEntry, type Manager, ownable, sameManager } from './managed-fields.ts'
import { type Comparison, compare, fieldSetOf, merge, removeUnowned } from './typed.ts'

export interface ApplyInput {
  live: unknown
  /** Already without what this endpoint does not take (status, or all but status). */
  applied: unknown
  entries: readonly ManagedEntry[]
  manager: Manager
  force: boolean
  schema: Schema
  /** metav1.Time for entries that change. */
  now: string
}

export interface Owned {
  object: unknown
  entries: ManagedEntry[]
}

/**
 * Server-side apply: the live object with the applied fields laid over it and without those that this manager gave up.
 *
 * @throws StatusError 409 with a FieldManagerConflict cause per field when another manager owns a different value.
 */
export function apply(input: ApplyInput): Owned {
  const { live, applied, manager, schema } = input
  const claimed = ownable(fieldSetOf(applied, schema))
  const before = input.entries.find((entry) => sameManager(entry, manager))?.fields ?? new FieldSet()
  const others = input.entries.filter((entry) => !sameManager(entry, manager))
  const owned = others.reduce((all, entry) => all.union(entry.fields), claimed)
  const object = removeUnowned(merge(live, applied, schema), before, owned, schema)
  const comparison = compare(live, object, schema)
  const changed = comparison.modified.union(comparison.added)
  const conflicts = others.map((entry) => ({ entry, fields: entry.fields.intersection(changed) }))
  if (!input.force) refuseConflicts(conflicts.filter(({ fields }) => !fields.isEmpty()))
  const mine: ManagedEntry = { ...manager, fields: claimed }
  return { object, entries: stamped([...loseTo(others, comparison), mine], input.entries, input.now) }
}

/** Who owns what after a write that was not an apply: the writer owns what it changed. */
export function ownAfterUpdate(input: {
  before: unknown
  after: unknown
  entries: readonly ManagedEntry[]
  manager: Manager
  schema: Schema
  now: string
}): ManagedEntry[] {
  const { manager, entries } = input
  const comparison = compare(input.before, input.after, input.schema)
  const changed = ownable(comparison.modified.union(comparison.added))
  const own = entries.find((entry) => sameManager(entry, manager))
  const mine: ManagedEntry = {
    ...manager,
    fields: (own?.fields ?? new FieldSet()).difference(comparison.removed).union(changed),
  }
  const others = entries.filter((entry) => entry !== own)
  return stamped([...loseTo(others, comparison), mine], entries, input.now)
}

function loseTo(others: readonly ManagedEntry[], { added, modified, removed }: Comparison): ManagedEntry[] {
  const lost = added.union(modified).union(removed)
  return others.map((entry) => ({ ...entry, fields: entry.fields.difference(lost) }))
}

/** Entries whose fields are as they were keep their time, so that a write without effect changes nothing at all. */
function stamped(entries: readonly ManagedEntry[], before: readonly ManagedEntry[], now: string): ManagedEntry[] {
  return entries
    .filter(({ fields }) => !fields.isEmpty())
    .map((entry) => {
      const old = before.find((candidate) => sameManager(candidate, entry))
      const same = old && JSON.stringify(old.fields.format()) === JSON.stringify(entry.fields.format())
      return same ? old : { ...entry, time: now }
    })
}

interface Conflict {
  entry: ManagedEntry
  fields: FieldSet
}

function refuseConflicts(conflicts: readonly Conflict[]): void {
  if (conflicts.length === 0) return
  const causes = conflicts.flatMap(({ entry, fields }) =>
    fields.paths().map((path) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with ${describe(entry)}`,
      field: formatPath(path),
    })),
  )
  const lines = conflicts.map(({ entry, fields }) => {
    const paths = fields.paths().map(formatPath)
    return paths.length === 1
      ? `conflict with ${describe(entry)}: ${paths[0]}`
      : `conflicts with ${describe(entry)}:\n${paths.map((path) => `- ${path}`).join('\n')}`
  })
  const many = causes.length === 1 ? '1 conflict' : `${causes.length} conflicts`
  throw new StatusError(409, 'Conflict', `Apply failed with ${many}: ${lines.join('\n')}`, { causes })
}

/** As the API words it: the version only for those who did not apply. */
function describe({ name, operation, apiVersion, subresource }: ManagedEntry): string {
  const where = subresource === '' ? '' : ` with subresource "${subresource}"`
  return `"${name}"${where}${operation === 'Update' ? ` using ${apiVersion}` : ''}`
}
