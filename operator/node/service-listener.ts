import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Log } from '../cluster/log.ts'
import { listenOrTakeAnother } from './listen.ts'
import type { Backend, Balancer } from './service-backends.ts'

export interface ListenerOptions {
  host: string
  /** Asked for first; another is taken where it cannot be had. */
  port: number
  /** Read for each try of each connection. */
  backends: () => readonly Backend[]
  balancer: Balancer
  log: Log
}

const CONNECT_TIMEOUT_MILLISECONDS = 2000

/**
 * A TCP port whose connections go to backends, each as a whole: HTTP keep-alive and streams pass unseen. When a backend
 * does not take the connection the next one gets it; nothing was sent by then, so nothing is sent twice.
 */
export class ServiceListener {
  readonly #options: ListenerOptions
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor(options: ListenerOptions) {
    this.#options = options
    // The client's bytes wait in the kernel until there is somewhere to send them.
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => void this.#forward(socket))
  }

  /** Resolves with the port that it listens on. */
  listen(): Promise<number> {
    const { host, port, log } = this.#options
    return listenOrTakeAnother(this.#server, { host, port }, log)
  }

  /** Takes no more connections; those that are open may finish. */
  close(): void {
    this.#server.close()
  }

  /** Ends everything. */
  destroy(): void {
    this.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  async #forward(client: Socket): Promise<void> {
    this.#keep(client)
    const tried = new Set<string>()
    while (!client.destroyed) {
      const backend = this.#options.balancer.pick(this.#options.backends(), tried)
      if (!backend) {
        // As a Service without endpoints: refused, not hung.
        client.resetAndDestroy()
        return
      }
      tried.add(backend.uid)
      const upstream = await this.#connect(backend)
      if (upstream) join(client, upstream)
      if (upstream) return
    }
  }

  #connect({ host, port }: Backend): Promise<Socket | undefined> {
    return new Promise((resolve) => {
      const socket = connect({ host, port, allowHalfOpen: true, noDelay: true })
      const timer = setTimeout(() => socket.destroy(), CONNECT_TIMEOUT_MILLISECONDS)
      this.#keep(socket)
      socket.once('connect', () => {
        clearTimeout(timer)
        resolve(socket)
      })
      socket.once('close', () => {
        clearTimeout(timer)
        resolve(undefined)
      })
    })
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    // `close` follows, which is what matters.
    socket.on('error', () => {})
    socket.once('close', () => this.#sockets.delete(socket))
  }
}

/** Each direction ends by itself, as TCP has it; a broken one breaks both. */
function join(client: Socket, upstream: Socket): void {
  client.setNoDelay(true)
  client.pipe(upstream)
  upstream.pipe(client)
  client.once('close', (failed) => failed && upstream.resetAndDestroy())
  upstream.once('close', (failed) => failed && client.resetAndDestroy())
  if (client.destroyed) upstream.destroy()
}
