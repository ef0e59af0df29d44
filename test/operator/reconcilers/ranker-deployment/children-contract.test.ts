import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Client, createClient } from '../../../../operator/cluster/client.ts'
import { CUSTOM_RESOURCE_DEFINITION, DEPLOYMENT, NAMESPACE } from '../../../../operator/cluster/resources.ts'
import { createEmbeddedServer, type EmbeddedServer } from '../../../../operator/embedded/server.ts'
import { fieldManager } from '../../../../operator/reconcilers/names.ts'
import { HORIZONTAL_POD_AUTOSCALER } from '../../../../operator/reconcilers/ranker-deployment/autoscaler.ts'
import { installKinds } from '../../../support/cluster.ts'
import { httpRouteDefinition } from '../../../support/http-route-definition.ts'
import { digestOf } from '../support.ts'
import { childrenContract } from './children-contract.ts'
import { RankerScene } from './scene.ts'

const namespace = 'shop'
let embedded: EmbeddedServer
let client: Client

beforeEach(async () => {
  embedded = createEmbeddedServer()
  client = createClient({ transport: (request) => embedded.handle(request), fieldManager, userAgent: 'adloom' })
  await installKinds(client)
  await client.create(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
})
afterEach(() => embedded.stop())

const model = { digest: digestOf('a') }
const messageOf = async (scene: RankerScene) =>
  (await scene.status()).conditions?.find(({ type }) => type === 'Stalled')?.message

describe('on an embedded server that has their kinds', () => {
  beforeEach(async () => {
    await client.apply(CUSTOM_RESOURCE_DEFINITION, httpRouteDefinition, { force: true })
    await client.apply(CUSTOM_RESOURCE_DEFINITION, autoscalerDefinition, { force: true })
  })

  for (const [promise, check] of Object.entries(childrenContract)) it(promise, () => check({ client, namespace }))
})

describe('on an embedded server as it is', () => {
  it('a Gateway is refused before the rollout begins, and stable goes on serving', async () => {
    const scene = new RankerScene(client, { namespace, name: 'feed' })
    await scene.create({ model, rollout: { gateway: { name: 'edge' }, steps: [{ setWeight: 20 }] } })
    await scene.change({ spec: { model: { digest: digestOf('b') } } })
    expect(await scene.status()).toMatchObject({ state: 'GatewayNotAvailable', stableDigest: model.digest })
    expect(await messageOf(scene)).toContain('install it or leave gateway out')
  })

  it('autoscaling is refused with what to do instead, and the Pods stay as they are', async () => {
    const scene = new RankerScene(client, { namespace, name: 'feed' })
    await scene.create({ model, replicas: 3 })
    await scene.change({ spec: { replicas: null, autoscaling: { maxReplicas: 8, targetCpuUtilizationPercent: 70 } } })
    expect(await scene.status()).toMatchObject({ state: 'AutoscalingNotAvailable', stableDigest: model.digest })
    expect(await messageOf(scene)).toContain('give replicas instead')
    expect(await scene.child(DEPLOYMENT)).toMatchObject({ spec: { replicas: 3 } })
    await scene.change({ spec: { replicas: 2, autoscaling: null } })
    expect(await scene.child(DEPLOYMENT)).toMatchObject({ spec: { replicas: 2 } })
    expect((await scene.status()).state).toBe('Serving')
  })
})

const { group, kind, plural, version } = HORIZONTAL_POD_AUTOSCALER

/** A built-in kind elsewhere. */
const autoscalerDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${plural}.${group}` },
  spec: {
    group,
    scope: 'Namespaced',
    names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() },
    versions: [
      {
        name: version,
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
}
