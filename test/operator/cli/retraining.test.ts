import { test } from 'vitest'
import { NAMESPACE } from '../../../operator/cluster/resources.ts'
import { withLocalCluster } from '../../support/local-cluster.ts'
import { namespace } from '../../support/retraining/manifests.ts'
import { onThisMachine } from '../../support/retraining/on-this-machine.ts'
import { retrainAndRollOut } from '../../support/retraining/scenario.ts'

test('without a cluster too, a ranker is retrained and rolled out; what is bad offline or online never stays', async (context) => {
  await withLocalCluster(context, async (cluster) => {
    await cluster.client.apply(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
    await cluster.prepareNamespace(namespace)
    await retrainAndRollOut(onThisMachine(cluster))
  })
}, 600_000)
