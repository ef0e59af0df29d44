import { serve } from '../../../operator/embedded/serve.ts'
import { createEmbeddedServer } from '../../../operator/embedded/server.ts'
import { describeApiContract } from '../../contract/api-contract.ts'

describeApiContract('embedded, in process', async () => {
  const server = createEmbeddedServer({ historyLimit: 40 })
  return { transport: server.handle, baseUrl: 'http://embedded.invalid', stop: () => server.stop() }
})

describeApiContract('embedded, over loopback', async () => {
  const server = createEmbeddedServer({ historyLimit: 40 })
  const { url, token, stop } = await serve({ handle: server.handle })
  return {
    transport: (request) => {
      request.headers.set('authorization', `Bearer ${token}`)
      return fetch(request)
    },
    baseUrl: url,
    stop: async () => {
      await stop()
      await server.stop()
    },
  }
})
