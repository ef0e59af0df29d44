import { isObject } from '../json.ts'

/** RFC 7386 JSON merge patch. Shares unchanged parts with the target; changes neither. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  // A map rather than an object to fill: `__proto__` is a field name like any other.
  const result = new Map(isObject(target) ? Object.entries(target) : [])
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) result.delete(field)
    else result.set(field, mergePatch(result.get(field), value))
  }
  return Object.fromEntries(result)
}
