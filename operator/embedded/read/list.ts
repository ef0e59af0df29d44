import type { ApiObject, JsonObject } from '../json.ts'
import type { ResourceType } from '../resource-type.ts'
import { badRequest, expired, StatusError } from '../status-error.ts'
import { keyOf, type Store } from '../store.ts'
import type { ReadQuery } from './query.ts'

export interface Page {
  items: ApiObject[]
  metadata: JsonObject
}

interface Continue {
  /** All pages show the state at this revision. */
  revision: number
  /** The last key of the page before. */
  after: string
}

/** One page of the objects that a query asks for, as stored. */
export function listPage(store: Store, type: ResourceType, query: ReadQuery): Page {
  const start = query.continueToken === '' ? undefined : parseContinue(query.continueToken)
  const revision = start?.revision ?? revisionFor(store, query)
  if (revision < store.oldestRevision) {
    throw expired(
      'The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.',
    )
  }
  const keyOfItem = ({ metadata }: ApiObject) => keyOf(metadata.namespace, metadata.name)
  const all = store
    .list(type.storage, revision)
    .filter((object) => query.matches(object) && (start === undefined || keyOfItem(object) > start.after))
  const items = query.limit > 0 ? all.slice(0, query.limit) : all
  const last = items.at(-1)
  const remaining = all.length - items.length
  const metadata: JsonObject = { resourceVersion: String(revision) }
  if (remaining > 0 && last) {
    metadata.continue = formatContinue({ revision, after: keyOfItem(last) })
    if (!query.selective) metadata.remainingItemCount = remaining
  }
  return { items, metadata }
}

function revisionFor(store: Store, { resourceVersion, exact }: ReadQuery): number {
  const wanted = resourceVersion ?? 0
  refuseFuture(store, wanted)
  return exact ? wanted : store.revision
}

/** @throws StatusError 504 for a version that this server has not reached, as after a lost directory. */
export function refuseFuture(store: Store, resourceVersion: number): void {
  if (resourceVersion <= store.revision) return
  const message = `Too large resource version: ${resourceVersion}, current: ${store.revision}`
  throw new StatusError(504, 'Timeout', `Timeout: ${message}`, {
    retryAfterSeconds: 1,
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
  })
}

function formatContinue(value: Continue): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function parseContinue(token: string): Continue {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'))
    const { revision, after } = value as Continue
    if (Number.isInteger(revision) && typeof after === 'string') return { revision, after }
  } catch {
    // Refused below, like any other token that is not ours.
  }
  throw badRequest('continue key is not valid: invalid continue token')
}
