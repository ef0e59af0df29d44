import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import type { RankAnswer } from '../../../crds/rank.ts'
import { systemClock } from '../../../operator/cluster/clock.ts'
import { Informer } from '../../../operator/cluster/informer.ts'
import type { KubernetesObject, Resource } from '../../../operator/cluster/objects.ts'
import { DEPLOYMENT, POD, SERVICE } from '../../../operator/cluster/resources.ts'
import type { Deployment } from '../../../operator/node/deployment.ts'
import { createDeploymentController } from '../../../operator/node/deployment-controller.ts'
import type { Pod, PodSpec } from '../../../operator/node/pod.ts'
import type { Service } from '../../../operator/node/service-backends.ts'
import { ServiceProxy } from '../../../operator/node/service-proxy.ts'
import { environment, restrictedPodSpec } from '../../../operator/reconcilers/pod-template.ts'
import { eventually, silent, startNode, temporaryDirectory } from '../../operator/node/support.ts'
import { type TestApi, testApi } from '../../operator/node/test-api.ts'
import { type TinyModel, trainTinyModel } from './tiny-model.ts'

const adloom = join(import.meta.dirname, '../../../operator/cli/main.ts')
const port = 8080
const key = { namespace: 'default', name: 'feed' }
/** 100 requests a second. */
const periodMilliseconds = 10
let tiny: TinyModel

beforeAll(async () => {
  tiny = await trainTinyModel()
}, 60_000)
afterAll(() => tiny?.remove())

/** With the Pod that the operator makes of a RankerDeployment. */
function deployment(revision: string): Deployment {
  const serving = { port, beamSize: 10, threads: 1, maxBatchSize: 4, feedback: { rotateSeconds: 3600 } }
  const parts = {
    name: 'ranker',
    args: ['serve'],
    port,
    environment: [
      environment('ADLOOM_NAME', 'feed'),
      environment('ADLOOM_MODEL', tiny.digest),
      environment('ADLOOM_REVISION', revision),
      environment('ADLOOM_SERVING', JSON.stringify(serving)),
    ],
  }
  const spec = restrictedPodSpec(parts, { image: 'adloom:local', storeUri: tiny.store.uri, environment: [] })
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { ...key },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: 'feed' } },
      strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: { metadata: { labels: { app: 'feed' } }, spec: spec as unknown as PodSpec },
    },
  }
}

/** Divided request by request, as that of a RankerDeployment is. */
const service: Service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { ...key },
  spec: { selector: { app: 'feed' }, ports: [{ name: 'http', port, targetPort: 'http', appProtocol: 'http' }] },
}

function informer<T extends KubernetesObject>(api: TestApi, resource: Resource): Informer<T> {
  const made = new Informer<T>({ client: api, resource, clock: systemClock, random: Math.random, log: silent })
  made.start()
  onTestFinished(() => made.stop())
  return made
}

/** A node with a proxy, and two Pods of the ranker on it that are ready. */
async function startScene() {
  const api = testApi()
  const pods = informer<Pod>(api, POD)
  const deployments = informer<Deployment>(api, DEPLOYMENT)
  const services = informer<Service>(api, SERVICE)
  const common = { client: api, clock: systemClock, random: Math.random, log: silent }
  const proxy = new ServiceProxy({ ...common, services, pods })
  await proxy.start()
  onTestFinished(() => proxy.stop())
  const controller = createDeploymentController({ ...common, deployments, pods })
  controller.start()
  onTestFinished(() => controller.stop())
  const directory = await temporaryDirectory()
  await startNode(api, {
    directory,
    commandAliases: { adloom: [process.execPath, adloom] },
    beforeStop: (pod) => proxy.drain(pod),
  })
  await api.create(SERVICE, service)
  await api.create(DEPLOYMENT, deployment('one'))
  const settled = (generation: number) =>
    eventually(async () => {
      const { status } = await api.get<Deployment>(DEPLOYMENT, key)
      const progressing = status?.conditions?.find(({ type }) => type === 'Progressing')
      return status?.observedGeneration === generation && progressing?.reason === 'NewReplicaSetAvailable'
    })
  await settled(1)
  const host = proxy.serviceAddress(key.namespace, key.name)?.host ?? ''
  /** Ids of the servers' processes. */
  const processes = async () => (await readdir(join(directory, 'processes'))).map((name) => name.split('.')[0])
  return { api, pods, settled, host, processes }
}

