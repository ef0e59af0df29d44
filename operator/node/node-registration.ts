import { arch, hostname, platform, release } from 'node:os'
import type { Client } from '../cluster/client.ts'
import { type Clock, microTimestamp, sleep, timestamp } from '../cluster/clock.ts'
import { AlreadyExistsError, NotFoundError } from '../cluster/errors.ts'
import type { Log } from '../cluster/log.ts'
import type { KubernetesObject } from '../cluster/objects.ts'
import { LEASE, NODE } from '../cluster/resources.ts'

export interface NodeRegistration {
  client: Pick<Client, 'create' | 'mergePatch'>
  clock: Clock
  log: Log
  name: string
  /** cpu (cores), memory (bytes) and extended resources. */
  capacity: Record<string, string>
}

interface LeaseObject extends KubernetesObject {
  spec: { holderIdentity: string; leaseDurationSeconds: number; renewTime: string }
}

/** As the kubelet: a Lease of 40 s renewed every 10 s, so that no controller takes the node for lost. */
const LEASE_DURATION_SECONDS = 40
const RENEW_MILLISECONDS = 10_000
const LEASE_NAMESPACE = 'kube-node-lease'

/** Registers the Node and keeps its heartbeat until the signal aborts; returns at once where Nodes are not served. */
export async function keepNodeRegistered(node: NodeRegistration, signal: AbortSignal): Promise<void> {
  let registered = false
  while (!signal.aborted) {
    try {
      registered ||= await register(node)
      if (!registered) return
      await renew(node)
    } catch (error) {
      node.log.warn({ err: error, node: node.name }, 'Node heartbeat failed')
      // The Node may have been deleted meanwhile.
      if (error instanceof NotFoundError) registered = false
    }
    await sleep(node.clock, RENEW_MILLISECONDS, signal)
  }
}

async function register({ client, clock, log, name, capacity }: NodeRegistration): Promise<boolean> {
  const metadata = {
    name,
    labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': platform(), 'kubernetes.io/arch': architecture() },
  }
  try {
    await client.create(NODE, { apiVersion: 'v1', kind: 'Node', metadata })
  } catch (error) {
    if (error instanceof NotFoundError) {
      log.info({ node: name }, 'Server knows no Nodes')
      return false
    }
    if (!(error instanceof AlreadyExistsError)) throw error
  }
  const now = timestamp(clock.now())
  const allocatable = { pods: '110', ...capacity }
  await client.mergePatch(
    NODE,
    { name },
    {
      status: {
        capacity: allocatable,
        allocatable,
        addresses: [
          { type: 'InternalIP', address: '127.0.0.1' },
          { type: 'Hostname', address: hostname() },
        ],
        conditions: [
          {
            type: 'Ready',
            status: 'True',
            reason: 'LocalNodeReady',
            message: 'the local node runs Pods as processes',
            lastHeartbeatTime: now,
            lastTransitionTime: now,
          },
        ],
        nodeInfo: nodeInfo(),
      },
    },
    { subresource: 'status' },
  )
  return true
}

async function renew({ client, clock, name }: NodeRegistration): Promise<void> {
  const renewTime = microTimestamp(clock.now())
  const key = { namespace: LEASE_NAMESPACE, name }
  try {
    await client.mergePatch(LEASE, key, { spec: { renewTime } })
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error
    await client.create<LeaseObject>(LEASE, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: key,
      spec: { holderIdentity: name, leaseDurationSeconds: LEASE_DURATION_SECONDS, renewTime },
    })
  }
}

function architecture(): string {
  return arch() === 'x64' ? 'amd64' : arch()
}

/** All fields of NodeSystemInfo are required; what a process node does not have is empty. */
function nodeInfo(): Record<string, string> {
  return {
    machineID: '',
    systemUUID: '',
    bootID: '',
    kernelVersion: release(),
    osImage: platform(),
    containerRuntimeVersion: 'process://1',
    kubeletVersion: '',
    kubeProxyVersion: '',
    operatingSystem: platform(),
    architecture: architecture(),
  }
}
