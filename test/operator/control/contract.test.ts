import { afterEach, beforeEach, describe, it } from 'vitest'
import { createClient } from '../../../operator/cluster/client.ts'
import { NAMESPACE } from '../../../operator/cluster/resources.ts'
import { createEmbeddedServer, type EmbeddedServer } from '../../../operator/embedded/server.ts'
import { controlContract } from '../../support/control-contract.ts'

describe('on the embedded server, an operator', () => {
  let embedded: EmbeddedServer
  beforeEach(() => {
    embedded = createEmbeddedServer()
  })
  afterEach(() => embedded.stop())

  for (const [promise, check] of Object.entries(controlContract)) {
    it(promise, async () => {
      const transport = (request: Request) => embedded.handle(request)
      const server = 'http://127.0.0.1'
      const client = createClient({ transport, server, fieldManager: 'test', userAgent: 'test' })
      const namespace = 'control'
      await client.create(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
      await check({ transport, server, namespace })
    })
  }
})
