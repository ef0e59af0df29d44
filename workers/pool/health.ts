import { createServer } from 'node:http'
import { collectDefaultMetrics, Registry } from 'prom-client'

export interface HealthOptions {
  host: string
  port: number
  ready: () => boolean
}

/** `/healthz`, `/readyz` and `/metrics` of a process that serves nothing else. */
export async function serveHealth({ host, port, ready }: HealthOptions): Promise<{ close(): Promise<void> }> {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const server = createServer(async (request, response) => {
    if (request.url === '/healthz') response.end('ok\n')
    else if (request.url === '/readyz') response.writeHead(ready() ? 200 : 503).end(ready() ? 'ok\n' : 'not ready\n')
    else if (request.url === '/metrics') {
      response.setHeader('content-type', registry.contentType)
      response.end(await registry.metrics())
    } else response.writeHead(404).end()
  })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(port, host, resolve)
  await promise
  return {
    async close() {
      const closed = Promise.withResolvers<void>()
      server.close(() => closed.resolve())
      server.closeAllConnections()
      await closed.promise
    },
  }
}
