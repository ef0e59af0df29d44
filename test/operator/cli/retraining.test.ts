import { join } from 'node:path'
import { expect, test } from 'vitest'
import { projectRoot } from '../../../operator/cli/replace-process.ts'
import { NAMESPACE } from '../../../operator/cluster/resources.ts'
import { kubectl, yamlOf } from '../../support/kubectl.ts'
import { type TestCluster, withLocalCluster } from '../../support/local-cluster.ts'
import { namespace } from '../../support/retraining/manifests.ts'
import { type RetrainingCluster, retrainAndRollOut } from '../../support/retraining/scenario.ts'
import { until } from '../../support/until.ts'

function onThisMachine({ client, services, directory, kubeconfigPath }: TestCluster): RetrainingCluster {
  const run = kubectl(kubeconfigPath, join(directory, 'home'))
  const told = async (verb: string, objects: object[]) => {
    const { code, stdout, stderr } = await run.withInput(yamlOf(objects), verb, '-f', '-')
    expect(code, stdout + stderr).toBe(0)
    return stdout
  }
  return {
    client,
    apply: (...objects) => told('apply', objects),
    diff: (...objects) => told('diff', objects),
    async rankUrl(namespace, name) {
      const { host, ports } = await until(async () => services.serviceAddress(namespace, name))
      return `http://${host}:${ports[0]?.port}/v1/rank`
    },
    root: projectRoot,
  }
}

test('without a cluster too, a ranker is retrained and rolled out; what is bad offline or online never stays', async (context) => {
  await withLocalCluster(context, async (cluster) => {
    await cluster.client.apply(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
    await cluster.prepareNamespace(namespace)
    await retrainAndRollOut(onThisMachine(cluster))
  })
}, 600_000)
