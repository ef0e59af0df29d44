import { type Clock, timestamp } from '../../cluster/clock.ts'
import { namespaceType, podType } from '../builtin/types.ts'
import { crdFinalizer, crdStorage } from '../crd.ts'
import { type ApiObject, asArray, asObject, isObject, type JsonObject } from '../json.ts'
import type { ResourceType } from '../resource-type.ts'
import { badRequest, conflict, forbidden } from '../status-error.ts'
import type { Store } from '../store.ts'

export const foregroundFinalizer = 'foregroundDeletion'
export const orphanFinalizer = 'orphan'

export interface DeleteOptions {
  gracePeriodSeconds?: number
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan'
  uid?: string
  resourceVersion?: string
  dryRun?: boolean
}

/** metav1.DeleteOptions from the body, else from the query. */
export function deleteOptions(body: JsonObject, query: URLSearchParams): DeleteOptions {
  const preconditions = asObject(body.preconditions)
  const grace = body.gracePeriodSeconds ?? query.get('gracePeriodSeconds') ?? undefined
  if (grace !== undefined && !(Number.isInteger(Number(grace)) && Number(grace) >= 0)) {
    throw badRequest(`gracePeriodSeconds: Invalid value: ${JSON.stringify(grace)}: must be a whole number of seconds`)
  }
  const policy = body.propagationPolicy ?? query.get('propagationPolicy') ?? undefined
  if (policy !== undefined && policy !== 'Background' && policy !== 'Foreground' && policy !== 'Orphan') {
    throw badRequest('propagationPolicy: Unsupported value: supported values: "Background", "Foreground", "Orphan"')
  }
  const dryRun = asArray(body.dryRun).includes('All') || query.get('dryRun') === 'All'
  return {
    dryRun,
    ...(grace !== undefined && { gracePeriodSeconds: Number(grace) }),
    ...(policy !== undefined && { propagationPolicy: policy }),
    ...(typeof preconditions.uid === 'string' && { uid: preconditions.uid }),
    ...(typeof preconditions.resourceVersion === 'string' && { resourceVersion: preconditions.resourceVersion }),
  }
}

/** Nothing holds the object any more: no finalizer, no time that its node still has for it. */
export function isDeletionComplete({ metadata, kind, spec }: ApiObject): boolean {
  if (metadata.deletionTimestamp === undefined) return false
  const heldByNamespace = kind === 'Namespace' && asArray(asObject(spec).finalizers).length > 0
  return (
    (metadata.finalizers ?? []).length === 0 && (metadata.deletionGracePeriodSeconds ?? 0) === 0 && !heldByNamespace
  )
}

export interface Deleted {
  object: ApiObject
  gone: boolean
}

/**
 * Deletes an object, or marks it as deleted while something still holds it.
 *
 * @throws StatusError 409 when a precondition does not hold.
 */
export function deleteObject(
  store: Store,
  clock: Clock,
  type: ResourceType,
  live: ApiObject,
  options: DeleteOptions,
): Deleted {
  requirePreconditions(type, live, options)
  if (type === namespaceType && live.metadata.name === 'default') {
    throw forbidden(type, live.metadata.name, 'this namespace may not be deleted')
  }
  const object = marked(type, live, options, clock)
  const gone = isDeletionComplete(object)
  if (options.dryRun) return { object, gone }
  if (gone) return { object: store.commit('DELETED', type.storage, object), gone }
  const same = JSON.stringify(object) === JSON.stringify(live)
  return { object: same ? live : store.commit('MODIFIED', type.storage, object), gone }
}

function requirePreconditions(
  type: ResourceType,
  { metadata }: ApiObject,
  { uid, resourceVersion }: DeleteOptions,
): void {
  if (uid !== undefined && uid !== metadata.uid) {
    throw conflict(
      type,
      metadata.name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`,
    )
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    const why = `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${metadata.resourceVersion}`
    throw conflict(type, metadata.name, why)
  }
}

function marked(type: ResourceType, live: ApiObject, options: DeleteOptions, clock: Clock): ApiObject {
  const seconds = graceSeconds(type, live, options)
  const finalizers = finalizersFor(type, live, options)
  const { finalizers: _before, ...rest } = live.metadata
  const first = live.metadata.deletionTimestamp === undefined
  const metadata = {
    ...rest,
    ...(finalizers.length > 0 && { finalizers }),
    deletionTimestamp: live.metadata.deletionTimestamp ?? timestamp(clock.now() + seconds * 1000),
    deletionGracePeriodSeconds: Math.min(seconds, live.metadata.deletionGracePeriodSeconds ?? seconds),
    ...(first && rest.generation !== undefined && { generation: rest.generation + 1 }),
  }
  const terminating = type === namespaceType ? { status: { ...asObject(live.status), phase: 'Terminating' } } : {}
  return { ...live, ...terminating, metadata }
}

/** Only a Pod on a node has time to end; the node then deletes it with zero seconds. */
function graceSeconds(type: ResourceType, live: ApiObject, options: DeleteOptions): number {
  const spec = asObject(live.spec)
  if (type !== podType || typeof spec.nodeName !== 'string' || spec.nodeName === '') return 0
  const ended = isObject(live.status) && (live.status.phase === 'Succeeded' || live.status.phase === 'Failed')
  if (ended && options.gracePeriodSeconds === undefined) return 0
  return options.gracePeriodSeconds ?? Number(spec.terminationGracePeriodSeconds ?? 30)
}

function finalizersFor(type: ResourceType, live: ApiObject, { propagationPolicy }: DeleteOptions): string[] {
  const before = live.metadata.finalizers ?? []
  const wanted = new Set(before)
  if (propagationPolicy !== undefined) {
    wanted.delete(foregroundFinalizer)
    wanted.delete(orphanFinalizer)
    if (propagationPolicy === 'Foreground') wanted.add(foregroundFinalizer)
    if (propagationPolicy === 'Orphan') wanted.add(orphanFinalizer)
  }
  if (type.storage === crdStorage && live.metadata.deletionTimestamp === undefined) wanted.add(crdFinalizer)
  return [...wanted]
}

/** Takes one finalizer off, and with the last one the object. */
export function dropFinalizer(store: Store, type: ResourceType, live: ApiObject, finalizer: string): void {
  const { finalizers = [], ...rest } = live.metadata
  const left = finalizers.filter((candidate) => candidate !== finalizer)
  const object = { ...live, metadata: { ...rest, ...(left.length > 0 && { finalizers: left }) } }
  store.commit(isDeletionComplete(object) ? 'DELETED' : 'MODIFIED', type.storage, object)
}
