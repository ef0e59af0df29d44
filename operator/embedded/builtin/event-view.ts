import type { ApiObject, JsonObject } from '../json.ts'

/** events.k8s.io/v1 name → core v1 name of the same field. Events are stored as core v1, which `kubectl describe` reads. */
const names: readonly (readonly [string, string])[] = [
  ['note', 'message'],
  ['regarding', 'involvedObject'],
  ['reportingController', 'reportingComponent'],
  ['deprecatedSource', 'source'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedCount', 'count'],
]

function renamed(object: ApiObject, from: 0 | 1, to: 0 | 1, apiVersion: string): ApiObject {
  const table = new Map(names.map((pair) => [pair[from], pair[to]]))
  const fields: JsonObject = Object.fromEntries(
    Object.entries(object).map(([field, value]) => [table.get(field) ?? field, value]),
  )
  return { ...fields, apiVersion, kind: 'Event', metadata: object.metadata }
}

export const eventView = {
  fromStored: (object: ApiObject) => renamed(object, 1, 0, 'events.k8s.io/v1'),
  toStored: (object: ApiObject) => renamed(object, 0, 1, 'v1'),
}
