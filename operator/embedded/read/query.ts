import type { ApiObject } from '../json.ts'
import { type ResourceType, viewOf } from '../resource-type.ts'
import { fieldPredicate, labelPredicate, type Predicate } from '../selectors.ts'
import { badRequest, StatusError } from '../status-error.ts'

export interface ReadQuery {
  matches: Predicate
  selective: boolean
  limit: number
  continueToken: string
  /** Undefined: the newest state. */
  resourceVersion: number | undefined
  exact: boolean
  sendInitialEvents: boolean
  allowBookmarks: boolean
  timeoutSeconds: number | undefined
}

/** @throws StatusError 400 or 422 for what does not make sense together, as the API does. */
export function readQuery(
  query: URLSearchParams,
  type: ResourceType,
  namespace: string | undefined,
  name?: string,
): ReadQuery {
  const labelSelector = query.get('labelSelector') ?? ''
  const fieldSelector = query.get('fieldSelector') ?? ''
  const byLabel = labelPredicate(labelSelector)
  const byField = fieldPredicate(fieldSelector, type)
  const match = query.get('resourceVersionMatch') ?? ''
  const version = query.get('resourceVersion') ?? ''
  const sendInitialEvents = flag(query, 'sendInitialEvents')
  checkVersionMatch(query, match, version, sendInitialEvents)
  const inPlace = (object: ApiObject) =>
    (namespace === undefined || object.metadata.namespace === namespace) &&
    (name === undefined || object.metadata.name === name)
  return {
    matches: (object) => inPlace(object) && byLabel(object) && byField(viewOf(type, object)),
    selective: labelSelector !== '' || fieldSelector !== '',
    limit: wholeNumber(query, 'limit') ?? 0,
    continueToken: query.get('continue') ?? '',
    resourceVersion: version === '' ? undefined : wholeNumber(query, 'resourceVersion'),
    exact: match === 'Exact',
    sendInitialEvents: sendInitialEvents ?? false,
    allowBookmarks: flag(query, 'allowWatchBookmarks') ?? false,
    timeoutSeconds: wholeNumber(query, 'timeoutSeconds'),
  }
}

export function isWatch(query: URLSearchParams): boolean {
  return flag(query, 'watch') ?? false
}

function flag(query: URLSearchParams, name: string): boolean | undefined {
  const value = query.get(name)
  return value === null ? undefined : value === 'true' || value === '1' || value === ''
}

function wholeNumber(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name)
  if (value === null || value === '') return undefined
  if (!/^\d{1,15}$/.test(value))
    throw badRequest(`${name}: Invalid value: ${JSON.stringify(value)}: strconv.ParseUint: invalid syntax`)
  return Number(value)
}

function checkVersionMatch(query: URLSearchParams, match: string, version: string, initial: boolean | undefined): void {
  const refuse = (field: string, why: string) => {
    const message = `Forbidden: ${why}`
    const causes = [{ reason: 'FieldValueForbidden', message, field }]
    throw new StatusError(422, 'Invalid', `ListOptions.meta.k8s.io "" is invalid: ${field}: ${message}`, {
      group: 'meta.k8s.io',
      kind: 'ListOptions',
      causes,
    })
  }
  const watching = isWatch(query)
  if (initial !== undefined && !watching) refuse('sendInitialEvents', 'sendInitialEvents is forbidden for list')
  if (initial !== undefined && match !== 'NotOlderThan') {
    refuse('resourceVersionMatch', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan')
  }
  if (match === '') return
  if (match !== 'Exact' && match !== 'NotOlderThan') {
    refuse('resourceVersionMatch', `supported values: "Exact", "NotOlderThan"`)
  }
  if (watching && initial === undefined)
    refuse('resourceVersionMatch', 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided')
  if (watching) return
  if (version === '')
    refuse('resourceVersionMatch', 'resourceVersionMatch is forbidden unless resourceVersion is provided')
  if (query.get('continue')) refuse('resourceVersionMatch', 'resourceVersionMatch is forbidden with continue token')
  if (match === 'Exact' && version === '0')
    refuse('resourceVersionMatch', 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
}
