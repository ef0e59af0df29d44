import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { systemClock } from '../../../operator/cluster/clock.ts'
import type { Log } from '../../../operator/cluster/log.ts'
import { POD } from '../../../operator/cluster/resources.ts'
import { LocalNode, type LocalNodeOptions } from '../../../operator/node/node.ts'
import type { Container, Pod, PodSpec } from '../../../operator/node/pod.ts'
import type { TestApi } from './test-api.ts'

export const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }

export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'adloom-node-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** A container that runs a script by this Node. */
export function script(source: string, more: Partial<Container> = {}): Container {
  return { name: 'main', command: ['node', '-e', source], ...more }
}

export function makePod(name: string, containers: Container[], spec: Partial<PodSpec> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { containers, terminationGracePeriodSeconds: 5, ...spec },
  }
}

export async function startNode(api: TestApi, options: Partial<LocalNodeOptions> = {}): Promise<LocalNode> {
  const node = new LocalNode({
    client: api,
    clock: systemClock,
    random: Math.random,
    log: silent,
    name: 'local',
    directory: options.directory ?? (await temporaryDirectory()),
    commandAliases: { node: [process.execPath] },
    backoff: { initialSeconds: 0.05, maximumSeconds: 0.2, resetSeconds: 600 },
    ...options,
  })
  onTestFinished(() => node.stop())
  await node.start()
  return node
}

/** Polls until `found` gives something; the test's own time limit is the only one. */
export async function eventually<T>(found: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const value = await found()
    if (value !== undefined && value !== false) return value
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export function podWhere(api: TestApi, name: string, holds: (pod: Pod) => boolean): Promise<Pod> {
  return eventually(async () => {
    const pod = await api.get<Pod>(POD, { namespace: 'default', name })
    return holds(pod) && pod
  })
}

export const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false

export async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts).toString('utf8')
}

export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
