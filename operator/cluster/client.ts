import { GoneError } from './errors.ts'
import type { KubernetesObject, ObjectKey, Resource, WatchEvent } from './objects.ts'
import {
  type ApiRequest,
  collectionPath,
  createSend,
  objectPath,
  type Query,
  readJson,
  readText,
  requireNamespace,
} from './request.ts'
import { apiVersionOf } from './resources.ts'
import { watchEvents } from './watch-stream.ts'

export type { WatchEvent } from './objects.ts'

/** Carries one request to an API server. Tests put faults here; `embedded/` is one by itself. */
export type Transport = (request: Request) => Promise<Response>

export interface ListOptions {
  namespace?: string
  labelSelector?: string
  fieldSelector?: string
}

export interface ListResult<T> {
  items: T[]
  resourceVersion: string
}

export interface WriteOptions {
  /** Writes `/status` or `/scale` instead of the object itself. */
  subresource?: 'status' | 'scale'
  /** Given by the client as a default; see createClient. */
  fieldManager?: string
  /** An aborted write may have been carried out all the same. */
  signal?: AbortSignal
}

export interface DeleteOptions {
  uid?: string
  resourceVersion?: string
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan'
  gracePeriodSeconds?: number
}

/**
 * The Kubernetes API as Adloom uses it. Every refusal is thrown as a typed error of errors.ts; nothing retries here.
 * `T` is the caller's word for the shape of the kind: the server's schema is what holds it true.
 */
export interface Client {
  get<T extends KubernetesObject>(resource: Resource, key: ObjectKey, signal?: AbortSignal): Promise<T>
  /** Reads all pages. */
  list<T extends KubernetesObject>(
    resource: Resource,
    options?: ListOptions,
    signal?: AbortSignal,
  ): Promise<ListResult<T>>
  create<T extends KubernetesObject>(resource: Resource, object: T, options?: WriteOptions): Promise<T>
  /** PUT: conflicts (409) unless metadata.resourceVersion is the stored one. */
  replace<T extends KubernetesObject>(resource: Resource, object: T, options?: WriteOptions): Promise<T>
  /** Server-side apply. `force` is for our own children only. */
  apply<T extends KubernetesObject>(
    resource: Resource,
    object: T,
    options?: WriteOptions & { force?: boolean },
  ): Promise<T>
  /** RFC 7386 merge patch; put metadata.resourceVersion or uid in it for an optimistic lock. */
  mergePatch<T extends KubernetesObject>(
    resource: Resource,
    key: ObjectKey,
    patch: unknown,
    options?: WriteOptions,
  ): Promise<T>
  delete(resource: Resource, key: ObjectKey, options?: DeleteOptions): Promise<void>
  /** One watch connection, from `resourceVersion`; ends when the server ends it. Lines that do not parse are thrown. */
  watch<T extends KubernetesObject>(
    resource: Resource,
    options: ListOptions & { resourceVersion: string; timeoutSeconds: number },
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<T>>
  /** Any other GET (logs, /version, /apis), as text. */
  read(path: string, signal?: AbortSignal): Promise<string>
}

export interface ClientOptions {
  transport: Transport
  /** Who owns what this client writes: at most 128 printable characters. */
  fieldManager: string
  userAgent: string
  /** Base URL; matters only to a transport that leaves the process. */
  server?: string
  /** Objects a page of a list. client-go's default. */
  pageSize?: number
}

const PAGE_SIZE = 500
// A list whose snapshot keeps expiring while it is read needs bigger pages, not more tries.
const LIST_TRIES = 3

interface ListBody<T> {
  metadata: { resourceVersion: string; continue?: string }
  items: T[] | null
}

export function createClient(options: ClientOptions): Client {
  const { transport, userAgent, server = 'http://127.0.0.1', pageSize = PAGE_SIZE } = options
  const send = createSend({ transport, server, userAgent })

  const call = async <T>(request: ApiRequest): Promise<T> => readJson<T>(request, await send(request))
  const manager = (write: WriteOptions | undefined) => ({ fieldManager: write?.fieldManager ?? options.fieldManager })

  async function readPages<T extends KubernetesObject>(
    resource: Resource,
    selection: ListOptions,
    signal: AbortSignal | undefined,
  ): Promise<ListResult<T>> {
    const items: T[] = []
    let token: string | undefined
    for (;;) {
      const page: ListBody<T> = await call({
        verb: 'GET',
        path: collectionPath(resource, selection.namespace),
        query: { ...selectors(selection), limit: pageSize, continue: token },
        signal,
      })
      // Items of a list carry neither apiVersion nor kind where the server stores built-in kinds.
      for (const item of page.items ?? []) {
        items.push({ ...item, apiVersion: apiVersionOf(resource), kind: resource.kind })
      }
      token = page.metadata.continue
      if (!token) return { items, resourceVersion: page.metadata.resourceVersion }
    }
  }

  return {
    get: (resource, key, signal) => call({ verb: 'GET', path: objectPath(resource, key), signal }),

    async list<T extends KubernetesObject>(resource: Resource, selection: ListOptions = {}, signal?: AbortSignal) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await readPages<T>(resource, selection, signal)
        } catch (error) {
          if (!(error instanceof GoneError) || attempt === LIST_TRIES) throw error
        }
      }
    },

    create(resource, object, write) {
      const path = collectionPath(resource, requireNamespace(resource, object.metadata.namespace))
      return call({ verb: 'POST', path, query: manager(write), body: object, signal: write?.signal })
    },

    replace(resource, object, write) {
      const path = objectPath(resource, object.metadata, write?.subresource)
      return call({ verb: 'PUT', path, query: manager(write), body: object, signal: write?.signal })
    },

    apply(resource, object, write) {
      return call({
        verb: 'PATCH',
        path: objectPath(resource, object.metadata, write?.subresource),
        query: { ...manager(write), force: write?.force ?? false },
        body: object,
        contentType: 'application/apply-patch+yaml',
        signal: write?.signal,
      })
    },

    mergePatch(resource, key, patch, write) {
      return call({
        verb: 'PATCH',
        path: objectPath(resource, key, write?.subresource),
        query: manager(write),
        body: patch,
        contentType: 'application/merge-patch+json',
        signal: write?.signal,
      })
    },

    async delete(resource, key, given = {}) {
      const { uid, resourceVersion, propagationPolicy = 'Background', gracePeriodSeconds } = given
      const preconditions = { ...(uid && { uid }), ...(resourceVersion && { resourceVersion }) }
      await call({
        verb: 'DELETE',
        path: objectPath(resource, key),
        body: {
          apiVersion: 'v1',
          kind: 'DeleteOptions',
          propagationPolicy,
          preconditions,
          ...(gracePeriodSeconds !== undefined && { gracePeriodSeconds }),
        },
      })
    },

    async *watch<T extends KubernetesObject>(
      resource: Resource,
      from: ListOptions & { resourceVersion: string; timeoutSeconds: number },
      signal: AbortSignal,
    ) {
      const request: ApiRequest = {
        verb: 'GET',
        path: collectionPath(resource, from.namespace),
        query: {
          ...selectors(from),
          watch: true,
          allowWatchBookmarks: true,
          resourceVersion: from.resourceVersion,
          timeoutSeconds: from.timeoutSeconds,
        },
        signal,
      }
      const response = await send(request)
      if (response.body) yield* watchEvents<T>(request, response.body, signal)
    },

    async read(path, signal) {
      const request: ApiRequest = { verb: 'GET', path, signal }
      return readText(request, await send(request))
    },
  }
}

function selectors({ labelSelector, fieldSelector }: ListOptions): Query {
  return { labelSelector, fieldSelector }
}
