import { expect, it } from 'vitest'
import type { RankerDeployment } from '../../crds/kinds/ranker-deployment.ts'
import { POD } from '../../operator/cluster/resources.ts'
import { labels } from '../../operator/reconcilers/names.ts'
import { isPodReady, type Pod } from '../../operator/reconcilers/pod-template.ts'
import { kubectlPath } from '../support/kubectl.ts'
import { type NodeAccess, runTool, sharedNode } from '../support/node/access.ts'
import { startSteadyClient } from '../support/steady-client.ts'
import { until } from '../support/until.ts'
import { installAdloom, rankUrl, systemNamespace } from './adloom.ts'
import { applySmallQuickstart, RANKER_DEPLOYMENT, untilQuickstartReady } from './quickstart.ts'

const namespace = 'service'
const key = { namespace, name: 'quickstart' }

it('100 requests a second are answered through an update, an eviction, a scale-in and the loss of the operator', async (context) => {
  const node = sharedNode(context)
  await installAdloom(node)
  await applySmallQuickstart(node, namespace)
  await untilQuickstartReady(node, namespace)
  const change = (spec: object) => node.client.mergePatch(RANKER_DEPLOYMENT, key, { spec })
  await change({ replicas: 2 })
  await untilPodsReady(node, 2)

  const url = await rankUrl(node, namespace, key.name)
  // Half of them over connections that are kept, as most callers do; half over new ones, which spread over the Pods.
  const half = { perSecond: 50, body: { slots: 5 } }
  const clients = [startSteadyClient(url, half), startSteadyClient(url, { ...half, freshConnections: true })]
  const more = (requests: number) => Promise.all(clients.map((client) => client.more(requests / 2)))
  const failures = () => clients.flatMap(({ tally }) => tally.failures)
  try {
    await more(200)
    const before = names(await rankerPods(node))
    await change({ template: { metadata: { annotations: { edition: 'second' } } } })
    const updated = await until(async () => {
      const pods = await rankerPods(node)
      return pods.length === 2 && pods.every((pod) => isPodReady(pod) && !before.includes(pod.metadata.name)) && pods
    })
    await more(200)
    expect(failures(), 'during an update').toEqual([])

    const [evicted] = names(updated)
    await evict(node, evicted ?? '')
    await until(async () => !names(await rankerPods(node)).includes(evicted ?? ''))
    await untilPodsReady(node, 2)
    await more(200)
    expect(failures(), 'during an eviction').toEqual([])

    await node.kubectl('--namespace', systemNamespace, 'delete', 'pod', '-l', 'app.kubernetes.io/component=operator')
    await change({ replicas: 1 })
    await untilPodsReady(node, 1)
    await more(200)
  } finally {
    await Promise.all(clients.map((client) => client.stop()))
  }
  expect(failures()).toEqual([])
})

async function rankerPods({ client }: NodeAccess): Promise<Pod[]> {
  const { items } = await client.list<Pod>(POD, { namespace, labelSelector: `${labels.ranker}=${key.name}` })
  return items
}

const names = (pods: Pod[]): string[] => pods.map(({ metadata }) => metadata.name)

/** Exactly that many, none of which is on its way out, and the ranker says so. */
function untilPodsReady(node: NodeAccess, count: number): Promise<true> {
  return until(async () => {
    const pods = await rankerPods(node)
    const { metadata, status } = await node.client.get<RankerDeployment>(RANKER_DEPLOYMENT, key)
    const settled = status?.observedGeneration === metadata.generation && status?.readyReplicas === count
    return pods.length === count && pods.every(isPodReady) && settled
  })
}

function evict(node: NodeAccess, name: string): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/pods/${name}/eviction`
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } }
  return runTool(node, kubectlPath(), ['create', '--raw', path, '-f', '-'], JSON.stringify(eviction))
}
