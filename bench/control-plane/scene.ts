import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { resourceOf } from '../../crds/kind.ts'
import { kinds } from '../../crds/kinds.ts'
import { installDefinitions } from '../../operator/cli/crds.ts'
import { type Client, createClient } from '../../operator/cluster/client.ts'
import { createHttpTransport, loadKubeConfig } from '../../operator/cluster/http-transport.ts'
import type { KubernetesObject, Resource } from '../../operator/cluster/objects.ts'
import { NAMESPACE } from '../../operator/cluster/resources.ts'
import { startControlPlane } from '../../test/support/control-plane.ts'
import { startRedis } from '../../test/support/redis.ts'
import { openFileStore } from '../../workers/artifacts/file-store.ts'
import type { ArtifactStore } from '../../workers/artifacts/store.ts'
import { namespace } from './objects.ts'
import { type OperatorProcess, startOperator } from './operator-process.ts'

/** A control plane, Redis, a store and the operator, each a process of its own where it is one in production. */
export interface Scene {
  /** A user's. */
  readonly client: Client
  readonly operator: OperatorProcess
  readonly redisUrl: string
  readonly store: ArtifactStore
  close(): Promise<void>
}

export async function openScene(resyncSeconds: number, progress: (line: string) => void): Promise<Scene> {
  const parts: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (const stop of parts.reverse()) await stop()
  }
  try {
    const directory = await mkdtemp(join(tmpdir(), 'adloom-bench-'))
    parts.push(() => rm(directory, { recursive: true, force: true }))
    const { REDIS_URL: _, ...environment } = process.env
    const redis = present(await startRedis(environment))
    parts.push(() => redis.stop())
    const { kubeconfig, stop } = present(await startControlPlane({ report: progress }))
    parts.push(stop)
    const connection = createHttpTransport(loadKubeConfig(kubeconfig))
    parts.push(() => connection.close())
    const client = createClient({ ...connection, fieldManager: 'bench', userAgent: 'adloom-bench' })
    await installDefinitions(client)
    await client.create(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
    const store = openFileStore(directory)
    const operator = await startOperator({ kubeconfig, storeUri: store.uri, redisUrl: redis.url, resyncSeconds })
    parts.push(() => operator.stop())
    return { client, operator, redisUrl: redis.url, store, close }
  } catch (error) {
    await close()
    throw error
  }
}

function present<T extends object>(found: T | { reason: string }): T {
  if ('reason' in found) throw new Error(found.reason)
  return found as T
}

const resources = new Map(kinds.map((kind) => [kind.kind, resourceOf(kind)]))

export function resourceOfObject({ kind }: KubernetesObject): Resource {
  const resource = resources.get(kind ?? '')
  if (!resource) throw new Error(`${kind} is no kind of ours`)
  return resource
}

/** So many at a time, as a person's tools do. */
const atATime = 16

export async function inParallel<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<void> {
  const left = items.values()
  const work = async () => {
    for (const item of left) await act(item)
  }
  await Promise.all(Array.from({ length: atATime }, work))
}
