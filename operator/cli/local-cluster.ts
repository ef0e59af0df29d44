import { randomUUID } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describeEngine } from '../../workers/artifacts/engine.ts'
import { openStore } from '../../workers/artifacts/open-store.ts'
import type { ArtifactStore } from '../../workers/artifacts/store.ts'
import { type Client, createClient } from '../cluster/client.ts'
import { systemClock } from '../cluster/clock.ts'
import { createHttpTransport, loadKubeConfig } from '../cluster/http-transport.ts'
import { Informer } from '../cluster/informer.ts'
import type { Log } from '../cluster/log.ts'
import { DEPLOYMENT, POD, SECRET, SERVICE } from '../cluster/resources.ts'
import { OperatorMetrics } from '../control/metrics.ts'
import { type Stoppable, stopInOrder } from '../control/shutdown.ts'
import { serve } from '../embedded/serve.ts'
import { createEmbeddedServer } from '../embedded/server.ts'
import { Operator } from '../main.ts'
import type { Deployment } from '../node/deployment.ts'
import { createDeploymentController } from '../node/deployment-controller.ts'
import { LocalNode } from '../node/node.ts'
import type { Pod } from '../node/pod.ts'
import type { Service } from '../node/service-backends.ts'
import { ServiceProxy } from '../node/service-proxy.ts'
import { BullmqQueue } from '../queue/bullmq-queue.ts'
import { fieldManager, redisSecret } from '../reconcilers/names.ts'
import { storeEnvironment } from '../reconcilers/pod-template.ts'
import { installDefinitions } from './crds.ts'
import { podLogHandler } from './pod-log.ts'
import { readText } from './read-text.ts'
import { findRedisServer, startRedisServer } from './redis-server.ts'
import { projectRoot } from './replace-process.ts'
import { UsageError } from './usage-error.ts'

export interface LocalClusterOptions {
  /** Absolute folder of everything that is kept. */
  directory: string
  /** A real API server instead of the embedded one; its kubelets and controllers are not needed. */
  kubeconfig?: string
  /** Another artifact store than a folder in the directory. */
  storeUri?: string
  /** Objects of earlier runs are forgotten; artifacts stay. */
  fresh: boolean
  log: Log
  /** Tells a person what is being done. */
  report(line: string): void
}

export interface LocalCluster {
  client: Client
  store: ArtifactStore
  /** For kubectl. */
  kubeconfigPath: string
  services: ServiceProxy
  /** Makes the secrets of a namespace that Pods there refer to. */
  prepareNamespace(namespace: string): Promise<void>
  stop(): Promise<void>
}

const stopDeadlineMs = 40_000

