import { randomUUID } from 'node:crypto'
import { type Clock, timestamp } from '../../cluster/clock.ts'
import { apply as applyConfiguration } from '../apply/apply.ts'
import type { ManagedEntry } from '../apply/managed-fields.ts'
import { namespaceType } from '../builtin/types.ts'
import { crdErrors, crdStorage, establish, hasRules } from '../crd.ts'
import { type ApiObject, asObject, deepEqual, isObject, type JsonObject } from '../json.ts'
import { isDeletionComplete } from '../lifecycle/deletion.ts'
import { admitToNamespace } from '../lifecycle/namespace-admission.ts'
import { apiVersionOf, type ResourceType, viewOf } from '../resource-type.ts'
import { pruneUnknown } from '../schema/prune.ts'
import { alreadyExists, badRequest, conflict, invalid, notFound, StatusError, staleWrite } from '../status-error.ts'
import type { Store } from '../store.ts'
import { check, shape } from './admit.ts'
import { cleanMetadata, generatedName, keepServerFields, metadataErrors } from './metadata.ts'
import type { WriteOptions } from './options.ts'
import { entriesBefore, managerOf, recordUpdate, setManagedFields } from './ownership.ts'

export interface Target {
  type: ResourceType
  namespace?: string
  name: string
  subresource: '' | 'status'
}

export interface Written {
  object: ApiObject
  created: boolean
}

interface Wanted {
  object: JsonObject
  method: 'PUT' | 'PATCH'
  /** Who owns what, where an apply has settled that already. */
  applied?: ManagedEntry[]
}

type Change = (live: ApiObject) => Wanted

/** Creates and changes objects: the rules that hold for every kind, whatever the way of writing. */
export class Writer {
  readonly #store: Store
  readonly #clock: Clock

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  create(type: ResourceType, namespace: string | undefined, body: JsonObject, options: WriteOptions): ApiObject {
    const object = this.#decoded(type, namespace, body)
    if (object.metadata.resourceVersion !== undefined) {
      throw new StatusError(500, 'InternalError', 'resourceVersion should not be set on objects to be created')
    }
    const prefix = object.metadata.generateName
    if (!object.metadata.name && prefix !== undefined) object.metadata.name = this.#freeName(type, namespace, prefix)
    if (!object.metadata.name) {
      const message = 'Required value: name or generateName is required'
      throw invalid(type, '', [{ reason: 'FieldValueRequired', field: 'metadata.name', message }])
    }
    return this.#createNamed(type, namespace, object, options)
  }

  /** PUT. */
  replace(target: Target, body: JsonObject, options: WriteOptions): ApiObject {
    const { type, name } = target
    const object = this.#decoded(type, target.namespace, body)
    requireSameName(object.metadata.name || name, name)
    if (object.metadata.resourceVersion === undefined && !type.builtin) {
      const message = 'Invalid value: 0: must be specified for an update'
      throw invalid(type, name, [{ reason: 'FieldValueInvalid', field: 'metadata.resourceVersion', message }])
    }
    return this.#update(target, this.#live(target), () => ({ object, method: 'PUT' }), options)
  }

