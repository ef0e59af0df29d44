import { expect, it } from 'vitest'
import { NAMESPACE } from '../../operator/cluster/resources.ts'
import { createNamespace } from '../support/cluster.ts'
import { sharedNode } from '../support/node/access.ts'
import { podImage } from '../support/node/images.ts'
import { until } from '../support/until.ts'

const container = (args: string[]) => ({ name: 'pod', image: podImage, imagePullPolicy: 'Never', args })

const server = (namespace: string) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'echo', namespace },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'echo' } },
    template: {
      metadata: { labels: { app: 'echo' } },
      spec: {
        containers: [{ ...container(['serve', ':8080']), readinessProbe: { httpGet: { path: '/', port: 8080 } } }],
      },
    },
  },
})

const service = (namespace: string) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'echo', namespace },
  spec: { selector: { app: 'echo' }, ports: [{ port: 80, targetPort: 8080 }] },
})

const asking = (namespace: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'asks', namespace },
  spec: { restartPolicy: 'Never', containers: [container(['fetch', 'http://echo'])] },
})

it('the node runs Pods behind probes, which find one another by name, and tells their logs', async (context) => {
  const { client, kubectl, apply } = sharedNode(context)
  const namespace = await createNamespace(client, 'node')
  const here = (...args: string[]) => kubectl('--namespace', namespace, ...args)
  await apply(server(namespace), service(namespace))
  await here('rollout', 'status', 'deployment/echo')
  const names = (await here('get', 'pods', '-o', 'jsonpath={.items[*].metadata.name}')).split(' ').sort()
  expect(names).toHaveLength(2)

  // From the node itself, through kube-proxy, which hears of both before long.
  const address = await here('get', 'service', 'echo', '-o', 'jsonpath={.spec.clusterIP}')
  const seen = new Set<string>()
  await until(async () => {
    const response = await fetch(`http://${address}`, { headers: { connection: 'close' } })
    seen.add((await response.text()).trim())
    return seen.size === names.length
  })
  expect([...seen].sort()).toEqual(names)

  // From a Pod, by the Service's name.
  await apply(asking(namespace))
  await here('wait', 'pod/asks', '--for=jsonpath={.status.phase}=Succeeded', '--timeout=120s')
  expect(names).toContain(await here('logs', 'asks'))

  await client.delete(NAMESPACE, { name: namespace })
})
