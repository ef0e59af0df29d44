import { deepEqual, isObject, type JsonObject } from '../json.ts'
import { anything, fieldSchema, itemSchema, type Schema } from '../schema/schema.ts'
import { unsupportedMediaType } from '../status-error.ts'

/**
 * Strategic merge patch for the built-in kinds: a merge patch in which lists with keys merge item by item. Directives:
 * `$patch: delete | replace | merge`, `$setElementOrder/LIST`, `$deleteFromPrimitiveList/LIST`, `$retainKeys`.
 * https://github.com/kubernetes/community/blob/main/contributors/devel/sig-api-machinery/strategic-merge-patch.md
 *
 * @throws StatusError 415 for a directive it does not know.
 */
export function strategicMerge(target: unknown, patch: unknown, schema: Schema): unknown {
  if (!isObject(patch)) return patch
  if (patch.$patch === 'delete') return undefined
  const base = isObject(target) && patch.$patch !== 'replace' ? target : {}
  const result = new Map(Object.entries(retained(base, patch)))
  for (const [field, value] of Object.entries(patch)) {
    const [directive, list] = field.startsWith('$') ? field.split('/') : []
    if (directive !== undefined) {
      if (list === undefined) checkDirective(field)
      else directList(result, directive, list, value, fieldSchema(schema, list) ?? anything)
    } else if (value === null) result.delete(field)
    else setMerged(result, field, mergeField(result.get(field), value, fieldSchema(schema, field) ?? anything))
  }
  return Object.fromEntries(result)
}

function checkDirective(field: string): void {
  if (field !== '$patch' && field !== '$retainKeys') {
    throw unsupportedMediaType(
      `strategic merge patch directive ${field} is not supported: use a merge patch or server-side apply`,
    )
  }
}

function setMerged(result: Map<string, unknown>, field: string, value: unknown): void {
  if (value === undefined) result.delete(field)
  else result.set(field, value)
}

function retained(base: JsonObject, patch: JsonObject): JsonObject {
  const keys = patch.$retainKeys
  return Array.isArray(keys) ? Object.fromEntries(Object.entries(base).filter(([key]) => keys.includes(key))) : base
}

function directList(
  result: Map<string, unknown>,
  directive: string,
  list: string,
  value: unknown,
  schema: Schema,
): void {
  const current = result.get(list)
  if (!Array.isArray(value)) return
  if (directive === '$deleteFromPrimitiveList') {
    if (Array.isArray(current))
      result.set(
        list,
        current.filter((item) => !value.includes(item)),
      )
    return
  }
  if (directive !== '$setElementOrder') {
    throw unsupportedMediaType(`strategic merge patch directive ${directive} is not supported`)
  }
  if (Array.isArray(current)) result.set(list, ordered(current, value, mergeKey(schema)))
}

/** Items named by the order come in that order; the others stay behind those they stood behind. */
function ordered(items: unknown[], order: unknown[], key: string | undefined): unknown[] {
  const identity = (item: unknown) => (key !== undefined && isObject(item) ? item[key] : item)
  const rank = new Map(order.map((item, index) => [identity(item), index]))
  let last = -1
  return items
    .map((item) => {
      last = rank.get(identity(item)) ?? last
      return { item, rank: last }
    })
    .toSorted((a, b) => a.rank - b.rank)
    .map(({ item }) => item)
}

function mergeKey(schema: Schema): string | undefined {
  return schema['x-kubernetes-list-type'] === 'map' ? schema['x-kubernetes-list-map-keys']?.[0] : undefined
}

function mergeField(target: unknown, patch: unknown, schema: Schema): unknown {
  if (!Array.isArray(patch)) return strategicMerge(target, patch, schema)
  const current = Array.isArray(target) ? target : []
  if (schema['x-kubernetes-list-type'] === 'set') {
    return [...current, ...patch.filter((item) => !current.some((old) => deepEqual(old, item)))]
  }
  const key = mergeKey(schema)
  return key === undefined ? patch : mergeItems(current, patch, key, itemSchema(schema))
}

function mergeItems(current: unknown[], patch: unknown[], key: string, schema: Schema): unknown[] {
  const replaces = patch.some((item) => isObject(item) && item.$patch === 'replace' && item[key] === undefined)
  const result = replaces ? [] : [...current]
  for (const item of patch) {
    if (!isObject(item) || item[key] === undefined) continue
    const at = result.findIndex((old) => isObject(old) && old[key] === item[key])
    const merged = strategicMerge(at === -1 ? undefined : result[at], item, schema)
    if (merged === undefined) result.splice(at === -1 ? result.length : at, 1)
    else if (at === -1) result.push(merged)
    else result[at] = merged
  }
  return result
}
