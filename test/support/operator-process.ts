import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { TestContext } from 'vitest'
import { installDefinitions } from '../../operator/cli/crds.ts'
import { projectRoot } from '../../operator/cli/replace-process.ts'
import { type Client, createClient } from '../../operator/cluster/client.ts'
import { systemClock } from '../../operator/cluster/clock.ts'
import { createHttpTransport, loadKubeConfig } from '../../operator/cluster/http-transport.ts'
import { SECRET } from '../../operator/cluster/resources.ts'
import { type Stoppable, stopInOrder } from '../../operator/control/shutdown.ts'
import { serve } from '../../operator/embedded/serve.ts'
import { createEmbeddedServer } from '../../operator/embedded/server.ts'
import { LocalNode } from '../../operator/node/node.ts'
import { redisSecret } from '../../operator/reconcilers/names.ts'
import { openFileStore } from '../../workers/artifacts/file-store.ts'
import { type DrillApi, startDrillApi } from './drill-api.ts'
import { fakeLog } from './fake-log.ts'
import type { DrillCluster } from './local-cluster.ts'
import { startRedis, type TestRedis } from './redis.ts'

/** A cluster in which no operator runs until one is started, as a process of its own. */
export interface OperatorlessCluster extends DrillCluster {
  /** Starts `adloom operator`; it is ended with the cluster at the latest. */
  startOperator(options?: OperatorProcessOptions): ChildProcess
}

export interface OperatorProcessOptions {
  /** Whether it works only while it holds the Lease. */
  leaderElect?: boolean
}

export async function withOperatorProcesses(
  context: TestContext,
  drill: (cluster: OperatorlessCluster) => Promise<void>,
): Promise<void> {
  const { REDIS_URL: _, ...environment } = process.env
  const redis = await startRedis(environment)
  if ('reason' in redis) return context.skip(redis.reason)
  const api = await startDrillApi()
  if ('reason' in api) return context.skip(api.reason)
  const directory = await mkdtemp(join(tmpdir(), 'adloom-drill-'))
  const parts: Stoppable[] = [
    { name: 'directory', stop: () => rm(directory, { recursive: true, force: true }) },
    { name: 'redis', stop: () => redis.stop() },
    { name: 'control plane', stop: () => api.stop() },
  ]
  try {
    await drill(await startParts(directory, redis, api, parts))
  } finally {
    await stopInOrder(parts.toReversed(), { clock: systemClock, log: fakeLog(), deadlineMs: 40_000 })
  }
}

async function startParts(
  directory: string,
  redis: TestRedis,
  api: DrillApi,
  parts: Stoppable[],
): Promise<OperatorlessCluster> {
  const log = fakeLog()
  const { client, kubeconfig } = await connectTo(api, directory, parts)
  await installDefinitions(client)
  const node = new LocalNode({
    client,
    clock: systemClock,
    random: Math.random,
    log,
    name: 'local',
    directory: join(directory, 'node'),
    commandAliases: { adloom: adloom() },
    workingDirectory: projectRoot,
    register: api.kubeconfig !== undefined,
  })
  await node.start()
  parts.push({ name: 'node', stop: () => node.stop() })
  const store = join(directory, 'store')
  mkdirSync(store)
  return {
    api,
    client,
    directory,
    redis,
    store: openFileStore(store),
    async prepareNamespace(namespace) {
      const data = { [redisSecret.key]: Buffer.from(redis.url).toString('base64') }
      const metadata = { name: redisSecret.name, namespace }
      const secret = { apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque', data }
      await client.apply(SECRET, secret)
    },
    startOperator({ leaderElect = false } = {}) {
      const election = leaderElect ? ['--lease-namespace', 'default'] : ['--no-leader-elect']
      const uri = pathToFileURL(store).href
      const argv = ['--kubeconfig', kubeconfig, '--store', uri, ...election, '--health-port', '0']
      const child = runOperator(argv, redis.url)
      parts.push({ name: 'operator', stop: () => end(child) })
      return child
    },
  }
}

async function connectTo(
  { kubeconfig }: DrillApi,
  directory: string,
  parts: Stoppable[],
): Promise<{ client: Client; kubeconfig: string }> {
  const names = { fieldManager: 'drill', userAgent: 'drill' }
  if (kubeconfig !== undefined) {
    const { transport, server, close } = createHttpTransport(loadKubeConfig(kubeconfig))
    parts.push({ name: 'connections', stop: close })
    return { client: createClient({ ...names, transport, server }), kubeconfig }
  }
  const embedded = createEmbeddedServer({ directory: join(directory, 'api') })
  parts.push({ name: 'API server', stop: () => embedded.stop() })
  const kubeconfigPath = join(directory, 'kubeconfig')
  const served = await serve({ handle: embedded.handle, kubeconfigPath })
  parts.push({ name: 'API server connections', stop: () => served.stop() })
  return { client: createClient({ ...names, transport: embedded.handle }), kubeconfig: kubeconfigPath }
}

const adloom = (): string[] => [process.execPath, join(projectRoot, 'operator/cli/main.ts')]

function runOperator(argv: readonly string[], redisUrl: string): ChildProcess {
  const [program = '', ...main] = adloom()
  return spawn(program, [...main, 'operator', ...argv], {
    cwd: projectRoot,
    env: { ...process.env, REDIS_URL: redisUrl },
    stdio: 'ignore',
  })
}

/** SIGKILL: whatever the operator had in hand is lost. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}