/** Everything that a cluster has for Adloom, on this machine: API, queue, store, node and the operator itself. */
export async function startLocalCluster(options: LocalClusterOptions): Promise<LocalCluster> {
  const parts: Stoppable[] = []
  const stop = async () => {
    const unclean = await stopInOrder(parts.toReversed(), {
      clock: systemClock,
      log: options.log,
      deadlineMs: stopDeadlineMs,
    })
    if (unclean.length > 0)
      options.report(`Did not stop cleanly: ${unclean.join(', ')}; see ${logFile(options.directory)}`)
  }
  try {
    return { ...(await startParts(options, parts)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

export const logFile = (directory: string): string => join(directory, 'operator.log')

async function startParts(options: LocalClusterOptions, parts: Stoppable[]): Promise<Omit<LocalCluster, 'stop'>> {
  const { directory, log, report } = options
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const redisUrl = await startRedis(options, parts)
  const api = await startApi(options, parts)
  const { client } = api
  report(`API server at ${api.server}, KUBECONFIG=${api.kubeconfigPath}`)
  await installDefinitions(client)

  const storePath = join(directory, 'store')
  mkdirSync(storePath, { recursive: true })
  const storeUri = options.storeUri ?? pathToFileURL(storePath).href
  const store = openStore(storeUri)
  const services = await startNode(options, api, parts)

  const queue = new BullmqQueue({
    redisUrl,
    now: systemClock.now,
    onError: (error) => log.warn({ err: error }, 'Redis connection failed'),
  })
  parts.push({ name: 'queue', stop: () => queue.close() })
  await queue.connect(10_000)
  const operator = new Operator({
    client,
    queue,
    store,
    clock: systemClock,
    random: Math.random,
    log,
    metrics: new OperatorMetrics(),
    instance: hostname(),
    newId: randomUUID,
    pods: { image: 'adloom:local', storeUri, environment: storeEnvironment(process.env) },
    defaultEngine: describeEngine(),
    readMetrics: readText,
    weightedServices: true,
  })
  operator.start()
  parts.push({ name: 'operator', stop: () => operator.stop() })
  return {
    client,
    store,
    kubeconfigPath: api.kubeconfigPath,
    services,
    prepareNamespace: (namespace) => putRedisSecret(client, namespace, redisUrl),
  }
}

async function startRedis({ directory, report }: LocalClusterOptions, parts: Stoppable[]): Promise<string> {
  const given = process.env.REDIS_URL
  if (given) {
    report('Redis of REDIS_URL')
    return given
  }
  const found = await findRedisServer(process.env, { install: true, report })
  if ('missing' in found) throw new UsageError(found.missing)
  const redis = await startRedisServer({
    program: found.program,
    directory: join(directory, 'redis'),
    persistent: true,
  })
  parts.push({ name: 'redis', stop: () => redis.stop() })
  report(`Redis on port ${redis.port}`)
  return redis.url
}

interface Api {
  client: Client
  server: string
  kubeconfigPath: string
  isEmbedded: boolean
  onPodLog(handler: ReturnType<typeof podLogHandler>): void
}

async function startApi(options: LocalClusterOptions, parts: Stoppable[]): Promise<Api> {
  const { directory, kubeconfig, fresh, log } = options
  const common = { fieldManager, userAgent: 'adloom' }
  if (kubeconfig !== undefined) {
    const http = createHttpTransport(loadKubeConfig(kubeconfig))
    parts.push({ name: 'connections', stop: () => http.close() })
    const client = createClient({ ...common, transport: http.transport, server: http.server })
    return { client, server: http.server, kubeconfigPath: kubeconfig, isEmbedded: false, onPodLog: () => undefined }
  }
  const journal = join(directory, 'api')
  if (fresh) rmSync(journal, { recursive: true, force: true })
  const embedded = createEmbeddedServer({ directory: journal, log: (message) => log.info({}, message) })
  parts.push({ name: 'API server', stop: () => embedded.stop() })
  const kubeconfigPath = join(directory, 'kubeconfig')
  const served = await serve({ handle: embedded.handle, kubeconfigPath })
  parts.push({ name: 'API server connections', stop: () => served.stop() })
  return {
    client: createClient({ ...common, transport: embedded.handle }),
    server: served.url,
    kubeconfigPath,
    isEmbedded: true,
    onPodLog: (handler) => embedded.onPodLog(handler),
  }
}

/** The node, and the controllers that a cluster would have beside it. */
async function startNode(options: LocalClusterOptions, api: Api, parts: Stoppable[]): Promise<ServiceProxy> {
  const { directory, log } = options
  const { client } = api
  const common = { client, clock: systemClock, random: Math.random, log }
  const pods = new Informer<Pod>({ ...common, resource: POD })
  const deployments = new Informer<Deployment>({ ...common, resource: DEPLOYMENT })
  const servicesInformer = new Informer<Service>({ ...common, resource: SERVICE })
  const informers = [pods, deployments, servicesInformer]
  const services = new ServiceProxy({ client, clock: systemClock, log, services: servicesInformer, pods })
  const node = new LocalNode({
    ...common,
    name: 'local',
    directory: join(directory, 'node'),
    commandAliases: { adloom: [process.execPath, join(projectRoot, 'operator/cli/main.ts')] },
    workingDirectory: projectRoot,
    register: !api.isEmbedded,
    beforeStop: (pod) => services.drain(pod),
  })
  api.onPodLog(podLogHandler(node))
  for (const informer of informers) informer.start()
  parts.push({ name: 'informers', stop: async () => void (await Promise.all(informers.map((one) => one.stop()))) })
  await services.start()
  parts.push({ name: 'service proxy', stop: () => services.stop() })
  await node.start()
  parts.push({ name: 'node', stop: () => node.stop() })
  if (api.isEmbedded) {
    const controller = createDeploymentController({ ...common, deployments, pods })
    controller.start()
    parts.push({ name: 'deployment controller', stop: () => controller.stop() })
  }
  return services
}

/** Pods find Redis by a Secret, as in a cluster: its password stands in no Pod. */
async function putRedisSecret(client: Client, namespace: string, redisUrl: string): Promise<void> {
  await client.apply(
    SECRET,
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: redisSecret.name, namespace },
      type: 'Opaque',
      data: { [redisSecret.key]: Buffer.from(redisUrl).toString('base64') },
    } as Parameters<Client['apply']>[1],
    { force: true },
  )
}
