import type { ResourceType } from '../resource-type.ts'
import type { ResourceTypes } from '../resource-types.ts'
import { pathNotFound } from '../status-error.ts'

/** A path below a group version that names objects. */
export interface ResourceRoute {
  type: ResourceType
  namespace?: string
  name?: string
  /** `status`, `scale`, `log`, or empty. */
  subresource: string
}

/** @throws StatusError 404 when no kind is served there. */
export function resourceRoute(path: string, types: ResourceTypes): ResourceRoute {
  const segments = path.split('/').filter(Boolean).map(decode)
  const group = segments[0] === 'api' ? '' : (segments[1] ?? '')
  const [version = '', ...rest] = segments.slice(segments[0] === 'api' ? 1 : 2)
  const find = (plural: string) => types.find(group, version, plural)
  // `/namespaces/x/widgets` is widgets in x; `/namespaces/x` and `/namespaces/x/status` are the namespace itself.
  const [first, second, third] = rest
  const inner = first === 'namespaces' && third !== undefined ? find(third) : undefined
  if (inner?.namespaced) return routeOf(inner, rest.slice(3), second)
  const type = first === undefined ? undefined : find(first)
  if (!type) throw pathNotFound()
  return routeOf(type, rest.slice(1), undefined)
}

function routeOf(type: ResourceType, rest: readonly string[], namespace: string | undefined): ResourceRoute {
  const [name, subresource = '', ...extra] = rest
  const scoped = !type.namespaced || namespace !== undefined
  if (extra.length > 0 || (name !== undefined && !scoped)) throw pathNotFound()
  return { type, ...(namespace !== undefined && { namespace }), ...(name !== undefined && { name }), subresource }
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw pathNotFound()
  }
}
