import { afterEach, beforeEach, describe, it } from 'vitest'
import { createHttpTransport, type HttpTransport, loadKubeConfig } from '../../operator/cluster/http-transport.ts'
import { connect, createNamespace, sharedControlPlane } from '../support/cluster.ts'
import { controlContract } from '../support/control-contract.ts'

describe('on a real API server, an operator', () => {
  let http: HttpTransport
  let namespace: string
  beforeEach(async (context) => {
    const { kubeconfig } = await sharedControlPlane(context)
    http = createHttpTransport(loadKubeConfig(kubeconfig))
    const { client, close } = connect(kubeconfig)
    namespace = await createNamespace(client, 'control')
    await close()
  })
  afterEach(() => http?.close())

  for (const [promise, check] of Object.entries(controlContract)) {
    it(promise, () => check({ transport: http.transport, server: http.server, namespace }))
  }
})
