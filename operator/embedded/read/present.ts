import type { Clock } from '../../cluster/clock.ts'
import type { Representation } from '../http/representation.ts'
import type { ApiObject, JsonObject } from '../json.ts'
import { apiVersionOf, type ResourceType, viewOf } from '../resource-type.ts'
import { partialMetadata, tableOf } from '../table.ts'
import type { Page } from './list.ts'

export function presentObject(
  type: ResourceType,
  stored: ApiObject,
  { as, include }: Representation,
  clock: Clock,
): unknown {
  const object = viewOf(type, stored)
  if (as === 'Metadata') return partialMetadata(object)
  if (as === 'Object') return object
  const { resourceVersion } = object.metadata
  return tableOf(type, [object], { resourceVersion }, { now: clock.now(), include, headers: true })
}

export function presentPage(type: ResourceType, page: Page, { as, include }: Representation, clock: Clock): JsonObject {
  const items = page.items.map((object) => viewOf(type, object))
  if (as === 'Table') return tableOf(type, items, page.metadata, { now: clock.now(), include, headers: true })
  if (as === 'Metadata') {
    const list = { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata: page.metadata }
    return { ...list, items: items.map(partialMetadata) }
  }
  return { kind: type.listKind, apiVersion: apiVersionOf(type), metadata: page.metadata, items }
}

/** Table headers are sent with the first event only. */
export function eventPresenter(
  type: ResourceType,
  { as, include }: Representation,
  clock: Clock,
): (stored: ApiObject) => unknown {
  let headers = true
  return (stored) => {
    const object = viewOf(type, stored)
    if (as === 'Object') return object
    if (as === 'Metadata') return partialMetadata(object)
    const { resourceVersion } = object.metadata
    // A bookmark has no row.
    const rows = object.metadata.uid === undefined ? [] : [object]
    const table = tableOf(type, rows, { resourceVersion }, { now: clock.now(), include, headers })
    headers = false
    return table
  }
}
