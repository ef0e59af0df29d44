import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { resourceOf } from '../../crds/kind.ts'
import { type RankerDeployment, rankerDeployment } from '../../crds/kinds/ranker-deployment.ts'
import type { RankAnswer } from '../../crds/rank.ts'
import { installDefinitions } from '../../operator/cli/crds.ts'
import { systemClock } from '../../operator/cluster/clock.ts'
import { Informer } from '../../operator/cluster/informer.ts'
import type { KubernetesObject, Resource } from '../../operator/cluster/objects.ts'
import { DEPLOYMENT, POD } from '../../operator/cluster/resources.ts'
import { OperatorMetrics } from '../../operator/control/metrics.ts'
import { Operator } from '../../operator/main.ts'
import type { Deployment } from '../../operator/node/deployment.ts'
import { createDeploymentController } from '../../operator/node/deployment-controller.ts'
import type { Pod } from '../../operator/node/pod.ts'
import { openFileStore } from '../../workers/artifacts/file-store.ts'
import { FakeQueue } from '../simulation/fake-queue.ts'
import { eventually, silent, startNode, temporaryDirectory } from './node/support.ts'
import { type TestApi, testApi } from './node/test-api.ts'

const server = join(import.meta.dirname, '../workers/serving/auction/fake-server.ts')
const RANKER = resourceOf(rankerDeployment)
const key = { namespace: 'default', name: 'feed' }
const port = 8080

function informer<T extends KubernetesObject>(api: TestApi, resource: Resource): Informer<T> {
  const made = new Informer<T>({ client: api, resource, clock: systemClock, random: Math.random, log: silent })
  made.start()
  onTestFinished(() => made.stop())
  return made
}

/** API server, node and operator, as `adloom up` has them, but for the queue. */
async function startScene() {
  const api = testApi()
  await installDefinitions(api)
  const store = openFileStore(await temporaryDirectory())
  const inputDigest = `sha256:${'0'.repeat(64)}`
  const model = await store.publish({ kind: 'TrainingRun', inputDigest, metadata: {} }, (folder) =>
    writeFile(join(folder, 'model'), 'fake'),
  )
  const common = { client: api, clock: systemClock, random: Math.random, log: silent }
  const pods = informer<Pod>(api, POD)
  const controller = createDeploymentController({ ...common, pods, deployments: informer<Deployment>(api, DEPLOYMENT) })
  controller.start()
  onTestFinished(() => controller.stop())
  await startNode(api)
  const operator = new Operator({
    ...common,
    queue: new FakeQueue(systemClock),
    store,
    metrics: new OperatorMetrics({ processMetrics: false }),
    instance: 'test',
    newId: () => crypto.randomUUID(),
    pods: { image: 'adloom:test', storeUri: store.uri, environment: [] },
    defaultEngine: 'test',
    readMetrics: async (url, signal) => {
      const answer = await fetch(url, { signal })
      return answer.text()
    },
  })
  operator.start()
  onTestFinished(() => operator.stop())
  return { api, digest: model.digest }
}

async function rank(api: TestApi): Promise<RankAnswer['auction'][]> {
  const { items } = await api.list<Pod>(POD, { namespace: key.namespace })
  const answers = items.map(async ({ status }) => {
    const answer = await fetch(`http://${status?.podIP}:${port}/v1/rank`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    })
    return ((await answer.json()) as RankAnswer).auction
  })
  return Promise.all(answers)
}

const statusOf = async (api: TestApi) => (await api.get<RankerDeployment>(RANKER, key)).status
const readyReason = (status: RankerDeployment['status']) =>
  status?.conditions?.find(({ type }) => type === 'Ready')?.reason

async function serving(api: TestApi, generation: number) {
  return eventually(async () => {
    const status = await statusOf(api)
    return status?.observedGeneration === generation && readyReason(status) === 'Serving' && status
  })
}

const processesOf = async (api: TestApi) => {
  const { items } = await api.list<Pod>(POD, { namespace: key.namespace })
  return items.map(({ metadata, status }) => [metadata.uid, status?.containerStatuses?.[0]?.state.running?.startedAt])
}

it('a change of the custom resource reaches servers that run, and status says when', async () => {
  const { api, digest } = await startScene()
  const containers = [{ name: 'ranker', command: [process.execPath, server], args: [] }]
  await api.create(RANKER, {
    apiVersion: 'adloom.dev/v1alpha1',
    kind: 'RankerDeployment',
    metadata: key,
    spec: {
      model: { digest },
      replicas: 2,
      serving: { port, auction: { alpha: '1.5' } },
      template: { spec: { containers } },
    },
  } as KubernetesObject)
  const first = await serving(api, 1)
  expect(first.auctionSettings?.served).toBe(first.auctionSettings?.wanted)
  expect((await rank(api)).map((made) => made?.alpha)).toEqual([1.5, 1.5])
  const processes = await processesOf(api)

  const auction = { alpha: '2', paymentRule: 'FirstPrice', reservePrice: '2.5' }
  await api.mergePatch(RANKER, key, { spec: { serving: { auction } } })
  await eventually(async () => (await rank(api)).every((made) => made?.alpha === 2))
  const { auctionSettings } = await serving(api, 2)
  expect(auctionSettings?.wanted).not.toBe(first.auctionSettings?.wanted)
  expect(auctionSettings?.served).toBe(auctionSettings?.wanted)
  for (const made of await rank(api))
    expect(made).toMatchObject({
      ...{ settingsRevision: auctionSettings?.wanted, paymentRule: 'FirstPrice', reservePrice: 2.5, eligibleAds: 3 },
    })

  await api.mergePatch(RANKER, key, { spec: { serving: { auction: { paymentRule: 'PaymentNetwork' } } } })
  const refused = await eventually(async () => {
    const status = await statusOf(api)
    return readyReason(status) === 'AuctionSettingsRefused' && status
  })
  expect(refused.conditions?.find(({ type }) => type === 'AuctionSettingsServed')?.message).toContain(
    '2 of 2 Pods refuse spec.serving.auction (NoPaymentNetwork)',
  )
  expect((await rank(api)).map((made) => made?.paymentRule)).toEqual(['FirstPrice', 'FirstPrice'])
  expect(await processesOf(api)).toEqual(processes)
}, 60_000)
