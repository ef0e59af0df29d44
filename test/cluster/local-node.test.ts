import { beforeEach, expect, it, onTestFinished } from 'vitest'
import { systemClock } from '../../operator/cluster/clock.ts'
import { NotFoundError } from '../../operator/cluster/errors.ts'
import { Informer } from '../../operator/cluster/informer.ts'
import type { KubernetesObject } from '../../operator/cluster/objects.ts'
import { DEPLOYMENT, LEASE, NODE, POD, SERVICE, SERVICE_ACCOUNT } from '../../operator/cluster/resources.ts'
import type { Deployment } from '../../operator/node/deployment.ts'
import { LocalNode } from '../../operator/node/node.ts'
import { isServing, type Pod } from '../../operator/node/pod.ts'
import type { Service } from '../../operator/node/service-backends.ts'
import { ServiceProxy } from '../../operator/node/service-proxy.ts'
import { eventually, script, temporaryDirectory } from '../operator/node/support.ts'
import { connect, createNamespace, sharedControlPlane } from '../support/cluster.ts'
import { fakeLog } from '../support/fake-log.ts'

const app = `
const server = require('node:http').createServer((request, response) => response.end(process.env.POD_NAME))
process.on('SIGTERM', () => server.close(() => process.exit(0)))
server.listen(8080, process.env.POD_IP)
console.log('listening')
`
const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } })

// A build that is under way is awaited here, where there is time for it.
beforeEach(async (context) => {
  await sharedControlPlane(context)
})

it('the local node plays kubelet to a real control plane', async (context) => {
  const { client, close } = connect((await sharedControlPlane(context)).kubeconfig)
  onTestFinished(close)
  const namespace = await createNamespace(client, 'local-node')
  const name = `${namespace}-node`
  const log = fakeLog()
  const shared = { client, clock: systemClock, random: Math.random, log, namespace }
  const pods = new Informer<Pod>({ ...shared, resource: POD })
  const services = new Informer<Service>({ ...shared, resource: SERVICE })
  pods.start()
  services.start()
  const proxy = new ServiceProxy({ client, clock: systemClock, log, services, pods })
  await proxy.start()
  const node = new LocalNode({
    ...shared,
    name,
    directory: await temporaryDirectory(),
    commandAliases: { node: [process.execPath] },
    beforeStop: (pod) => proxy.drain(pod),
  })
  await node.start()
  onTestFinished(async () => {
    await node.stop()
    await proxy.stop()
    await Promise.all([pods.stop(), services.stop()])
    await client.delete(NODE, { name })
  })
  // The service account admission refuses Pods before the controller manager has made the account.
  await eventually(() => client.get(SERVICE_ACCOUNT, { namespace, name: 'default' }).catch(() => undefined))

  const container = script(app, {
    image: 'local',
    env: [field('POD_NAME', 'metadata.name'), field('POD_IP', 'status.podIP')],
    ports: [{ name: 'http', containerPort: 8080 }],
    readinessProbe: { httpGet: { port: 'http' }, periodSeconds: 1 },
  })
  const labels = { app: 'web' }
  const deployment: Deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [container], terminationGracePeriodSeconds: 5 } },
    },
  }
  const service: Service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace },
    spec: { type: 'LoadBalancer', selector: labels, ports: [{ port: 8888, targetPort: 'http' }] },
  }
  await client.create(SERVICE, service)
  await client.create(DEPLOYMENT, deployment)
  await eventually(async () => {
    const { status } = await client.get<Deployment>(DEPLOYMENT, { namespace, name: 'web' })
    return status?.availableReplicas === 2
  })
  const running = await eventually(() => pods.list().filter(isServing).length === 2 && pods.list())
  expect(running.map((pod) => pod.spec.nodeName)).toEqual([name, name])

  const published = await eventually(async () => {
    const { status } = await client.get<Service>(SERVICE, { namespace, name: 'web' })
    return status?.loadBalancer?.ingress?.[0]
  })
  const address = proxy.serviceAddress(namespace, 'web')
  expect(published).toMatchObject({ ip: address?.host, ports: [{ port: 8888, protocol: 'TCP' }] })
  const answers = new Set<string>()
  for (let i = 0; i < 4; i++) answers.add(await (await fetch(`http://${address?.host}:8888/`)).text())
  for (const answer of answers) expect(running.map((pod) => pod.metadata.name)).toContain(answer)

  type NodeObject = KubernetesObject & { status?: { conditions?: { type: string; status: string }[] } }
  const registered = await eventually(async () => {
    const found = await client.get<NodeObject>(NODE, { name }).catch(() => undefined)
    return found?.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') && found
  })
  expect(registered.metadata.labels).toMatchObject({ 'kubernetes.io/hostname': name })
  await eventually(() => client.get(LEASE, { namespace: 'kube-node-lease', name }).catch(() => undefined))

  await client.delete(DEPLOYMENT, { namespace, name: 'web' }, { propagationPolicy: 'Background' })
  await eventually(async () => (await client.list(POD, { namespace })).items.length === 0)
  await expect(client.get(DEPLOYMENT, { namespace, name: 'web' })).rejects.toThrow(NotFoundError)
  expect(log.lines.filter(({ level }) => level === 'error')).toEqual([])
})
