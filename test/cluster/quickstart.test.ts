import { randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeEach, expect, it, onTestFinished } from 'vitest'
import type { TrainingRun } from '../../crds/kinds/training-run.ts'
import { type Manifest, readManifests } from '../../operator/cli/manifests.ts'
import { projectRoot } from '../../operator/cli/replace-process.ts'
import { type Client, createClient } from '../../operator/cluster/client.ts'
import { systemClock } from '../../operator/cluster/clock.ts'
import { NotFoundError } from '../../operator/cluster/errors.ts'
import { createHttpTransport, loadKubeConfig } from '../../operator/cluster/http-transport.ts'
import { Informer } from '../../operator/cluster/informer.ts'
import type { Condition, KubernetesObject, Resource } from '../../operator/cluster/objects.ts'
import { keyOf, NAMESPACE, NODE, POD, SECRET, SERVICE, SERVICE_ACCOUNT } from '../../operator/cluster/resources.ts'
import { OperatorMetrics } from '../../operator/control/metrics.ts'
import { Operator } from '../../operator/main.ts'
import { LocalNode } from '../../operator/node/node.ts'
import type { Pod } from '../../operator/node/pod.ts'
import type { Service } from '../../operator/node/service-backends.ts'
import { ServiceProxy } from '../../operator/node/service-proxy.ts'
import { BullmqQueue } from '../../operator/queue/bullmq-queue.ts'
import { fieldManager, redisSecret } from '../../operator/reconcilers/names.ts'
import { describeEngine } from '../../workers/artifacts/engine.ts'
import { openFileStore } from '../../workers/artifacts/file-store.ts'
import { eventually, temporaryDirectory } from '../operator/node/support.ts'
import { connect, createNamespace, installKinds, sharedControlPlane } from '../support/cluster.ts'
import { lintConditions } from '../support/condition-linter.ts'
import { fakeLog } from '../support/fake-log.ts'
import { kstatus } from '../support/kstatus.ts'
import { rank } from '../support/rank.ts'
import { startRedis } from '../support/redis.ts'

type StatusObject = KubernetesObject & { status?: { state?: string; conditions?: Condition[] } }

// A build that is under way is awaited here, where there is time for it.
beforeEach(async (context) => {
  await sharedControlPlane(context)
})

