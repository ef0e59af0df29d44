import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { TestContext } from 'vitest'
import { installDefinitions } from '../../operator/cli/crds.ts'
import { projectRoot } from '../../operator/cli/replace-process.ts'
import { createClient } from '../../operator/cluster/client.ts'
import { systemClock } from '../../operator/cluster/clock.ts'
import { SECRET } from '../../operator/cluster/resources.ts'
import { type Stoppable, stopInOrder } from '../../operator/control/shutdown.ts'
import { serve } from '../../operator/embedded/serve.ts'
import { createEmbeddedServer } from '../../operator/embedded/server.ts'
import { LocalNode } from '../../operator/node/node.ts'
import { redisSecret } from '../../operator/reconcilers/names.ts'
import { fakeLog } from './fake-log.ts'
import type { DrillCluster } from './local-cluster.ts'
import { startRedis, type TestRedis } from './redis.ts'

/** A cluster in which no operator runs until one is started, as a process of its own. */
export interface OperatorlessCluster extends DrillCluster {
  /** Starts `adloom operator`; it is ended with the cluster at the latest. */
  startOperator(): ChildProcess
}

export async function withOperatorProcesses(
  context: TestContext,
  drill: (cluster: OperatorlessCluster) => Promise<void>,
): Promise<void> {
  const { REDIS_URL: _, ...environment } = process.env
  const redis = await startRedis(environment)
  if ('reason' in redis) return context.skip(redis.reason)
  const directory = await mkdtemp(join(tmpdir(), 'adloom-drill-'))
  const parts: Stoppable[] = [
    { name: 'directory', stop: () => rm(directory, { recursive: true, force: true }) },
    { name: 'redis', stop: () => redis.stop() },
  ]
  try {
    await drill(await startParts(directory, redis, parts))
  } finally {
    await stopInOrder(parts.toReversed(), { clock: systemClock, log: fakeLog(), deadlineMs: 40_000 })
  }
}

async function startParts(directory: string, redis: TestRedis, parts: Stoppable[]): Promise<OperatorlessCluster> {
  const log = fakeLog()
  const embedded = createEmbeddedServer({ directory: join(directory, 'api'), log: (line) => log.info({}, line) })
  parts.push({ name: 'API server', stop: () => embedded.stop() })
  const kubeconfig = join(directory, 'kubeconfig')
  const served = await serve({ handle: embedded.handle, kubeconfigPath: kubeconfig })
  parts.push({ name: 'API server connections', stop: () => served.stop() })
  const client = createClient({ fieldManager: 'drill', userAgent: 'drill', transport: embedded.handle })
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
    register: false,
  })
  await node.start()
  parts.push({ name: 'node', stop: () => node.stop() })
  const store = pathToFileURL(join(directory, 'store')).href
  return {
    client,
    redis,
    async prepareNamespace(namespace) {
      const data = { [redisSecret.key]: Buffer.from(redis.url).toString('base64') }
      const metadata = { name: redisSecret.name, namespace }
      const secret = { apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque', data }
      await client.apply(SECRET, secret)
    },
    startOperator() {
      const argv = ['--kubeconfig', kubeconfig, '--store', store, '--no-leader-elect', '--health-port', '0']
      const child = runOperator(argv, redis.url)
      parts.push({ name: 'operator', stop: () => end(child) })
      return child
    },
  }
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
