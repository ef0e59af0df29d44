import { afterEach, beforeEach, describe, it } from 'vitest'
import { type Client, createClient } from '../../operator/cluster/client.ts'
import { createHttpTransport, type HttpTransport, loadKubeConfig } from '../../operator/cluster/http-transport.ts'
import { CUSTOM_RESOURCE_DEFINITION } from '../../operator/cluster/resources.ts'
import { fieldManager } from '../../operator/reconcilers/names.ts'
import { childrenContract } from '../operator/reconcilers/ranker-deployment/children-contract.ts'
import { createNamespace, installKinds, sharedControlPlane, untilEstablished } from '../support/cluster.ts'
import { httpRouteDefinition } from '../support/http-route-definition.ts'

describe('on a real API server', () => {
  let http: HttpTransport
  let client: Client
  let namespace: string
  beforeEach(async (context) => {
    const { kubeconfig } = await sharedControlPlane(context)
    http = createHttpTransport(loadKubeConfig(kubeconfig))
    client = createClient({ transport: http.transport, server: http.server, fieldManager, userAgent: 'adloom' })
    await installKinds(client)
    await client.apply(CUSTOM_RESOURCE_DEFINITION, httpRouteDefinition, { force: true })
    await untilEstablished(client, httpRouteDefinition.metadata.name)
    namespace = await createNamespace(client, 'ranker-children')
  })
  afterEach(() => http?.close())

  for (const [promise, check] of Object.entries(childrenContract)) it(promise, () => check({ client, namespace }))
})
