import type { Transport } from '../../operator/cluster/client.ts'
import type { KubernetesObject } from '../../operator/cluster/objects.ts'

/** An answer to one request: a body and status, or an error as the network gives it. */
export type Answer = { status?: number; body?: unknown; headers?: Record<string, string> } | Error | 'hang'

/** One watch that a test holds in its hand. */
export interface OpenWatch {
  url: URL
  event(type: string, object: unknown): void
  line(text: string): void
  /** The server ends it without a word. */
  end(): void
  /** The connection breaks. */
  break(code?: string): void
  /** Whether the client has let go of it. */
  closed: boolean
}

/**
 * An API server that does what the test says: lists are answered from `lists` in order (the last one again and again),
 * watches are held open in `watches`, other requests go to `other`.
 */
export class ScriptedServer {
  readonly requests: { method: string; url: URL; body: unknown; contentType: string | null }[] = []
  readonly watches: OpenWatch[] = []
  lists: Answer[] = []
  /** Answers of the next watches instead of a stream. */
  watchAnswers: Answer[] = []
  other: (request: { method: string; url: URL; body: unknown }) => Answer = () => ({ status: 404 })

  readonly transport: Transport = async (request) => {
    const url = new URL(request.url)
    const text = await request.text()
    const body: unknown = text === '' ? undefined : JSON.parse(text)
    this.requests.push({ method: request.method, url, body, contentType: request.headers.get('content-type') })
    if (url.searchParams.get('watch') === 'true') {
      const answer = this.watchAnswers.shift()
      return answer ? respond(answer) : this.#openWatch(url)
    }
    const next = this.lists.length > 1 ? this.lists.shift() : this.lists[0]
    if (request.method === 'GET' && next && url.searchParams.has('limit')) return respond(next)
    return respond(this.other({ method: request.method, url, body }))
  }

  get listCount(): number {
    return this.requests.filter(({ url }) => url.searchParams.has('limit')).length
  }

  get openWatches(): OpenWatch[] {
    return this.watches.filter((watch) => !watch.closed)
  }

  /** The watch opened last. */
  watch(): OpenWatch {
    const watch = this.watches.at(-1)
    if (!watch) throw new Error('no watch was opened')
    return watch
  }

  #openWatch(url: URL): Response {
    let stream: ReadableStreamDefaultController<Uint8Array> | undefined
    const encoder = new TextEncoder()
    const watch: OpenWatch = {
      url,
      closed: false,
      event: (type, object) => watch.line(JSON.stringify({ type, object })),
      line: (text) => stream?.enqueue(encoder.encode(`${text}\n`)),
      end() {
        watch.closed = true
        stream?.close()
      },
      break(code = 'ECONNRESET') {
        watch.closed = true
        stream?.error(Object.assign(new Error('read'), { code }))
      },
    }
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        stream = controller
      },
      cancel: () => {
        watch.closed = true
      },
    })
    this.watches.push(watch)
    return new Response(body)
  }
}

/** A page of a list. */
export function listOf(resourceVersion: string, items: KubernetesObject[], token = ''): Answer {
  return { body: { kind: 'List', metadata: { resourceVersion, continue: token }, items } }
}

/** What a server says when it refuses. */
export function refusal(code: number, reason: string, message = reason, details?: object): Answer {
  return { status: code, body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message, details } }
}

function respond(answer: Answer): Promise<Response> {
  if (answer === 'hang') return new Promise(() => {})
  if (answer instanceof Error) return Promise.reject(answer)
  const { status = 200, body = {}, headers = {} } = answer
  return Promise.resolve(new Response(typeof body === 'string' ? body : JSON.stringify(body), { status, headers }))
}
