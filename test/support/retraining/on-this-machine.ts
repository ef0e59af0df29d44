import { join } from 'node:path'
import { expect } from 'vitest'
import { projectRoot } from '../../../operator/cli/replace-process.ts'
import { kubectl, yamlOf } from '../kubectl.ts'
import type { TestCluster } from '../local-cluster.ts'
import { until } from '../until.ts'
import type { RetrainingCluster } from './scenario.ts'

/** Adloom without a cluster, told by kubectl. */
export function onThisMachine({ client, services, directory, kubeconfigPath }: TestCluster): RetrainingCluster {
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
