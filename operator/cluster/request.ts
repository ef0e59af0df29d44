import { errorOfResponse, type FailedRequest, NetworkError } from './errors.ts'
import type { ObjectKey, Resource } from './objects.ts'

export type Query = Record<string, string | number | boolean | undefined>

export interface ApiRequest {
  verb: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  path: string
  query?: Query
  body?: unknown
  contentType?: string
  signal?: AbortSignal | undefined
}

/** Path of the collection of a resource; without a namespace, over all of them. */
export function collectionPath(resource: Resource, namespace?: string): string {
  const root = resource.group
    ? `/apis/${segment(resource.group)}/${segment(resource.version)}`
    : `/api/${segment(resource.version)}`
  const scope = resource.namespaced && namespace ? `/namespaces/${segment(namespace)}` : ''
  return `${root}${scope}/${segment(resource.plural)}`
}

export function objectPath(resource: Resource, key: ObjectKey, subresource?: string): string {
  const collection = collectionPath(resource, requireNamespace(resource, key.namespace))
  return `${collection}/${segment(key.name)}${subresource ? `/${segment(subresource)}` : ''}`
}

export function requireNamespace(resource: Resource, namespace: string | undefined): string | undefined {
  if (resource.namespaced && !namespace) {
    throw new TypeError(`${resource.kind} lives in a namespace, and none was given: set metadata.namespace`)
  }
  return namespace
}

// Names come from objects that users write: one that climbs out of its path would reach another object.
function segment(text: string): string {
  if (text === '' || text === '.' || text === '..' || /[/%?#]/.test(text)) {
    throw new TypeError(`"${text}" cannot be part of an API path`)
  }
  return encodeURIComponent(text)
}

export function queryString(query: Query = {}): string {
  const given = Object.entries(query).filter((entry) => entry[1] !== undefined)
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()
  return text && `?${text}`
}

export type Send = (request: ApiRequest) => Promise<Response>

export interface SendOptions {
  transport: (request: Request) => Promise<Response>
  server: string
  userAgent: string
}

/** Sends one request; whatever is not a 2xx answer is thrown, typed. An abort by the caller's signal is thrown as it is. */
export function createSend({ transport, server, userAgent }: SendOptions): Send {
  const base = server.replace(/\/+$/, '')
  return async (request) => {
    const headers = new Headers({ accept: 'application/json', 'user-agent': userAgent })
    const init: RequestInit = { method: request.verb, headers }
    if (request.signal) init.signal = request.signal
    if (request.body !== undefined) {
      headers.set('content-type', request.contentType ?? 'application/json')
      init.body = JSON.stringify(request.body)
    }
    const url = `${base}${request.path}${queryString(request.query)}`
    const response = await guard(request, () => unlessAborted(transport(new Request(url, init)), request.signal))
    if (!response.ok) throw await errorOfResponse(request, response)
    return response
  }
}

/** Reads the whole body as JSON. */
export async function readJson<T>(request: ApiRequest, response: Response): Promise<T> {
  const text = await guard(request, () => unlessAborted(response.text(), request.signal))
  try {
    return JSON.parse(text) as T
  } catch (error) {
    throw new NetworkError(request, `the answer is not JSON: ${text.slice(0, 200)}`, error)
  }
}

export async function readText(request: ApiRequest, response: Response): Promise<string> {
  return guard(request, () => unlessAborted(response.text(), request.signal))
}

async function guard<T>(request: ApiRequest, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (request.signal?.aborted) throw request.signal.reason
    throw networkError(request, error)
  }
}

/** fetch hides what happened ("fetch failed") in a chain of causes; the last one has the words and the code. */
export function networkError(request: FailedRequest, error: unknown): NetworkError {
  let root = error
  while (root instanceof Error && root.cause !== undefined) root = root.cause
  const code = root instanceof Error && 'code' in root ? String(root.code) : ''
  const text = root instanceof Error ? root.message || root.name : String(root)
  return new NetworkError(request, code && !text.includes(code) ? `${text} (${code})` : text, error)
}

/** Lets a caller go on although the transport does not heed its signal. */
export async function unlessAborted<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return promise
  signal.throwIfAborted()
  let onAbort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
