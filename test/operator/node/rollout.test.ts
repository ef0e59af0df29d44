import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { systemClock } from '../../../operator/cluster/clock.ts'
import { Informer } from '../../../operator/cluster/informer.ts'
import type { KubernetesObject, Resource } from '../../../operator/cluster/objects.ts'
import { DEPLOYMENT, POD, SERVICE } from '../../../operator/cluster/resources.ts'
import type { Deployment } from '../../../operator/node/deployment.ts'
import { createDeploymentController } from '../../../operator/node/deployment-controller.ts'
import { isServing, type Pod } from '../../../operator/node/pod.ts'
import type { Service } from '../../../operator/node/service-backends.ts'
import { ServiceProxy } from '../../../operator/node/service-proxy.ts'
import { eventually, makePod, podWhere, script, silent, startNode } from './support.ts'
import { type TestApi, testApi } from './test-api.ts'

/** Answers its version; on SIGTERM it finishes what it has and ends. */
const app = `
const server = require('node:http').createServer((request, response) => {
  setTimeout(() => response.end(process.env.VERSION), 5)
})
process.on('SIGTERM', () => server.close(() => process.exit(0)))
server.listen(8080, process.env.POD_IP)
`

function deployment(version: string, replicas: number): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          terminationGracePeriodSeconds: 5,
          containers: [
            script(app, {
              env: [
                { name: 'VERSION', value: version },
                { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
              ],
              ports: [{ name: 'http', containerPort: 8080 }],
              readinessProbe: { httpGet: { port: 'http' }, periodSeconds: 0.05 },
            }),
          ],
        },
      },
    },
  }
}

function service(targetPort: number | string, appProtocol?: string): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      selector: { app: 'web' },
      ports: [{ name: 'http', port: 8888, targetPort, ...(appProtocol ? { appProtocol } : {}) }],
    },
  }
}

function informer<T extends KubernetesObject>(api: TestApi, resource: Resource): Informer<T> {
  const made = new Informer<T>({ client: api, resource, clock: systemClock, random: Math.random, log: silent })
  made.start()
  onTestFinished(() => made.stop())
  return made
}

async function startProxy(api: TestApi, pods: Informer<Pod>): Promise<ServiceProxy> {
  const services = informer<Service>(api, SERVICE)
  const proxy = new ServiceProxy({ client: api, clock: systemClock, log: silent, services, pods })
  await proxy.start()
  onTestFinished(() => proxy.stop())
  return proxy
}

function ask(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ host, port, agent: false }, (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve(text))
      response.on('error', reject)
    })
      .on('error', reject)
      .end()
  })
}

