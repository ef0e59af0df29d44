import { randomBytes, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Transport } from '../cluster/client.ts'
import { respondError } from './http/respond.ts'
import { kubeconfig, writePrivateFile } from './kubeconfig.ts'
import { StatusError } from './status-error.ts'

export interface ServeOptions {
  handle: Transport
  /** 0 or absent: a free one. */
  port?: number
  /** Absent: a random one. */
  token?: string
  /** Where to write a kubeconfig (mode 0600). */
  kubeconfigPath?: string
}

export interface Served {
  /** `http://127.0.0.1:PORT` */
  url: string
  token: string
  kubeconfig: string
  /** Closes all connections; the handler itself goes on. */
  stop(): Promise<void>
}

/** Serves the API on loopback, to those who have the token. */
export async function serve(options: ServeOptions): Promise<Served> {
  const token = options.token ?? randomBytes(32).toString('base64url')
  const server = createServer((incoming, outgoing) => {
    answer(options.handle, token, incoming, outgoing).catch(() => outgoing.destroy())
  })
  // A watch lasts as long as its client wants it to.
  server.requestTimeout = 0
  await listen(server, options.port ?? 0)
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  const text = kubeconfig({ url: `${url}/${token}`, token })
  if (options.kubeconfigPath !== undefined) writePrivateFile(options.kubeconfigPath, text)
  return {
    url,
    token,
    kubeconfig: text,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve()
    })
  })
}

async function answer(
  handle: Transport,
  token: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const gone = new AbortController()
  outgoing.once('close', () => gone.abort())
  const url = authorizedUrl(incoming, token)
  const response =
    url === undefined
      ? respondError(new StatusError(401, 'Unauthorized', 'Unauthorized'))
      : await handle(requestOf(incoming, url, gone.signal))
  outgoing.writeHead(response.status, Object.fromEntries(headerEntries(response.headers)))
  if (!response.body) {
    outgoing.end()
    return
  }
  // A watch that has nothing to say yet must still be seen to have begun.
  outgoing.flushHeaders()
  await pipeline(Readable.fromWeb(response.body), outgoing)
}

/** Several Warning headers must stay several. */
function headerEntries(headers: Headers): Map<string, string | string[]> {
  const entries = new Map<string, string | string[]>()
  headers.forEach((value, name) => {
    entries.set(name, name === 'warning' ? value.split(/, (?=299 )/) : value)
  })
  return entries
}

/**
 * The path and query asked for; undefined without the token. It is taken from the Authorization header or from the
 * first part of the path: client-go, and so kubectl, sends no credentials of a kubeconfig over plain HTTP.
 */
function authorizedUrl({ url = '/', headers }: IncomingMessage, token: string): string | undefined {
  // Some clients send both, so the path is looked at first.
  const prefix = url.slice(0, token.length + 1)
  const rest = url.slice(prefix.length)
  if (isSame(prefix, `/${token}`) && (rest === '' || rest.startsWith('/'))) return rest || '/'
  return isSame(headers.authorization ?? '', `Bearer ${token}`) ? url : undefined
}

function isSame(given: string, secret: string): boolean {
  const left = Buffer.from(given)
  const right = Buffer.from(secret)
  return left.length === right.length && timingSafeEqual(left, right)
}

function requestOf(incoming: IncomingMessage, url: string, signal: AbortSignal): Request {
  const { method = 'GET', headers } = incoming
  const entries = Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)])
  const hasBody = method !== 'GET' && method !== 'HEAD'
  return new Request(new URL(url, 'http://127.0.0.1'), {
    method,
    headers: entries,
    signal,
    ...(hasBody && { body: Readable.toWeb(incoming), duplex: 'half' }),
  })
}
