import type { Client } from '../../operator/cluster/client.ts'
import { DEPLOYMENT, keyOf, POD } from '../../operator/cluster/resources.ts'
import type { Pod } from '../../operator/reconcilers/pod-template.ts'
import { type Deployment, modelAnnotation } from '../../operator/reconcilers/ranker-deployment/children.ts'

/**
 * One look of a node and of a controller manager that get everything ready at once; gives the Pods that run. Deployments
 * may be somebody else's.
 */
export async function runPods(client: Client, deploymentsAreElsewhere = false): Promise<Pod[]> {
  const [pods, deployments] = await Promise.all([client.list<Pod>(POD), client.list<Deployment>(DEPLOYMENT)])
  for (const pod of pods.items) {
    if (pod.status?.phase === 'Running' || pod.metadata.annotations?.[modelAnnotation] !== undefined) continue
    const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }
    await client.mergePatch(POD, keyOf(pod), { status }, { subresource: 'status' })
  }
  for (const deployment of deploymentsAreElsewhere ? [] : deployments.items) {
    const { generation = 0 } = deployment.metadata
    if (deployment.status?.observedGeneration === generation) continue
    const count = deployment.spec.replicas ?? 1
    const status = {
      observedGeneration: generation,
      replicas: count,
      updatedReplicas: count,
      readyReplicas: count,
      availableReplicas: count,
      conditions: [{ type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable' }],
    }
    await client.mergePatch(DEPLOYMENT, keyOf(deployment), { status }, { subresource: 'status' })
  }
  return pods.items.filter((pod) => pod.status?.phase === 'Running')
}
