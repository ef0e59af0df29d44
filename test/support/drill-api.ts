import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { resourceOf } from '../../crds/kind.ts'
import { kinds } from '../../crds/kinds.ts'
import { createClient } from '../../operator/cluster/client.ts'
import { ifThere } from '../../operator/cluster/errors.ts'
import { createHttpTransport, loadKubeConfig } from '../../operator/cluster/http-transport.ts'
import { keyOf, LEASE, NAMESPACE, POD } from '../../operator/cluster/resources.ts'
import type { Unavailable } from './control-plane/unavailable.ts'
import { type ControlPlane, startControlPlane } from './control-plane.ts'

/** The API server that a drill runs on; without a kubeconfig the embedded one, which the cluster brings itself. */
export interface DrillApi {
  kubeconfig?: string
  stop(): Promise<void>
}

/** Set by the project `cluster-drills` of vitest.config.ts: the same drills on a real control plane. */
export const isRealApi = process.env.ADLOOM_DRILL_API === 'real'

/** One for all drills of this process, as the test files of the project are not isolated; it ends with the process. */
let controlPlane: Promise<ControlPlane | Unavailable> | undefined

export async function startDrillApi(): Promise<DrillApi | Unavailable> {
  if (!isRealApi) return { stop: async () => undefined }
  controlPlane ??= startOnce()
  const started = await controlPlane
  if ('reason' in started) return started
  const { kubeconfig } = started
  return { kubeconfig, stop: () => emptyControlPlane(kubeconfig) }
}

async function startOnce(): Promise<ControlPlane | Unavailable> {
  const started = await startControlPlane()
  if ('reason' in started) return started
  process.once('exit', () => rmSync(started.directory, { recursive: true, force: true }))
  // So does the test runner end its processes.
  process.once('SIGTERM', () => process.exit(143))
  return started
}

/** Takes away what a drill has left; nobody works there any more, so nobody else takes the finalizers off. */
async function emptyControlPlane(kubeconfig: string): Promise<void> {
  const http = createHttpTransport(loadKubeConfig(kubeconfig))
  const client = createClient({ ...http, fieldManager: 'drill', userAgent: 'drill' })
  try {
    for (const resource of [...kinds.map(resourceOf), POD, LEASE]) {
      for (const object of (await client.list(resource)).items) {
        if (object.metadata.namespace?.startsWith('kube-')) continue
        const finalizers = object.metadata.finalizers ?? []
        if (finalizers.length > 0)
          await ifThere(client.mergePatch(resource, keyOf(object), { metadata: { finalizers: null } }))
        await ifThere(client.delete(resource, keyOf(object), { gracePeriodSeconds: 0 }))
      }
    }
    const own = ({ metadata: { name } }: { metadata: { name: string } }) =>
      name !== 'default' && !name.startsWith('kube-')
    const namespaces = async () => (await client.list(NAMESPACE)).items.filter(own)
    for (const object of await namespaces()) await ifThere(client.delete(NAMESPACE, keyOf(object)))
    for (const deadline = performance.now() + 60_000; (await namespaces()).length > 0; await sleep(200))
      if (performance.now() > deadline) throw new Error('the namespaces of a drill do not go')
  } finally {
    await http.close()
  }
}
