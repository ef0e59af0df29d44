import { deepEqual, isObject } from '../json.ts'
import { badRequest, StatusError } from '../status-error.ts'

type Container = Record<string, unknown> | unknown[]

/**
 * RFC 6902 JSON patch. The target is not changed.
 *
 * @throws StatusError 422 when an operation does not fit the target, as the API answers.
 */
export function jsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw badRequest('a JSON patch is a list of operations')
  return patch.reduce<unknown>(applyOperation, structuredClone(target))
}

function applyOperation(document: unknown, operation: unknown): unknown {
  if (!isObject(operation)) throw badRequest('a JSON patch operation is an object')
  const { op, value } = operation
  const path = pointer(operation.path)
  switch (op) {
    case 'add':
      return add(document, path, value)
    case 'remove':
      return remove(document, path)
    case 'replace':
      return add(remove(document, path), path, value)
    case 'move': {
      const from = pointer(operation.from)
      const moved = read(document, from)
      return add(remove(document, from), path, moved)
    }
    case 'copy':
      return add(document, path, structuredClone(read(document, pointer(operation.from))))
    case 'test':
      if (!deepEqual(read(document, path), value)) throw unfit(`testing path /${path.join('/')} value failed`)
      return document
    default:
      throw badRequest(`unknown JSON patch operation ${JSON.stringify(op)}`)
  }
}

function unfit(why: string): StatusError {
  return new StatusError(422, 'Invalid', `the server rejected our request due to an error in our request: ${why}`)
}

function pointer(text: unknown): string[] {
  if (text === '') return []
  if (typeof text !== 'string' || !text.startsWith('/')) throw badRequest(`not a JSON pointer: ${JSON.stringify(text)}`)
  return text
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function read(document: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((parent, key) => {
    const child = Array.isArray(parent)
      ? parent[index(key, parent.length - 1)]
      : isObject(parent)
        ? own(parent, key)
        : undefined
    if (child === undefined) throw unfit(`path /${path.join('/')} does not exist`)
    return child
  }, document)
}

function own(parent: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(parent, key) ? parent[key] : undefined
}

function index(key: string, last: number): number {
  if (!/^(0|[1-9]\d*)$/.test(key) || Number(key) > last) throw unfit(`index ${key} is outside the list`)
  return Number(key)
}

function containerOf(document: unknown, path: readonly string[]): [Container, string] {
  const parent = read(document, path.slice(0, -1))
  if (!isObject(parent) && !Array.isArray(parent)) throw unfit(`path /${path.join('/')} has no parent`)
  return [parent, path.at(-1) ?? '']
}

function add(document: unknown, path: readonly string[], value: unknown): unknown {
  if (path.length === 0) return value
  const [parent, key] = containerOf(document, path)
  if (Array.isArray(parent)) parent.splice(key === '-' ? parent.length : index(key, parent.length), 0, value)
  else define(parent, key, value)
  return document
}

/** `__proto__` is a field name like any other. */
function define(parent: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(parent, key, { value, writable: true, enumerable: true, configurable: true })
}

function remove(document: unknown, path: readonly string[]): unknown {
  read(document, path)
  if (path.length === 0) return undefined
  const [parent, key] = containerOf(document, path)
  if (Array.isArray(parent)) parent.splice(index(key, parent.length - 1), 1)
  else delete parent[key]
  return document
}