/** @throws when there is no whole answer, or it is no list */
function ask(host: string, requestId: string, agent: Agent | false): Promise<RankAnswer> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' }
    const sent = request({ host, port, path: '/v1/rank', method: 'POST', headers, agent }, (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(text))
        else reject(new Error(`${requestId} was answered ${response.statusCode}: ${text}`))
      })
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(JSON.stringify({ requestId, slots: 3 }))
  })
}

/** Sends at a steady rate, whatever becomes of the answers, every other request over connections that are kept. */
function startClient(host: string, prefix: string, tries: number) {
  const agent = new Agent({ keepAlive: true })
  const seen = { sent: 0, answered: 0, failures: [] as string[], revisions: new Set<string>() }
  const underWay: Promise<void>[] = []
  const send = async (number: number) => {
    const requestId = `${prefix}-${number}`
    for (let left = tries - 1; left >= 0; left--) {
      // Whoever tries again does so over a new connection: all that are kept may lead to the same dead Pod.
      const isFirst = left === tries - 1
      try {
        const answer = await ask(host, requestId, number % 2 === 0 && isFirst ? agent : false)
        seen.answered++
        seen.revisions.add(answer.model.revision)
        return
      } catch (error) {
        if (left === 0) seen.failures.push(`${requestId}: ${error}`)
      }
    }
  }
  const timer = setInterval(() => underWay.push(send(seen.sent++)), periodMilliseconds)
  const stop = async () => {
    clearInterval(timer)
    await Promise.all(underWay)
    agent.destroy()
  }
  onTestFinished(stop)
  const sent = (count: number) => eventually(() => seen.sent >= count)
  return { seen, stop, sent }
}

/** Ids of the requests that were written into the store. */
async function writtenRequests(prefix: string): Promise<string[]> {
  const folder = join(fileURLToPath(tiny.store.uri), 'feedback/default/feed/requests')
  const names = existsSync(folder) ? await readdir(folder, { recursive: true }) : []
  const texts = await Promise.all(
    names.filter((name) => name.endsWith('.jsonl')).map((name) => readFile(join(folder, name), 'utf8')),
  )
  return texts
    .flatMap((text) => text.trimEnd().split('\n'))
    .map((line) => (JSON.parse(line) as { requestId: string }).requestId)
    .filter((id) => id.startsWith(`${prefix}-`))
}

it('no request fails while both Pods are replaced, and each one is in the log once', async () => {
  const { api, pods, settled, host } = await startScene()
  const client = startClient(host, 'rolling', 1)
  await client.sent(100)
  await api.mergePatch(DEPLOYMENT, key, { spec: { template: deployment('two').spec.template } })
  await settled(2)
  await client.sent(client.seen.sent + 100)
  await client.stop()
  const { seen } = client
  expect(seen.failures).toEqual([])
  expect(seen.answered).toBe(seen.sent)
  expect(seen.revisions).toEqual(new Set(['one', 'two']))
  // Every process has ended by itself and put its log into the store.
  await api.mergePatch(DEPLOYMENT, key, { spec: { replicas: 0 } })
  await eventually(() => pods.list().length === 0)
  const written = await writtenRequests('rolling')
  expect(written.length).toBe(seen.sent)
  expect(new Set(written).size).toBe(seen.sent)
}, 180_000)

it('when one of two Pods is killed no request fails after one retry', async () => {
  const { host, processes } = await startScene()
  const client = startClient(host, 'killed', 2)
  await client.sent(100)
  const [victim] = await processes()
  process.kill(Number(victim), 'SIGKILL')
  await client.sent(client.seen.sent + 200)
  await client.stop()
  expect(client.seen.failures).toEqual([])
  expect(client.seen.answered).toBe(client.seen.sent)
}, 180_000)
