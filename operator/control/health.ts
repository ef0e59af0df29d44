import fastify from 'fastify'
import type { Registry } from 'prom-client'

export interface HealthOptions {
  /** Loopback unless said otherwise: metrics tell much about a team's work. */
  host?: string
  /** 0: any free one. */
  port: number
  registry: Registry
  /** Problems for which a restart of the process is the cure; empty when alive. */
  problems?(): string[]
  /** What the process still waits for; empty when ready. */
  waitsFor(): string[]
}

export interface HealthServer {
  /** `http://host:port`. */
  url: string
  stop(): Promise<void>
}

/** Serves /healthz, /readyz and /metrics. A check that fails says why, one reason a line. */
export async function startHealthServer(options: HealthOptions): Promise<HealthServer> {
  const { host = '127.0.0.1', port, registry, problems = () => [], waitsFor } = options
  const server = fastify({ forceCloseConnections: true })
  const check = (path: string, reasonsAgainst: () => string[]) =>
    server.get(path, async (_, reply) => {
      const reasons = reasonsAgainst()
      return reply
        .code(reasons.length === 0 ? 200 : 503)
        .type('text/plain')
        .send(reasons.length === 0 ? 'ok\n' : `${reasons.join('\n')}\n`)
    })
  check('/healthz', problems)
  check('/readyz', waitsFor)
  server.get('/metrics', async (_, reply) => reply.type(registry.contentType).send(await registry.metrics()))
  const url = await server.listen({ host, port })
  return { url, stop: () => server.close() }
}
