import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import { KubeConfig } from '@kubernetes/client-node'
import { Agent, type Dispatcher, fetch, ProxyAgent } from 'undici'
import type { Transport } from './client.ts'

/** Where the API server is and who we are to it: a path, else KUBECONFIG, else ~/.kube/config, else the Pod's own account. */
export function loadKubeConfig(path?: string): KubeConfig {
  const config = new KubeConfig()
  if (path) config.loadFromFile(path)
  else config.loadFromDefault()
  return config
}

export interface HttpTransportOptions {
  /** For a whole answer, or for the head of a watch or log stream. */
  requestTimeoutMs?: number
}

export interface HttpTransport {
  transport: Transport
  /** Base URL for createClient. */
  server: string
  /** Namespace of the current context. */
  namespace: string | undefined
  close(): Promise<void>
}

// Load balancers in front of an API server drop what is silent for a minute.
const TCP_KEEP_ALIVE_MS = 30_000

/**
 * Requests over HTTP(S) to the current cluster of a KubeConfig. Every transport has connections of its own, so a lease
 * renewed over a second one is not held up by the first. Credentials are read again for each request: tokens and client
 * certificates rotate on disk.
 */
export function createHttpTransport(given: KubeConfig, options: HttpTransportOptions = {}): HttpTransport {
  const { requestTimeoutMs = 30_000 } = options
  const config = withPlainLoopback(given)
  const cluster = config.getCurrentCluster()
  if (!cluster) throw new Error('the kubeconfig has no current cluster: set current-context')
  const dispatchers = createDispatchers(cluster.proxyUrl)

  const transport: Transport = async (request) => {
    const { headers, tls } = await credentials(config)
    const timeout = new AbortController()
    const timer = setTimeout(
      () => timeout.abort(new Error(`no answer within ${requestTimeoutMs} ms`)),
      requestTimeoutMs,
    )
    try {
      const body = request.body ? await request.text() : null
      const sent = { ...Object.fromEntries(request.headers), ...headers }
      const signal = AbortSignal.any([request.signal, timeout.signal])
      const dispatcher = dispatchers.for(tls)
      const url = new URL(request.url)
      // A stream lives as long as it likes; anything else is read here, so that the timeout covers it.
      if (isStream(url)) {
        const init = { method: request.method, headers: sent, body, signal, dispatcher, redirect: 'error' } as const
        return (await fetch(url, init)) as unknown as Response
      }
      // Without the streams of fetch: half of what a small request costs this process.
      return await whole(dispatcher, {
        url,
        method: request.method as Dispatcher.HttpMethod,
        headers: sent,
        body,
        signal,
      })
    } catch (error) {
      throw timeout.signal.aborted ? timeout.signal.reason : error
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    transport,
    server: cluster.server,
    namespace: config.getContextObject(config.getCurrentContext())?.namespace,
    close: () => dispatchers.close(),
  }
}

const isStream = ({ searchParams }: URL): boolean =>
  searchParams.get('watch') === 'true' || searchParams.get('follow') === 'true'

interface WholeRequest extends Pick<Dispatcher.RequestOptions, 'method' | 'headers' | 'body' | 'signal'> {
  url: URL
}

async function whole(dispatcher: Dispatcher, { url, ...request }: WholeRequest): Promise<Response> {
  const answer = await dispatcher.request({ ...request, origin: url.origin, path: url.pathname + url.search })
  const text = await answer.body.text()
  const headers = new Headers()
  for (const [name, value] of Object.entries(answer.headers))
    for (const one of [value ?? []].flat()) headers.append(name, one)
  return new Response(emptyBody(answer.statusCode) ? null : text, { status: answer.statusCode, headers })
}

function emptyBody(status: number): boolean {
  return status === 204 || status === 304
}

interface Tls {
  ca?: string | Buffer
  cert?: string | Buffer
  key?: string | Buffer
  servername?: string
  rejectUnauthorized?: boolean
}

async function credentials(config: KubeConfig): Promise<{ headers: Record<string, string>; tls: Tls }> {
  const found: Tls & { headers?: Record<string, string>; auth?: string } = {}
  await config.applyToHTTPSOptions(found)
  const headers = { ...found.headers }
  if (found.auth) headers.Authorization = `Basic ${Buffer.from(found.auth).toString('base64')}`
  // client-node keeps a token file's content for a minute; a rotated token should count from the next request on.
  const tokenFile = config.getCurrentUser()?.authProvider?.config?.tokenFile
  if (tokenFile) headers.Authorization = `Bearer ${readFileSync(tokenFile, 'utf8').trim()}`
  const { ca, cert, key, servername, rejectUnauthorized } = found
  return { headers, tls: defined({ ca, cert, key, servername, rejectUnauthorized }) }
}

function defined<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter((entry) => entry[1] !== undefined)) as never
}

/** One pool of connections for one set of TLS credentials; rotated ones get a new pool and the old one drains. */
function createDispatchers(proxyUrl: string | undefined) {
  let current: { tls: Tls; dispatcher: Dispatcher } | undefined
  return {
    for(tls: Tls): Dispatcher {
      if (current && isDeepStrictEqual(current.tls, tls)) return current.dispatcher
      void current?.dispatcher.close()
      // Streams may be silent for as long as the server likes: the informer watches over them.
      const timeouts = { headersTimeout: 0, bodyTimeout: 0 }
      const connect = { ...tls, keepAlive: true, keepAliveInitialDelay: TCP_KEEP_ALIVE_MS }
      const dispatcher = proxyUrl
        ? new ProxyAgent({ uri: proxyUrl, requestTls: connect, ...timeouts })
        : new Agent({ connect, ...timeouts })
      current = { tls, dispatcher }
      return dispatcher
    },
    close: async () => current?.dispatcher.destroy(),
  }
}

/** client-node refuses http:// unless TLS checks are off; that is right everywhere but on loopback. */
function withPlainLoopback(given: KubeConfig): KubeConfig {
  const cluster = given.getCurrentCluster()
  if (!cluster?.server.startsWith('http:')) return given
  if (!isLoopback(new URL(cluster.server).hostname)) {
    throw new Error(`${cluster.server}: credentials are sent in clear text only to loopback; use https`)
  }
  const config = new KubeConfig()
  config.loadFromOptions({
    clusters: given.getClusters().map((one) => (one.name === cluster.name ? { ...one, skipTLSVerify: true } : one)),
    users: given.getUsers(),
    contexts: given.getContexts(),
    currentContext: given.getCurrentContext(),
  })
  return config
}

export function isLoopback(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, '')
  return bare === 'localhost' || bare === '::1' || (isIP(bare) === 4 && bare.startsWith('127.'))
}
