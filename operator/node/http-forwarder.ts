import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Random } from '../cluster/clock.ts'
import type { Log } from '../cluster/log.ts'
import { listenOrTakeAnother } from './listen.ts'
import type { Backend } from './service-backends.ts'
import { type TrafficSplit, WeightedBalancer } from './traffic-split.ts'

/** Where requests may go now. */
export interface Destinations {
  backends: readonly Backend[]
  split?: TrafficSplit
  /** Group of a backend, by uid. */
  groups: ReadonlyMap<string, string>
}

export interface HttpForwarderOptions {
  host: string
  /** Asked for first; another is taken where it cannot be had. */
  port: number
  /** Read for each try of each request. */
  destinations: () => Destinations
  random: Random
  log: Log
}

const CONNECT_TIMEOUT_MILLISECONDS = 2000
/** A process that is killed takes connections for a moment more, and drops them. */
const SUSPECT_MILLISECONDS = 1000
/** A copy of a longer request is not sent: it would have to be kept. */
const MAX_SHADOW_BYTES = 1 << 20
/** Copies under way; more are left out rather than let a slow shadow eat the memory. */
const MAX_SHADOWS = 64
const SHADOW_TIMEOUT_MILLISECONDS = 30_000
/** Longer than clients keep idle connections, so that it is they who close them: none is closed under a request. */
const KEEP_ALIVE_MILLISECONDS = 120_000
/** Belong to one connection (RFC 9110, section 7.6.1). */
const hopByHop = ['connection', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade']

/**
 * An HTTP port whose requests, each by itself, go to backends. Each goes on a connection of its own: when a backend does not
 * take the connection nothing was sent yet, and the next one is tried. Once a backend has the request its answer is what the
 * client gets; a backend that breaks off before any of it gives 502, and is asked last for a second, so that who tries again
 * meets another one. The weights of a split hold all the same.
 */
export class HttpForwarder {
  readonly #options: HttpForwarderOptions
  readonly #balancer: WeightedBalancer
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** Requests at each backend, by uid. */
  readonly #underWay = new Map<string, number>()
  readonly #waiting = new Set<() => void>()
  /** Uids of backends that broke off just now. */
  readonly #suspects = new Set<string>()
  #shadows = 0

  constructor(options: HttpForwarderOptions) {
    this.#options = options
    this.#balancer = new WeightedBalancer(options.random)
    this.#server = createServer({ keepAliveTimeout: KEEP_ALIVE_MILLISECONDS }, (incoming, outgoing) =>
      this.#forward(incoming, outgoing),
    )
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  listen(): Promise<number> {
    const { host, port, log } = this.#options
    return listenOrTakeAnother(this.#server, { host, port }, log)
  }

  /** Takes no more connections; requests under way may finish. */
  close(): void {
    this.#server.close()
    this.#server.closeIdleConnections()
  }

  destroy(): void {
    this.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Resolves when no request is at this backend any more. Nobody waits for copies. */
  async whenIdle(uid: string): Promise<void> {
    while (this.#underWay.has(uid)) await new Promise<void>((resolve) => this.#waiting.add(resolve))
  }

  #begin(uid: string): () => void {
    this.#underWay.set(uid, (this.#underWay.get(uid) ?? 0) + 1)
    return () => {
      const left = (this.#underWay.get(uid) ?? 0) - 1
      if (left > 0) this.#underWay.set(uid, left)
      else this.#underWay.delete(uid)
      for (const wake of [...this.#waiting]) wake()
      this.#waiting.clear()
    }
  }

  #forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { destinations, random } = this.#options
    const { split, groups, backends } = destinations()
    const copies = split?.shadow !== undefined && random() * 100 < split.shadow.percent
    const to = copies ? this.#balancer.pickOf(split.shadow?.to ?? '', backends, new Set(), groups) : undefined
    if (to) this.#copy(incoming, to)
    this.#try(incoming, outgoing, new Set())
  }

  #try(incoming: IncomingMessage, outgoing: ServerResponse, tried: Set<string>): void {
    if (outgoing.destroyed) return
    const { backends, split, groups } = this.#options.destinations()
    const passedOver = split ? tried : new Set([...tried, ...this.#suspects])
    const backend =
      this.#balancer.pick(backends, passedOver, split, groups) ?? this.#balancer.pick(backends, tried, split, groups)
    if (!backend) {
      refuse(outgoing, 503, 'no Pod of this Service is ready\n')
      return
    }
    tried.add(backend.uid)
    const upstream = requestTo(backend, incoming)
    upstream.once('close', this.#begin(backend.uid))
    let isConnected = false
    const abandon = () => upstream.destroy()
    outgoing.once('close', abandon)
    upstream.once('socket', (socket: Socket) => {
      const timer = setTimeout(() => upstream.destroy(new Error('did not connect')), CONNECT_TIMEOUT_MILLISECONDS)
      socket.once('close', () => clearTimeout(timer))
      socket.once('connect', () => {
        clearTimeout(timer)
        isConnected = true
        incoming.pipe(upstream)
      })
    })
    upstream.once('response', (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.statusMessage, withoutHops(answer))
      answer.on('error', () => outgoing.destroy())
      answer.pipe(outgoing)
    })
    upstream.once('error', () => {
      outgoing.off('close', abandon)
      upstream.on('error', () => undefined)
      if (!isConnected) {
        this.#try(incoming, outgoing, tried)
        return
      }
      this.#suspect(backend.uid)
      if (outgoing.headersSent) outgoing.destroy()
      else refuse(outgoing, 502, 'the Pod broke off\n')
    })
  }

  #suspect(uid: string): void {
    this.#suspects.add(uid)
    setTimeout(() => this.#suspects.delete(uid), SUSPECT_MILLISECONDS).unref()
  }

  /** The answer to a copy, and whatever becomes of it, is nobody's concern. */
  #copy(incoming: IncomingMessage, backend: Backend): void {
    if (this.#shadows >= MAX_SHADOWS || Number(incoming.headers['content-length'] ?? 0) > MAX_SHADOW_BYTES) return
    this.#shadows++
    const chunks: Buffer[] = []
    let size = 0
    const over = () => {
      this.#shadows--
    }
    incoming.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= MAX_SHADOW_BYTES) chunks.push(chunk)
      else chunks.length = 0
    })
    incoming.once('close', () => {
      if (!incoming.complete) over()
    })
    incoming.once('end', () => {
      if (size > MAX_SHADOW_BYTES) {
        over()
        return
      }
      const copy = requestTo(backend, incoming)
      copy.once('close', over)
      copy.on('error', () => undefined)
      copy.setTimeout(SHADOW_TIMEOUT_MILLISECONDS, () => copy.destroy())
      copy.once('response', (answer) => answer.on('error', () => undefined).resume())
      copy.end(Buffer.concat(chunks))
    })
    // A listener sets the body flowing, before the one who is to have it is there.
    incoming.pause()
  }
}

const requestTo = ({ host, port }: Backend, { method, url, headers }: IncomingMessage) =>
  request({ host, port, method, path: url, headers: forwarded(headers), agent: false, setDefaultHeaders: false })

/** A body of unknown length goes on in chunks, as it came. */
function forwarded(headers: IncomingMessage['headers']): Record<string, string | string[]> {
  const named = new Set([...hopByHop, ...listed(headers.connection)])
  const kept = Object.entries(headers).filter(
    (entry): entry is [string, string | string[]] => entry[1] !== undefined && !named.has(entry[0]),
  )
  const chunked = headers['transfer-encoding'] === undefined ? {} : { 'transfer-encoding': 'chunked' }
  return { ...Object.fromEntries(kept), ...chunked, connection: 'close' }
}

function withoutHops({ headers, rawHeaders }: IncomingMessage): string[] {
  const named = new Set([...hopByHop, ...listed(headers.connection)])
  const kept: string[] = []
  for (let place = 0; place + 1 < rawHeaders.length; place += 2) {
    const [name = '', value = ''] = rawHeaders.slice(place, place + 2)
    if (!named.has(name.toLowerCase())) kept.push(name, value)
  }
  return kept
}

const listed = (text: string | undefined): string[] => (text ?? '').toLowerCase().split(/\s*,\s*/)

function refuse(outgoing: ServerResponse, status: number, text: string): void {
  outgoing.writeHead(status, { 'content-type': 'text/plain', 'retry-after': '1' })
  outgoing.end(text)
}