it('the quickstart runs on a real control plane, outlives its operator and then rests', async (context) => {
  const { kubeconfig } = await sharedControlPlane(context)
  const redis = await startRedis()
  if ('reason' in redis) return context.skip(redis.reason)
  onTestFinished(() => redis.stop())
  const { client, close } = connect(kubeconfig)
  onTestFinished(close)
  await installKinds(client)
  const namespace = await createNamespace(client, 'quickstart')
  const directory = await temporaryDirectory()
  const { proxy, log } = await startNode(client, namespace, directory)
  const start = (resyncMs: number) => startOperator({ kubeconfig, namespace, redisUrl: redis.url, directory, resyncMs })
  await client.create(SECRET, redisSecretOf(namespace, redis.url))
  // The service account admission refuses Pods before the controller manager has made the account.
  await eventually(() => client.get(SERVICE_ACCOUNT, { namespace, name: 'default' }).catch(() => undefined))

  const first = await start(300_000)
  const manifests = smallQuickstart(namespace)
  for (const { resource, object } of manifests) await client.apply(resource, object, { fieldManager: 'user' })
  const read = (kind?: string) =>
    Promise.all(
      manifests
        .filter(({ object }) => kind === undefined || object.kind === kind)
        .map(({ resource, object }) => client.get<StatusObject>(resource, keyOf(object))),
    )
  const trainingRun = async () => (await read('TrainingRun'))[0] as unknown as TrainingRun

  const interrupted = await eventually(async () => {
    const run = await trainingRun()
    expect(run.status?.failure?.message).toBeUndefined()
    return (run.status?.progress?.step ?? 0) > 0 && run
  })
  await first.stop()
  expect(first.writes).not.toEqual([])
  expect((await trainingRun()).status?.completionTime).toBeUndefined()

  const second = await start(300)
  await eventually(async () => {
    const objects = await read()
    for (const object of objects) expect(kstatus(object), wordsOf(object)).not.toMatchObject({ status: 'Failed' })
    return objects.every((object) => isReady(object))
  })
  const resumed = await trainingRun()
  expect(resumed.status).toMatchObject({
    attempt: interrupted.status?.attempt,
    startTime: interrupted.status?.startTime,
    inputDigest: interrupted.status?.inputDigest,
    // The worker that had the job then is the one that ended it.
    startToken: interrupted.status?.startToken,
  })

  const address = await eventually(() => proxy.serviceAddress(namespace, 'quickstart'))
  const answer = await rank(`http://${address.host}:${address.ports[0]?.port}/v1/rank`, { slots: 5 })
  expect(answer.model.digest).toBe(resumed.status?.artifact?.digest)
  expect(answer.entries.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5])
  expect(new Set(answer.entries.map(({ item }) => item)).size).toBe(5)

  await eventually(async () => (await workerPods(client, namespace)).length === 0)
  await quietFor(second, 2)
  const before = await read()
  second.writes.length = 0
  await quietFor(second, 10)
  expect(second.writes).toEqual([])
  const after = await read()
  expect(after.map(({ metadata }) => metadata.resourceVersion)).toEqual(
    before.map(({ metadata }) => metadata.resourceVersion),
  )
  for (const object of after) {
    expect(kstatus(object), wordsOf(object)).toMatchObject({ status: 'Current' })
    expect(lintConditions(object), wordsOf(object)).toEqual([])
  }

  for (const { resource } of manifests) {
    for (const [column, cell] of Object.entries(await tableRow(kubeconfig, resource, namespace)))
      if (!ofRollouts.has(column)) expect(cell, `${resource.kind} ${column}`).toEqual(expect.anything())
  }

  await client.delete(NAMESPACE, { name: namespace })
  await eventually(() => isGone(client.get(NAMESPACE, { name: namespace })))
  expect(second.errors()).toEqual([])
  // A real API server keeps no address for a ClusterIP Service; the proxy tries once.
  const refused = { message: 'Status was refused', fields: { name: 'quickstart', err: { status: 422 } } }
  expect(log.lines.filter(({ level }) => level === 'error')).toMatchObject([refused])
})

/** Empty unless a rollout is under way. */
const ofRollouts = new Set(['Step', 'Weight'])

/** The manifests that a user is shown, on less data; the training lasts long enough to be met in its middle. */
function smallQuickstart(namespace: string): Manifest[] {
  const manifests = readManifests([join(projectRoot, 'examples/quickstart')], {})
  const smaller: Record<string, (spec: Record<string, unknown>) => object> = {
    Dataset: () => ({ source: { simulation: { users: 400, items: 100, seed: 7 } } }),
    WorkerPool: (spec) => ({ ...spec, idleSeconds: 3 }),
  }
  return manifests.map((manifest) => {
    const object = manifest.object as KubernetesObject & { spec: Record<string, unknown> }
    const spec = smaller[object.kind]?.(object.spec) ?? object.spec
    return { ...manifest, object: { ...object, metadata: { ...object.metadata, namespace }, spec } as KubernetesObject }
  })
}

interface RunningOperator {
  /** Requests other than reading, as `METHOD path`. */
  writes: string[]
  /** Reconciles since the start, by controller. */
  reconciles(): Promise<Map<string, number>>
  errors(): object[]
  stop(): Promise<void>
}

