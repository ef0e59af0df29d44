import type { Clock } from '../cluster/clock.ts'
import { mediaTypeOf, parseText, readObject, readText } from './http/body.ts'
import { representationOf } from './http/representation.ts'
import { respond } from './http/respond.ts'
import type { ResourceRoute } from './http/route.ts'
import { type ApiObject, asObject, isObject, type JsonObject } from './json.ts'
import { deleteObject, deleteOptions } from './lifecycle/deletion.ts'
import { jsonPatch } from './patch/json-patch.ts'
import { mergePatch } from './patch/merge-patch.ts'
import { strategicMerge } from './patch/strategic-merge.ts'
import { type PodLogHandler, podLogRequest } from './pod-log.ts'
import { listPage } from './read/list.ts'
import { eventPresenter, presentObject, presentPage } from './read/present.ts'
import { isWatch, readQuery } from './read/query.ts'
import { watchStream } from './read/watch.ts'
import { type ResourceType, viewOf } from './resource-type.ts'
import {
  badRequest,
  methodNotAllowed,
  notFound,
  pathNotFound,
  StatusError,
  unsupportedMediaType,
} from './status-error.ts'
import type { Store } from './store.ts'
import { type WriteOptions, writeOptions } from './write/options.ts'
import { scaleOf, withScale } from './write/scale.ts'
import { type Target, Writer } from './write/writer.ts'

export interface ResourceHandlerOptions {
  store: Store
  clock: Clock
  podLog: () => PodLogHandler | undefined
  /** Ends all watches. */
  stopped: AbortSignal
}

type Patch = (live: ApiObject) => unknown

/** Answers requests for objects. */
export class ResourceHandler {
  readonly #store: Store
  readonly #clock: Clock
  readonly #options: ResourceHandlerOptions
  readonly #writer: Writer

  constructor(options: ResourceHandlerOptions) {
    this.#store = options.store
    this.#clock = options.clock
    this.#options = options
    this.#writer = new Writer(options.store, options.clock)
  }

  async handle(request: Request, route: ResourceRoute, query: URLSearchParams): Promise<Response> {
    if (route.name === undefined) return this.#collection(request, route, query)
    const named = { ...route, name: route.name }
    switch (route.subresource) {
      case '':
        return this.#object(request, named, query)
      case 'status':
        if (!route.type.hasStatus || request.method === 'DELETE') throw pathNotFound()
        return this.#object(request, named, query)
      case 'scale':
        return this.#scale(request, named, query)
      case 'log':
        return this.#log(request, named, query)
      default:
        throw pathNotFound()
    }
  }

