import { expect } from 'vitest'
import type { Client } from '../../../../operator/cluster/client.ts'
import type { KubernetesObject } from '../../../../operator/cluster/objects.ts'
import { CONFIG_MAP, DEPLOYMENT, SERVICE } from '../../../../operator/cluster/resources.ts'
import {
  HORIZONTAL_POD_AUTOSCALER,
  type HorizontalPodAutoscaler,
} from '../../../../operator/reconcilers/ranker-deployment/autoscaler.ts'
import type { Deployment } from '../../../../operator/reconcilers/ranker-deployment/children.ts'
import { HTTP_ROUTE, type HttpRoute } from '../../../../operator/reconcilers/ranker-deployment/traffic-children.ts'
import { digestOf } from '../support.ts'
import { RankerScene } from './scene.ts'

export interface RankerApi {
  /** Of the operator; our kinds, HTTPRoute and HorizontalPodAutoscaler are served. */
  client: Client
  namespace: string
}

interface ConfigMap extends KubernetesObject {
  data?: Record<string, string>
}

const model = (letter: string) => ({ model: { digest: digestOf(letter) } })
const ask = (verb: string) => ({ metadata: { annotations: { [`adloom.dev/${verb}`]: 'now' } } })
const weightsOf = (route: HttpRoute | undefined) =>
  Object.fromEntries(route?.spec.rules?.[0]?.backendRefs?.map(({ name, weight }) => [name, weight]) ?? [])
const key = (namespace: string) => ({ namespace, name: 'feed' })

async function routed(scene: RankerScene) {
  return weightsOf(await scene.child<HttpRoute>(HTTP_ROUTE))
}

async function replicasOf(scene: RankerScene, suffix = '') {
  return (await scene.child<Deployment>(DEPLOYMENT, suffix))?.spec.replicas
}

async function autoscalerOf(scene: RankerScene) {
  return (await scene.child<HorizontalPodAutoscaler>(HORIZONTAL_POD_AUTOSCALER))?.spec
}

const behindGateway = {
  ...model('a'),
  replicas: 4,
  rollout: {
    gateway: { name: 'edge', namespace: 'infra', hostnames: ['ads.example.com'] },
    shadow: { percent: 5 },
    steps: [{ setWeight: 20 }, { pause: {} }],
  },
}
const allToStable = { 'feed-stable': 100, 'feed-canary': 0 }

async function untilPaused({ client, namespace }: RankerApi): Promise<RankerScene> {
  const scene = new RankerScene(client, key(namespace))
  await scene.create(behindGateway)
  expect(await routed(scene)).toEqual(allToStable)
  await scene.change({ spec: model('b') })
  return scene
}

const scaled = { minReplicas: 2, maxReplicas: 8, targetCpuUtilizationPercent: 70 }

