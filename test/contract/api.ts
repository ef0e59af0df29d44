import type { Transport } from '../../operator/cluster/client.ts'
import type { JsonObject } from '../../operator/embedded/json.ts'

/** An answer, whatever its code. */
export interface Answer {
  code: number
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
  body: any
  headers: Headers
}

export interface WatchLine {
  type: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into objects of every shape.
  object: any
}

export interface Api {
  request(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  get(path: string, accept?: string): Promise<Answer>
  post(path: string, body: unknown): Promise<Answer>
  put(path: string, body: unknown): Promise<Answer>
  delete(path: string, options?: JsonObject): Promise<Answer>
  mergePatch(path: string, patch: unknown): Promise<Answer>
  jsonPatch(path: string, patch: unknown): Promise<Answer>
  apply(path: string, manager: string, body: unknown, options?: { force?: boolean; query?: string }): Promise<Answer>
  /** Opens a watch; `stop` ends it. */
  watch(path: string, accept?: string): Promise<{ code: number; events: AsyncGenerator<WatchLine>; stop(): void }>
}

/** What the tests of one part get. */
export interface Contract {
  readonly api: Api
  /** One of this suite's own. */
  readonly namespace: string
  /** `/apis/test.adloom.dev/v1/namespaces/NS/widgets`, with the name and more behind it. */
  widgets(...rest: string[]): string
  /** A name that no other test has. */
  name(): string
}

/** The API in its bare words: paths in, codes and bodies out. */
export function apiOf(transport: Transport, baseUrl: string): Api {
  const send = (
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
    signal?: AbortSignal,
  ) =>
    transport(
      new Request(`${baseUrl}${path}`, {
        method,
        headers: {
          accept: 'application/json',
          'user-agent': 'contract/1',
          'content-type': 'application/json',
          ...headers,
        },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
        ...(signal && { signal }),
      }),
    )
  const request: Api['request'] = async (method, path, body, headers) => {
    const response = await send(method, path, body, headers)
    const text = await response.text()
    const json = (response.headers.get('content-type') ?? '').includes('json')
    return { code: response.status, body: json ? JSON.parse(text) : text, headers: response.headers }
  }
  const patch = (type: string) => (path: string, body: unknown) =>
    request('PATCH', path, body, { 'content-type': type })
  return {
    request,
    get: (path, accept) => request('GET', path, undefined, accept === undefined ? {} : { accept }),
    post: (path, body) => request('POST', path, body),
    put: (path, body) => request('PUT', path, body),
    delete: (path, options) => request('DELETE', path, options),
    mergePatch: patch('application/merge-patch+json'),
    jsonPatch: patch('application/json-patch+json'),
    apply: (path, manager, body, { force = false, query = '' } = {}) =>
      request('PATCH', `${path}?fieldManager=${manager}&force=${force}${query}`, body, {
        'content-type': 'application/apply-patch+yaml',
      }),
    async watch(path, accept) {
      const stopping = new AbortController()
      const headers = accept === undefined ? {} : { accept }
      const response = await send('GET', path, undefined, headers, stopping.signal)
      return { code: response.status, events: linesOf(response, stopping), stop: () => stopping.abort() }
    },
  }
}

async function* linesOf(response: Response, stopping: AbortController): AsyncGenerator<WatchLine> {
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for await (const chunk of response.body ?? []) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) if (line !== '') yield JSON.parse(line)
    }
  } catch (error) {
    if (!stopping.signal.aborted) throw error
  }
}

/** The next so many events of a watch. */
export async function take(events: AsyncGenerator<WatchLine>, count: number): Promise<WatchLine[]> {
  const taken: WatchLine[] = []
  while (taken.length < count) {
    const { value, done } = await events.next()
    if (done) throw new Error(`the watch ended after ${taken.length} of ${count} events: ${JSON.stringify(taken)}`)
    taken.push(value)
  }
  return taken
}

/** Asks again until the answer is there: what controllers do takes its time on a real server. */
export async function eventually<T>(what: string, attempt: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < 600; tries++) {
    const result = await attempt()
    if (result !== undefined) return result
    await new Promise((resolve) => setTimeout(resolve, tries < 20 ? 5 : 50))
  }
  throw new Error(`never came about: ${what}`)
}
