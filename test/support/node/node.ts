import type { Condition, KubernetesObject } from '../../../operator/cluster/objects.ts'
import { NODE } from '../../../operator/cluster/resources.ts'
import { connect } from '../cluster.ts'
import type { Component } from '../control-plane/component.ts'
import { type ControlPlane, startControlPlane } from '../control-plane.ts'
import { startContainerd } from './containerd.ts'
import { type NodeParts, nodeName, startDns, startKubelet, startProxy, startScheduler } from './kubelet.ts'
import { nodeAddress, prepareNetwork } from './network.ts'
import type { Prepared } from './prepared.ts'

const readyTimeoutMs = 60_000

/** A cluster of one real node. It ends with the namespaces that run.ts made for it. */
export interface TestNode {
  kubeconfig: string
  /** Where volumes may lie. */
  directory: string
  /** The name of Adloom's image. */
  image: string
}

/**
 * Starts a control plane and a node in the network, process and mount namespaces of this process.
 *
 * @throws with the end of the log of the component that ended or was not ready in time.
 */
export async function startNode(prepared: Prepared, report: (line: string) => void): Promise<TestNode> {
  const { directory, binaries, programs, cgroup } = prepared
  const started = performance.now()
  await prepareNetwork()
  const containerd = await startContainerd(directory)
  for (const archive of prepared.images) await containerd.importImage(archive)
  report(`containerd has its images after ${seconds(started)} s`)
  const controlPlane = await startControlPlane({ binaries, nodeAddress, report })
  if ('reason' in controlPlane) throw new Error(controlPlane.reason)
  const parts: NodeParts = { directory, kubeconfig: controlPlane.kubeconfig, socket: containerd.socket, cgroup }
  startScheduler(binaries.scheduler, parts)
  await untilReady(await startDns(programs, parts), async () => (await fetch('http://127.0.0.1:8181/ready')).ok)
  await untilReady(await startKubelet(binaries.kubelet, parts), () => isNodeReady(controlPlane))
  await untilReady(startProxy(binaries.proxy, parts), async () => (await fetch('http://127.0.0.1:10256/healthz')).ok)
  report(`the node is ready after ${seconds(started)} s`)
  return { kubeconfig: controlPlane.kubeconfig, directory, image: prepared.image }
}

const untilReady = (component: Component, ready: () => Promise<boolean>) => component.until(ready, readyTimeoutMs)

async function isNodeReady({ kubeconfig }: ControlPlane): Promise<boolean> {
  const { client, close } = connect(kubeconfig)
  try {
    const node = await client.get<KubernetesObject & { status?: { conditions?: Condition[] } }>(NODE, {
      name: nodeName,
    })
    return node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
  } finally {
    await close()
  }
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1)
}