/** What has to hold of a ranker's children on every API server. */
export const childrenContract: Record<string, (api: RankerApi) => Promise<void>> = {
  'an HTTPRoute leads its share of the requests to the canary, and all of them to stable in the end': async (api) => {
    const scene = await untilPaused(api)
    expect(await routed(scene)).toEqual({ 'feed-stable': 80, 'feed-canary': 20 })
    expect((await scene.child(HTTP_ROUTE)) as unknown).toMatchObject({
      spec: {
        parentRefs: [{ kind: 'Gateway', name: 'edge', namespace: 'infra' }],
        hostnames: ['ads.example.com'],
        rules: [{ filters: [{ requestMirror: { backendRef: { name: 'feed-canary', port: 8080 }, percent: 5 } }] }],
      },
    })
    for (const track of ['stable', 'canary']) {
      const service = (await scene.child(SERVICE, `-${track}`)) as KubernetesObject & { spec: { selector: object } }
      expect(service.spec.selector).toEqual({ 'adloom.dev/ranker': 'feed', 'adloom.dev/track': track })
    }
    expect((await scene.status()).rollout).toMatchObject({ weight: 20, actualWeight: 20, paused: 'Approval' })
    await scene.change(ask('approve'))
    expect(await routed(scene)).toEqual(allToStable)
    expect(await scene.status()).toMatchObject({ state: 'Serving', stableDigest: digestOf('b') })
    expect(await scene.child(DEPLOYMENT, '-canary')).toBeUndefined()
  },

  'an abort leads all requests back, and weights that somebody changed are put right': async (api) => {
    const scene = await untilPaused(api)
    const spec = {
      rules: [
        {
          backendRefs: [
            { name: 'feed-stable', port: 8080, weight: 0 },
            { name: 'feed-canary', port: 8080, weight: 1 },
          ],
        },
      ],
    }
    await api.client.mergePatch(HTTP_ROUTE, key(api.namespace), { spec })
    await scene.settle()
    expect(await routed(scene)).toEqual({ 'feed-stable': 80, 'feed-canary': 20 })
    await scene.change(ask('abort'))
    expect(await routed(scene)).toEqual(allToStable)
    expect(await scene.status()).toMatchObject({ state: 'RolloutAborted', stableDigest: digestOf('a') })
  },

  'a route that the Gateway refuses holds the rollout, with the words of the Gateway': async (api) => {
    const scene = await untilPaused(api)
    const refusing = (status: string) => ({
      status: { parents: [{ conditions: [{ type: 'Accepted', status, message: 'no listener matches' }] }] },
    })
    const tell = async (status: string) => {
      await api.client.mergePatch(HTTP_ROUTE, key(api.namespace), refusing(status), { subresource: 'status' })
      await scene.settle()
    }
    await tell('False')
    const { state, conditions } = await scene.status()
    expect(state).toBe('RouteNotAccepted')
    expect(conditions?.find(({ type }) => type === 'Stalled')?.message).toContain('no listener matches')
    await tell('True')
    expect((await scene.status()).state).toBe('PausedUntilApproved')
  },

  'a ranker that names a Gateway no more has neither route nor Services of tracks': async (api) => {
    const scene = new RankerScene(api.client, key(api.namespace))
    await scene.create({ ...model('a'), rollout: { gateway: { name: 'edge' } } })
    expect(await routed(scene)).toEqual(allToStable)
    await scene.change({ spec: { rollout: { gateway: null } } })
    expect(await scene.child(HTTP_ROUTE)).toBeUndefined()
    expect(await scene.child(SERVICE, '-stable')).toBeUndefined()
    expect(await scene.child(SERVICE, '-canary')).toBeUndefined()
    expect(await scene.child(SERVICE)).toBeDefined()
  },

  'an autoscaler takes the number of Pods over as it is, and gives it back': async (api) => {
    const { client, namespace } = api
    const scene = new RankerScene(client, key(namespace))
    await scene.create({ ...model('a'), replicas: 4 })
    await scene.change({ spec: { replicas: null, autoscaling: scaled } })
    expect(await replicasOf(scene)).toBe(4)
    expect(await autoscalerOf(scene)).toMatchObject({
      scaleTargetRef: { kind: 'Deployment', name: 'feed' },
      minReplicas: 2,
      maxReplicas: 8,
    })
    // As its controller does.
    await client.mergePatch(DEPLOYMENT, key(namespace), { spec: { replicas: 6 } }, { subresource: 'scale' })
    await scene.settle()
    await scene.change({ spec: { autoscaling: { maxReplicas: 9 } } })
    expect([await replicasOf(scene), await autoscalerOf(scene)]).toMatchObject([6, { maxReplicas: 9 }])

    await scene.change({ spec: { autoscaling: null } })
    expect([await replicasOf(scene), await autoscalerOf(scene)]).toEqual([6, undefined])
    await scene.change({ spec: { replicas: 3 } })
    expect(await replicasOf(scene)).toBe(3)
    await scene.change({ spec: { replicas: null, autoscaling: { ...scaled, minReplicas: 4 } } })
    expect(await replicasOf(scene)).toBe(4)
  },

  'settings of an auction change in a ConfigMap of their own, and no Deployment with them': async (api) => {
    const scene = new RankerScene(api.client, key(api.namespace))
    await scene.create({ ...model('a'), serving: { auction: { alpha: '1.2', candidateLists: 8 } } })
    const settings = async () =>
      JSON.parse((await scene.child<ConfigMap>(CONFIG_MAP, '-auction'))?.data?.['auction.json'] ?? 'null')
    const deployment = async () => (await scene.child<Deployment>(DEPLOYMENT))?.metadata
    expect(await settings()).toEqual({ settings: { alpha: '1.2' } })
    const before = await deployment()
    scene.writes.length = 0
    const advertiserReserves = [{ advertiser: 'north', price: '2' }]
    await scene.change({ spec: { serving: { auction: { alpha: '2', advertiserReserves } } } })
    expect(await settings()).toEqual({ settings: { alpha: '2', advertiserReserves } })
    await scene.change({ spec: { serving: { auction: null } } })
    expect(await settings()).toEqual({ settings: {} })
    // The number of candidate lists went with the rest, and is what the Pods are started with.
    const ofChildren = scene.writes.filter((write) => !write.includes('RankerDeployment'))
    expect(ofChildren).toEqual([...Array(2).fill('apply ConfigMap feed-auction'), 'apply Deployment feed'])
    await scene.change({ spec: { serving: { auction: { beta: '3' } } } })
    const after = await deployment()
    expect([before?.generation, after?.generation]).toEqual([1, 2])
    expect(await settings()).toEqual({ settings: { beta: '3' } })
    // Each Pod heeds its part of a budget.
    await scene.change({ spec: { replicas: 3, serving: { auction: { budgets: {} } } } })
    const budgets = { pacing: 'Throttling', periodSeconds: 86_400 }
    expect(await settings()).toEqual({ pods: 3, settings: { beta: '3', budgets } })
  },

  'a ConfigMap that is not ours is left as it is': async (api) => {
    const { client, namespace } = api
    const metadata = { namespace, name: 'feed-auction' }
    await client.create(CONFIG_MAP, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { mine: '1' } } as ConfigMap)
    const scene = new RankerScene(client, key(namespace))
    await scene.create({ ...model('a'), serving: { auction: { alpha: '1.2' } } })
    expect((await scene.status()).state).toBe('NameTaken')
    expect((await scene.child<ConfigMap>(CONFIG_MAP, '-auction'))?.data).toEqual({ mine: '1' })
  },

  'a canary follows what is scaled, which is not scaled in while it is there': async (api) => {
    const { client, namespace } = api
    const scene = new RankerScene(client, key(namespace))
    const rollout = { weightTolerancePercent: 20, steps: [{ setWeight: 50 }, { pause: {} }] }
    await scene.create({ ...model('a'), replicas: 2, rollout })
    await scene.change({ spec: { replicas: null, autoscaling: scaled } })
    const scaleIn = async () => {
      const spec = (await autoscalerOf(scene)) as { behavior?: { scaleDown?: { selectPolicy?: string } } } | undefined
      return spec?.behavior?.scaleDown?.selectPolicy
    }
    await scene.clock.advance(300_000)
    await scene.settle()
    expect(await scaleIn()).toBe('Max')
    await scene.change({ spec: model('b') })
    expect([await replicasOf(scene, '-canary'), await scaleIn()]).toEqual([2, 'Disabled'])
    await client.mergePatch(DEPLOYMENT, key(namespace), { spec: { replicas: 4 } }, { subresource: 'scale' })
    await scene.settle()
    expect([await replicasOf(scene), await replicasOf(scene, '-canary')]).toEqual([4, 4])
    await scene.change(ask('abort'))
    expect([await replicasOf(scene, '-canary'), await scaleIn()]).toEqual([undefined, 'Disabled'])
    await scene.clock.advance(300_000)
    await scene.settle()
    expect(await scaleIn()).toBe('Max')
  },
}
