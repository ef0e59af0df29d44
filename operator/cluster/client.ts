import type { KubernetesObject, ObjectKey, Resource } from './objects.ts'

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
}

export interface DeleteOptions {
  uid?: string
  resourceVersion?: string
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan'
  gracePeriodSeconds?: number
}

export interface WatchEvent<T> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  object: T
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