async function startOperator(given: {
  kubeconfig: string
  namespace: string
  redisUrl: string
  directory: string
  resyncMs: number
}): Promise<RunningOperator> {
  const { namespace, redisUrl, resyncMs } = given
  const http = createHttpTransport(loadKubeConfig(given.kubeconfig))
  const writes: string[] = []
  const transport = (request: Request) => {
    if (request.method !== 'GET') writes.push(`${request.method} ${new URL(request.url).pathname}`)
    return http.transport(request)
  }
  const log = fakeLog()
  const metrics = new OperatorMetrics()
  const queue = new BullmqQueue({ redisUrl, now: systemClock.now, onError: (error) => log.error({ error }, 'Redis') })
  await queue.connect(10_000)
  const path = join(given.directory, 'store')
  await mkdir(path, { recursive: true })
  const storeUri = pathToFileURL(path).href
  const operator = new Operator({
    client: createClient({ transport, server: http.server, fieldManager, userAgent: 'adloom' }),
    queue,
    store: openFileStore(storeUri),
    clock: systemClock,
    random: Math.random,
    log,
    metrics,
    instance: 'test',
    newId: randomUUID,
    namespace,
    pods: { image: 'adloom:local', storeUri, environment: [] },
    defaultEngine: describeEngine(),
    resyncMs,
  })
  operator.start()
  let stopping: Promise<void> | undefined
  const stop = async () => {
    await operator.stop()
    await queue.close()
    await http.close()
  }
  const stopOnce = () => {
    stopping ??= stop()
    return stopping
  }
  onTestFinished(stopOnce)
  return {
    writes,
    stop: stopOnce,
    errors: () => log.lines.filter(({ level }) => level === 'error'),
    async reconciles() {
      const metric = await metrics.registry.getSingleMetric('controller_runtime_reconcile_total')?.get()
      const counts = new Map<string, number>()
      for (const { labels, value } of metric?.values ?? []) {
        const controller = String(labels.controller)
        counts.set(controller, (counts.get(controller) ?? 0) + value)
      }
      return counts
    },
  }
}

/** Until each controller has looked at its object `times` times more. */
async function quietFor(operator: RunningOperator, times: number): Promise<void> {
  const start = await operator.reconciles()
  expect(start.size).toBe(6)
  await eventually(async () => {
    const now = await operator.reconciles()
    return [...start].every(([controller, count]) => (now.get(controller) ?? 0) >= count + times)
  })
}

async function startNode(client: Client, namespace: string, directory: string) {
  const log = fakeLog()
  const shared = { client, clock: systemClock, random: Math.random, log, namespace }
  const name = `${namespace}-node`
  const pods = new Informer<Pod>({ ...shared, resource: POD })
  const services = new Informer<Service>({ ...shared, resource: SERVICE })
  pods.start()
  services.start()
  const proxy = new ServiceProxy({ client, clock: systemClock, log, services, pods })
  await proxy.start()
  const node = new LocalNode({
    ...shared,
    name,
    directory: join(directory, 'node'),
    commandAliases: { adloom: [process.execPath, join(projectRoot, 'operator/cli/main.ts')] },
    workingDirectory: projectRoot,
    beforeStop: (pod) => proxy.drain(pod),
  })
  await node.start()
  onTestFinished(async () => {
    await node.stop()
    await proxy.stop()
    await Promise.all([pods.stop(), services.stop()])
    await client.delete(NODE, { name })
  })
  return { proxy, log }
}

/** What `kubectl get -o wide` shows of the one object of a kind. */
async function tableRow(kubeconfig: string, resource: Resource, namespace: string): Promise<Record<string, unknown>> {
  const http = createHttpTransport(loadKubeConfig(kubeconfig))
  const { group, version, plural } = resource
  const url = new URL(`/apis/${group}/${version}/namespaces/${namespace}/${plural}`, http.server)
  try {
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io'
    const response = await http.transport(new Request(url, { headers: { accept } }))
    const { columnDefinitions, rows } = (await response.json()) as {
      columnDefinitions: { name: string }[]
      rows: { cells: unknown[] }[]
    }
    expect(rows).toHaveLength(1)
    return Object.fromEntries(columnDefinitions.map(({ name }, i) => [name, rows[0]?.cells[i]]))
  } finally {
    await http.close()
  }
}

function redisSecretOf(namespace: string, url: string): KubernetesObject & { data: Record<string, string> } {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: redisSecret.name, namespace },
    data: { [redisSecret.key]: Buffer.from(url).toString('base64') },
  }
}

async function workerPods(client: Client, namespace: string): Promise<KubernetesObject[]> {
  const { items } = await client.list(POD, { namespace })
  return items.filter(({ metadata }) => metadata.ownerReferences?.some(({ kind }) => kind === 'WorkerPool'))
}

const isReady = ({ status }: StatusObject): boolean =>
  status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false

const wordsOf = ({ kind, status }: StatusObject): string => `${kind} ${JSON.stringify(status)}`

async function isGone(request: Promise<unknown>): Promise<boolean> {
  try {
    await request
    return false
  } catch (error) {
    if (error instanceof NotFoundError) return true
    throw error
  }
}