  /** Any patch but apply: `patched` makes the new object of the live one. */
  patch(target: Target, patched: (live: ApiObject) => unknown, options: WriteOptions): ApiObject {
    return this.#update(
      target,
      this.#live(target),
      (live) => {
        const object = patched(live)
        if (!isObject(object)) throw badRequest('the patched document is not an object')
        return { object, method: 'PATCH' }
      },
      options,
    )
  }

  apply(target: Target, body: JsonObject, options: WriteOptions): Written {
    const { type, namespace, name, subresource } = target
    const configuration = this.#decoded(type, namespace, body)
    requireSameName(configuration.metadata.name || name, name)
    if (configuration.metadata.managedFields !== undefined) throw badRequest('metadata.managedFields must be nil')
    this.#requireDeclared(type, configuration)
    configuration.metadata.name = name
    if (namespace !== undefined) configuration.metadata.namespace = namespace
    const { resourceVersion, uid, ...metadata } = configuration.metadata
    const live = this.#find(target)
    if (!live && subresource !== '') throw notFound(type, name)
    if (!live && (resourceVersion !== undefined || uid !== undefined)) throw staleWrite(type, name)
    const intent = onlyFor(target, { ...configuration, metadata })
    const change: Change = (view) => {
      const { object, entries } = applyConfiguration({
        live: view,
        applied: intent,
        entries: entriesBefore(view, undefined),
        manager: managerOf(type, options.fieldManager, 'Apply', subresource),
        force: options.force,
        schema: type.schema,
        now: timestamp(this.#clock.now()),
      })
      const result = asObject(object)
      const submitted = {
        ...asObject(result.metadata),
        ...(resourceVersion && { resourceVersion }),
        ...(uid && { uid }),
      }
      return { object: { ...result, metadata: submitted }, applied: entries, method: 'PATCH' }
    }
    if (live) return { object: this.#update(target, live, change, options), created: false }
    const blank = { apiVersion: apiVersionOf(type), kind: type.kind, metadata: { name } }
    const { object, applied } = change(blank)
    return { object: this.#createNamed(type, namespace, object as ApiObject, options, applied), created: true }
  }

  #find({ type, namespace, name }: Target): ApiObject | undefined {
    return this.#store.get(type.storage, namespace, name)
  }

  #live(target: Target): ApiObject {
    const live = this.#find(target)
    if (!live) throw notFound(target.type, target.name)
    return live
  }

  #freeName(type: ResourceType, namespace: string | undefined, prefix: string): string {
    for (;;) {
      const name = generatedName(prefix)
      if (!this.#store.get(type.storage, namespace, name)) return name
    }
  }

  /** The body as an object of the kind, in the namespace of the path. */
  #decoded(type: ResourceType, namespace: string | undefined, body: JsonObject): ApiObject {
    const object = { ...body } as ApiObject
    const apiVersion = apiVersionOf(type)
    object.apiVersion ||= apiVersion
    object.kind ||= type.kind
    if (object.apiVersion !== apiVersion) {
      throw badRequest(
        `the API version in the data (${object.apiVersion}) does not match the expected API version (${apiVersion})`,
      )
    }
    if (object.metadata !== undefined && !isObject(object.metadata)) throw badRequest('metadata is not an object')
    cleanMetadata(object)
    if (object.kind !== type.kind) {
      const message = `Invalid value: ${JSON.stringify(object.kind)}: must be ${type.kind}`
      throw invalid(type, object.metadata.name, [{ reason: 'FieldValueInvalid', field: 'kind', message }])
    }
    const given = object.metadata.namespace
    if (given !== undefined && given !== namespace && type.namespaced) {
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
    }
    if (namespace === undefined) delete object.metadata.namespace
    else object.metadata.namespace = namespace
    return object
  }

  #requireDeclared(type: ResourceType, configuration: ApiObject): void {
    const [unknown] = pruneUnknown(structuredClone(configuration), type.schema)
    if (unknown === undefined) return
    const { namespace = '', name } = configuration.metadata
    // The API itself answers 500 here, without a reason.
    throw new StatusError(
      500,
      '',
      `failed to create typed patch object (${namespace}/${name}; ${apiVersionOf(type)}, Kind=${type.kind}): .${unknown}: field not declared in schema`,
    )
  }

  #createNamed(
    type: ResourceType,
    namespace: string | undefined,
    body: ApiObject,
    options: WriteOptions,
    applied?: ManagedEntry[],
  ): ApiObject {
    const object = structuredClone(body)
    if (type.namespaced) admitToNamespace(this.#store, type, namespace ?? '', object.metadata.name)
    if (type.hasStatus) delete object.status
    type.prepare?.(object)
    shape(type, object, options)
    check(type, object, undefined, [...metadataErrors(type, object), ...this.#specialErrors(type, object)])
    if (this.#store.get(type.storage, namespace, object.metadata.name)) throw alreadyExists(type, object.metadata.name)
    const now = timestamp(this.#clock.now())
    const entries = applied ?? []
    if (applied) setManagedFields(object, entries)
    else {
      const manager = managerOf(type, options.fieldManager, 'Update', '')
      recordUpdate({ type, before: undefined, after: object, entries, manager, now })
    }
    this.#special(type, object, options)
    object.metadata.uid = randomUUID()
    object.metadata.creationTimestamp = now
    delete object.metadata.deletionTimestamp
    delete object.metadata.deletionGracePeriodSeconds
    if (type.hasGeneration) object.metadata.generation = 1
    else delete object.metadata.generation
    return this.#save('ADDED', type, object, options)
  }

  #update(target: Target, stored: ApiObject, change: Change, options: WriteOptions): ApiObject {
    const { type, name, subresource } = target
    const live = viewOf(type, stored)
    const { object: changed, applied, method } = change(live)
    const object = structuredClone(changed) as ApiObject
    cleanMetadata(object)
    requireSameName(object.metadata.name ?? name, name)
    requireVersion(type, object, live)
    requireUid(type, object, live, method)
    const entries = entriesBefore(live, asObject(changed.metadata).managedFields)
    restrict(target, object, live)
    keepServerFields(object.metadata, live.metadata)
    shape(type, object, options)
    check(type, object, live, [...metadataErrors(type, object, live), ...this.#specialErrors(type, object)])
    this.#special(type, object, options)
    if (type.hasGeneration && desireChanged(type, live, object)) {
      object.metadata.generation = (live.metadata.generation ?? 0) + 1
    }
    if (applied) setManagedFields(object, applied)
    else {
      const manager = managerOf(type, options.fieldManager, 'Update', subresource)
      recordUpdate({ type, before: live, after: object, entries, manager, now: timestamp(this.#clock.now()) })
    }
    if (deepEqual(object, live)) return live
    return this.#save(isDeletionComplete(object) ? 'DELETED' : 'MODIFIED', type, object, options)
  }

  #specialErrors(type: ResourceType, object: ApiObject) {
    return type.storage === crdStorage ? crdErrors(object) : []
  }

  #special(type: ResourceType, object: ApiObject, options: WriteOptions): void {
    if (type.storage !== crdStorage) return
    establish(object, this.#clock)
    if (hasRules(object)) {
      options.warnings.push('this API server does not evaluate x-kubernetes-validations (CEL); a cluster does')
    }
  }

  #save(
    change: 'ADDED' | 'MODIFIED' | 'DELETED',
    type: ResourceType,
    object: ApiObject,
    options: WriteOptions,
  ): ApiObject {
    if (options.dryRun) return object
    return viewOf(type, this.#store.commit(change, type.storage, type.convert?.toStored(object) ?? object))
  }
}

function requireSameName(given: string, name: string): void {
  if (given !== name) throw badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`)
}

function requireVersion(type: ResourceType, { metadata }: ApiObject, live: ApiObject): void {
  const { resourceVersion } = metadata
  if (resourceVersion === undefined || resourceVersion === live.metadata.resourceVersion) return
  throw staleWrite(type, live.metadata.name)
}

/** In a PUT another uid is a failed precondition, in a patch an attempt to change it: so the API itself has it. */
function requireUid(type: ResourceType, { metadata }: ApiObject, live: ApiObject, method: 'PUT' | 'PATCH'): void {
  const { uid } = metadata
  const { name, uid: stored } = live.metadata
  if (uid === undefined || uid === stored) return
  if (method === 'PUT') {
    throw conflict(type, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${stored}`)
  }
  const message = `Invalid value: ${JSON.stringify(uid)}: field is immutable`
  throw invalid(type, name, [{ reason: 'FieldValueInvalid', field: 'metadata.uid', message }])
}

/** What an apply to this endpoint may speak of. */
function onlyFor({ type, subresource }: Target, object: ApiObject): JsonObject {
  if (subresource === 'status') {
    const { name, namespace } = object.metadata
    const metadata = { name, ...(namespace !== undefined && { namespace }) }
    return {
      apiVersion: object.apiVersion,
      kind: object.kind,
      metadata,
      ...('status' in object && { status: object.status }),
    }
  }
  if (!type.hasStatus) return object
  const { status: _ignored, ...rest } = object
  return rest
}

/** The main endpoint leaves status alone, `/status` all else. In place. */
function restrict({ type, subresource }: Target, object: ApiObject, live: ApiObject): void {
  if (subresource === 'status') {
    const { status } = object
    for (const field of Object.keys(object)) delete object[field]
    Object.assign(object, structuredClone(live))
    if (status === undefined) delete object.status
    else object.status = status
    return
  }
  // What holds a namespace until it is empty is not for its users to change.
  if (type === namespaceType) object.spec = structuredClone(live.spec)
  if (type.hasStatus) {
    if (live.status === undefined) delete object.status
    else object.status = structuredClone(live.status)
  }
}

function desireChanged(type: ResourceType, live: ApiObject, object: ApiObject): boolean {
  const desire = ({ metadata: _metadata, status, ...rest }: ApiObject) => (type.hasStatus ? rest : { ...rest, status })
  return !deepEqual(desire(live), desire(object))
}