  #collection(request: Request, route: ResourceRoute, query: URLSearchParams): Promise<Response> | Response {
    switch (request.method) {
      case 'GET':
        return isWatch(query) ? this.#watch(request, route, query) : this.#list(request, route, query)
      case 'POST':
        return this.#create(request, route, query)
      case 'DELETE':
        return this.#deleteCollection(request, route, query)
      default:
        throw methodNotAllowed()
    }
  }

  #object(
    request: Request,
    route: ResourceRoute & { name: string },
    query: URLSearchParams,
  ): Promise<Response> | Response {
    switch (request.method) {
      case 'GET':
        if (isWatch(query)) return this.#watch(request, route, query)
        return respond(presentObject(route.type, this.#live(route), representationOf(request, query), this.#clock))
      case 'PUT':
        return this.#replace(request, route, query)
      case 'PATCH':
        return this.#patch(request, route, query)
      case 'DELETE':
        return this.#delete(request, route, query)
      default:
        throw methodNotAllowed()
    }
  }

  #live({ type, namespace, name }: ResourceRoute & { name: string }): ApiObject {
    const live = this.#store.get(type.storage, namespace, name)
    if (!live) throw notFound(type, name)
    return live
  }

  #list(request: Request, { type, namespace }: ResourceRoute, query: URLSearchParams): Response {
    const page = listPage(this.#store, type, readQuery(query, type, namespace))
    return respond(presentPage(type, page, representationOf(request, query), this.#clock))
  }

  #watch(request: Request, { type, namespace, name }: ResourceRoute, query: URLSearchParams): Response {
    const body = watchStream({
      store: this.#store,
      type,
      query: readQuery(query, type, namespace, name),
      clock: this.#clock,
      present: eventPresenter(type, representationOf(request, query), this.#clock),
      signal: AbortSignal.any([request.signal, this.#options.stopped]),
    })
    return new Response(body, {
      headers: { 'content-type': 'application/json;stream=watch', 'cache-control': 'no-cache, private' },
    })
  }

  async #create(request: Request, { type, namespace }: ResourceRoute, query: URLSearchParams): Promise<Response> {
    if (type.namespaced && namespace === undefined) throw methodNotAllowed()
    const options = writeOptions(request, query)
    const body = await readObject(request)
    const object = this.#writer.create(type, namespace, body, options)
    return this.#written(request, query, type, object, options, 201)
  }

  async #replace(request: Request, route: ResourceRoute & { name: string }, query: URLSearchParams): Promise<Response> {
    const options = writeOptions(request, query)
    const body = await readObject(request)
    const object = this.#writer.replace(targetOf(route), body, options)
    return this.#written(request, query, route.type, object, options, 200)
  }

  async #patch(request: Request, route: ResourceRoute & { name: string }, query: URLSearchParams): Promise<Response> {
    const options = writeOptions(request, query)
    const mediaType = mediaTypeOf(request)
    const body = parseText(await readText(request), mediaType)
    if (mediaType === 'application/apply-patch+yaml') {
      requireFieldManager(query)
      if (!isObject(body)) throw badRequest('an applied configuration is an object')
      const { object, created } = this.#writer.apply(targetOf(route), body, options)
      return this.#written(request, query, route.type, object, options, created ? 201 : 200)
    }
    if (query.has('force'))
      throw badRequest(
        'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
      )
    const object = this.#writer.patch(targetOf(route), patchOf(route.type, mediaType, body), options)
    return this.#written(request, query, route.type, object, options, 200)
  }

  async #delete(request: Request, route: ResourceRoute & { name: string }, query: URLSearchParams): Promise<Response> {
    const { type } = route
    const options = deleteOptions(await optionalObject(request), query)
    const live = this.#live(route)
    const { object, gone } = deleteObject(this.#store, this.#clock, type, live, options)
    await this.#store.synced()
    if (!gone || type.kind === 'Pod')
      return respond(presentObject(type, object, representationOf(request, query), this.#clock))
    const { name, uid } = object.metadata
    const details = { name, ...(type.group !== '' && { group: type.group }), kind: type.plural, uid }
    return respond({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details })
  }

  async #deleteCollection(
    request: Request,
    { type, namespace }: ResourceRoute,
    query: URLSearchParams,
  ): Promise<Response> {
    if (type.namespaced && namespace === undefined) throw methodNotAllowed()
    const options = deleteOptions(await optionalObject(request), query)
    const page = listPage(this.#store, type, readQuery(query, type, namespace))
    for (const object of page.items) deleteObject(this.#store, this.#clock, type, object, options)
    await this.#store.synced()
    return respond(presentPage(type, page, representationOf(request, query), this.#clock))
  }

  async #scale(request: Request, route: ResourceRoute & { name: string }, query: URLSearchParams): Promise<Response> {
    const { type } = route
    const paths = type.scale
    if (!paths) throw pathNotFound()
    if (request.method === 'GET') return respond(scaleOf(viewOf(type, this.#live(route)), paths))
    const options = writeOptions(request, query)
    const change = await this.#scaleChange(request)
    const patched: Patch = (live) => withScale(type, live, paths, change(scaleOf(live, paths)))
    const object = this.#writer.patch({ ...targetOf(route), subresource: '' }, patched, options)
    await this.#store.synced()
    return respond(scaleOf(object, paths), { warnings: options.warnings })
  }

  async #scaleChange(request: Request): Promise<(scale: ApiObject) => JsonObject> {
    if (request.method === 'PUT') {
      const body = await readObject(request)
      return () => body
    }
    if (request.method !== 'PATCH') throw methodNotAllowed()
    const mediaType = mediaTypeOf(request)
    const body = parseText(await readText(request), mediaType)
    if (mediaType === 'application/json-patch+json') return (scale) => asObject(jsonPatch(scale, body))
    if (mediaType.startsWith('application/merge-patch') || mediaType.startsWith('application/strategic-merge-patch')) {
      return (scale) => asObject(mergePatch(scale, body))
    }
    throw unsupportedMediaType(`/scale takes merge and JSON patches, not ${mediaType}`)
  }

  async #log(request: Request, route: ResourceRoute & { name: string }, query: URLSearchParams): Promise<Response> {
    if (route.type.kind !== 'Pod' || !route.type.builtin || request.method !== 'GET') throw pathNotFound()
    const { namespace = '', name, uid = '' } = this.#live(route).metadata
    const handler = this.#options.podLog()
    if (!handler)
      throw new StatusError(503, 'ServiceUnavailable', 'no node is here to read the log of a Pod: start one')
    return handler(podLogRequest({ namespace, name, uid }, query, request.signal))
  }

  async #written(
    request: Request,
    query: URLSearchParams,
    type: ResourceType,
    object: ApiObject,
    options: WriteOptions,
    code: number,
  ): Promise<Response> {
    await this.#store.synced()
    const body = presentObject(type, object, representationOf(request, query), this.#clock)
    return respond(body, { code, warnings: options.warnings })
  }
}

function targetOf({ type, namespace, name, subresource }: ResourceRoute & { name: string }): Target {
  return {
    type,
    name,
    ...(namespace !== undefined && { namespace }),
    subresource: subresource === 'status' ? 'status' : '',
  }
}

function requireFieldManager(query: URLSearchParams): void {
  if (query.get('fieldManager')) return
  const message = 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'
  const causes = [
    { reason: 'FieldValueRequired', message: 'Required value: is required for apply patch', field: 'fieldManager' },
  ]
  throw new StatusError(422, 'Invalid', message, { group: 'meta.k8s.io', kind: 'PatchOptions', causes })
}

function patchOf(type: ResourceType, mediaType: string, body: unknown): Patch {
  switch (mediaType) {
    case 'application/merge-patch+json':
      if (!isObject(body)) throw badRequest('a merge patch is an object')
      return (live) => mergePatch(live, body)
    case 'application/json-patch+json':
      return (live) => jsonPatch(live, body)
    case 'application/strategic-merge-patch+json':
      if (!type.builtin) break
      if (!isObject(body)) throw badRequest('a strategic merge patch is an object')
      return (live) => strategicMerge(live, body, type.schema)
  }
  const builtin = type.builtin ? ', application/strategic-merge-patch+json' : ''
  throw unsupportedMediaType(
    'the body of the request was in an unknown format - accepted media types include: ' +
      `application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml${builtin}`,
  )
}

async function optionalObject(request: Request): Promise<JsonObject> {
  const text = await readText(request)
  return text === '' ? {} : asObject(parseText(text, mediaTypeOf(request)))
}
