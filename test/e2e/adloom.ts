import { chown, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { projectRoot } from '../../operator/cli/replace-process.ts'
import { NAMESPACE } from '../../operator/cluster/resources.ts'
import type { NodeAccess } from '../support/node/access.ts'
import { redisImage } from '../support/node/images.ts'

export const systemNamespace = 'adloom-system'
/** Those with work in them; each test has its own. */
const namespaces = ['quickstart', 'drills', 'service', 'pipeline', 'upgrade']
const user = 65532
const storageClass = 'node-folder'
const storeClaim = 'adloom-store'

export interface Release {
  /** Folder of the chart; absent: that of this tree. */
  chart?: string
  /** Others than before have all operator Pods replaced. */
  podAnnotations?: Record<string, string>
}

/** Installs the chart as a user would who keeps everything in one cluster; does nothing where it is installed. */
export async function installAdloom(node: NodeAccess, release: Release = {}): Promise<void> {
  const { chart = join(projectRoot, 'charts/adloom'), podAnnotations = {} } = release
  const all = [systemNamespace, ...namespaces]
  for (const name of all)
    await node.client.apply(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  await node.apply(...(await volumes(node.directory, all)))
  const [repository, tag] = node.image.split(/:(?=[^:]*$)/)
  const values = {
    image: { repository, tag, pullPolicy: 'Never' },
    namespaces,
    operator: { podAnnotations },
    redis: { included: { image: redisImage, pullPolicy: 'Never', storage: { storageClassName: storageClass } } },
    store: { persistentVolumeClaim: { existingClaim: storeClaim } },
  }
  await node.helm(
    [
      'upgrade',
      '--install',
      'adloom',
      chart,
      '--namespace',
      systemNamespace,
      '--values',
      '-',
      '--wait',
      '--timeout',
      '5m',
    ],
    JSON.stringify(values),
  )
}

/** No storage provisioner runs here: folders of the node are the volumes, one of them shared by all namespaces. */
async function volumes(directory: string, namespaces: string[]): Promise<object[]> {
  const folder = async (name: string) => {
    const path = join(directory, 'volumes', name)
    await mkdir(path, { recursive: true })
    await chown(path, user, user)
    return path
  }
  const store = await folder('store')
  const shared = namespaces.flatMap((namespace) => [
    volume(`store-${namespace}`, store, 'ReadWriteMany', { namespace, name: storeClaim }),
    claim(namespace, `store-${namespace}`),
  ])
  const redis = { namespace: systemNamespace, name: 'data-adloom-redis-0' }
  return [...shared, volume('redis', await folder('redis'), 'ReadWriteOnce', redis)]
}

function volume(name: string, path: string, mode: string, claimRef: { namespace: string; name: string }): object {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: {
      storageClassName: storageClass,
      capacity: { storage: '10Gi' },
      accessModes: [mode],
      hostPath: { path },
      claimRef,
    },
  }
}

function claim(namespace: string, volumeName: string): object {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: storeClaim, namespace },
    spec: {
      storageClassName: storageClass,
      volumeName,
      accessModes: ['ReadWriteMany'],
      resources: { requests: { storage: '1Gi' } },
    },
  }
}

/** Where a ranker answers, as a Pod or the node sees it. */
export async function rankUrl(node: NodeAccess, namespace: string, name: string): Promise<string> {
  const path = '{.spec.clusterIP}:{.spec.ports[0].port}'
  const address = await node.kubectl('--namespace', namespace, 'get', 'service', name, '-o', `jsonpath=${path}`)
  return `http://${address}/v1/rank`
}