describe('a Deployment behind a Service', () => {
  it('rolls to a new template with no request failing and availability kept', async () => {
    const api = testApi()
    const pods = informer<Pod>(api, POD)
    const deployments = informer<Deployment>(api, DEPLOYMENT)
    const proxy = await startProxy(api, pods)
    const controller = createDeploymentController({
      client: api,
      clock: systemClock,
      random: Math.random,
      log: silent,
      deployments,
      pods,
    })
    controller.start()
    onTestFinished(() => controller.stop())
    await startNode(api, { beforeStop: (pod) => proxy.drain(pod) })
    // A Pod is told to stop when its requests are answered: connections of another protocol are only given a moment.
    await api.create(SERVICE, service('http', 'http'))
    const key = { namespace: 'default', name: 'web' }
    const settled = (generation: number) =>
      eventually(async () => {
        const { status } = await api.get<Deployment>(DEPLOYMENT, key)
        const progressing = status?.conditions?.find(({ type }) => type === 'Progressing')
        const done = status?.observedGeneration === generation && progressing?.reason === 'NewReplicaSetAvailable'
        return done && status
      })
    await api.create(DEPLOYMENT, deployment('one', 2))
    expect(await settled(1)).toMatchObject({ replicas: 2, updatedReplicas: 2, availableReplicas: 2 })
    const address = proxy.serviceAddress('default', 'web')
    expect(address).toMatchObject({ host: expect.stringMatching(/^127\./), ports: [{ name: 'http', port: 8888 }] })
    const published = await api.get<Service>(SERVICE, key)
    expect(published.status?.loadBalancer?.ingress).toEqual([
      { ip: address?.host, ports: [{ port: 8888, protocol: 'TCP' }] },
    ])

    const answers = new Set<string>()
    let rolling = true
    let fewest = Number.POSITIVE_INFINITY
    const load = Promise.all(
      Array.from({ length: 4 }, async () => {
        while (rolling) {
          answers.add(await ask(address?.host ?? '', 8888))
          fewest = Math.min(fewest, pods.list().filter(isServing).length)
        }
      }),
    )
    await api.mergePatch(DEPLOYMENT, key, { spec: { template: deployment('two', 2).spec.template } })
    await settled(2)
    rolling = false
    await load
    expect(answers).toEqual(new Set(['one', 'two']))
    expect(fewest).toBeGreaterThanOrEqual(2)
    expect(await ask(address?.host ?? '', 8888)).toBe('two')
    const writes = api.writes.length
    await eventually(() => pods.list().length === 2)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(api.writes.slice(writes).filter((write) => write.includes('deployments'))).toEqual([])
  })

  it('replaces a Pod that is deleted, and scales', async () => {
    const api = testApi()
    const pods = informer<Pod>(api, POD)
    const controller = createDeploymentController({
      client: api,
      clock: systemClock,
      random: Math.random,
      log: silent,
      deployments: informer<Deployment>(api, DEPLOYMENT),
      pods,
    })
    controller.start()
    onTestFinished(() => controller.stop())
    const names = () => pods.list().map((pod) => pod.metadata.name)
    await api.create(DEPLOYMENT, deployment('one', 3))
    const first = await eventually(() => names().length === 3 && names())
    const [gone = ''] = first
    await api.delete(POD, { namespace: 'default', name: gone }, { gracePeriodSeconds: 0 })
    await eventually(() => names().length === 3 && !names().includes(gone))
    await api.mergePatch(DEPLOYMENT, { namespace: 'default', name: 'web' }, { spec: { replicas: 1 } })
    await eventually(() => names().length === 1)
  })
})

describe('the service proxy', () => {
  it('passes over a Pod that refuses, spreads over the others, and refuses where there is none', async () => {
    const api = testApi()
    const pods = informer<Pod>(api, POD)
    const proxy = await startProxy(api, pods)
    const port = await new Promise<number>((resolve) => {
      const probe = createServer().listen(0, '127.0.0.1', () => {
        const { port: free } = probe.address() as AddressInfo
        probe.close(() => resolve(free))
      })
    })
    await api.create(SERVICE, service(port))
    const address = await eventually(() => proxy.serviceAddress('default', 'web'))
    await expect(ask(address.host, 8888)).rejects.toThrow(/ECONNRESET|socket hang up/)

    const ready = async (name: string, podIP: string) => {
      const pod = makePod(name, [script('')], { nodeName: 'x' })
      pod.metadata.labels = { app: 'web' }
      await api.create(POD, pod)
      const status = { podIP, conditions: [{ type: 'Ready', status: 'True' }] }
      await api.mergePatch(POD, { namespace: 'default', name }, { status }, { subresource: 'status' })
      await eventually(() => pods.get({ namespace: 'default', name })?.status?.podIP === podIP)
      if (name === 'dead') return
      const listening = createServer((_, response) => response.end(name))
      await new Promise<void>((resolve) => listening.listen(port, podIP, resolve))
      onTestFinished(() => {
        listening.close()
      })
    }
    await ready('dead', '127.77.1.1')
    await ready('a', '127.77.1.2')
    await ready('b', '127.77.1.3')
    const answers: string[] = []
    for (let i = 0; i < 6; i++) answers.push(await ask(address.host, 8888))
    expect(new Set(answers)).toEqual(new Set(['a', 'b']))

    await proxy.drain(await podWhere(api, 'a', () => true))
    for (let i = 0; i < 4; i++) expect(await ask(address.host, 8888)).toBe('b')
  })
})
