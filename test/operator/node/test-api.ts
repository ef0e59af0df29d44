import { type Client, createClient } from '../../../operator/cluster/client.ts'
import { createEmbeddedServer, type EmbeddedServer } from '../../../operator/embedded/server.ts'

export interface TestApi extends Client {
  /** Method and path of every write, in order. */
  readonly writes: string[]
  readonly server: EmbeddedServer
}

/** An API server in this process, and a client of it. */
export function testApi(): TestApi {
  const server = createEmbeddedServer()
  const writes: string[] = []
  const client = createClient({
    transport: (request) => {
      if (request.method !== 'GET') writes.push(`${request.method} ${new URL(request.url).pathname}`)
      return server.handle(request)
    },
    fieldManager: 'test',
    userAgent: 'test',
  })
  return { ...client, writes, server }
}
