import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { apiVersion, resourceOf } from '../../../crds/kind.ts'
import type { Dataset } from '../../../crds/kinds/dataset.ts'
import { type RankerDeployment, rankerDeployment } from '../../../crds/kinds/ranker-deployment.ts'
import { workerPool } from '../../../crds/kinds/worker-pool.ts'
import type { RankAnswer } from '../../../crds/rank.ts'
import type { Resource } from '../../../operator/cluster/objects.ts'
import { NAMESPACE, SECRET } from '../../../operator/cluster/resources.ts'
import { DATASET, eventually, type TestCluster, withLocalCluster } from '../../support/local-cluster.ts'
import { trainTinyModel } from './tiny-model.ts'

const namespace = 'loop'
const token = 'not-for-everybody'
const RANKER_DEPLOYMENT = resourceOf(rankerDeployment)

async function applyLoop(cluster: TestCluster, digest: string): Promise<void> {
  const { client } = cluster
  await client.apply(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
  await cluster.prepareNamespace(namespace)
  const apply = (resource: Resource, name: string, spec: object) =>
    client.apply(resource, { apiVersion, kind: resource.kind, metadata: { name, namespace }, spec })
  await client.apply(SECRET, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'feed-events', namespace },
    data: { token: Buffer.from(`${token}\n`).toString('base64') },
  } as Parameters<typeof client.apply>[1])
  await apply(resourceOf(workerPool), 'default', { maxReplicas: 1 })
  // Before anything was served: there is no such folder yet.
  await apply(DATASET, 'clicks', {
    source: { file: { path: `${fileURLToPath(cluster.store.uri)}/feedback/${namespace}/feed` } },
    interactions: {
      path: 'clicks/**/*.jsonl',
      format: 'JSONLines',
      columns: { user: 'user', item: 'item', time: 'time' },
    },
    pollPeriodSeconds: 1,
  })
  await apply(RANKER_DEPLOYMENT, 'feed', {
    model: { digest },
    serving: {
      beamSize: 20,
      threads: 1,
      maxBatchSize: 4,
      exploration: { temperature: '2', sharePercent: 50 },
      feedback: { tokenSecretRef: { name: 'feed-events', key: 'token' }, rotateSeconds: 1 },
    },
  })
}

async function servedUrl(cluster: TestCluster): Promise<string> {
  let url = ''
  const serves = async () => {
    const { status } = await cluster.client.get<RankerDeployment>(RANKER_DEPLOYMENT, { namespace, name: 'feed' })
    url = status?.url ?? ''
    return status?.state === 'Serving'
  }
  await eventually('the ranker serves', serves, 90)
  return url
}

const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })

const authorized = { authorization: `Bearer ${token}` }

test('clicks on what a ranker answered become a revision of a Dataset, and further clicks another one', async (context) => {
  await withLocalCluster(context, async (cluster) => {
    const tiny = await trainTinyModel({ store: cluster.store })
    try {
      await applyLoop(cluster, tiny.digest)
      const url = await servedUrl(cluster)
      expect((await post(`${url}/v1/events`, {})).status).toBe(401)

      const click = async (users: readonly string[]) => {
        const requests = users.map((id) => ({ requestId: `q-${id}`, user: { id, history: [] }, slots: 3 }))
        const answers = (await (await post(`${url}/v1/rank`, requests)).json()) as RankAnswer[]
        for (const { entries } of answers)
          expect(entries.map(({ propensity = 0 }) => propensity > 0)).not.toContain(false)
        const events = answers.flatMap(({ requestId }) => [
          { type: 'impression', requestId, position: 1 },
          { type: 'click', requestId, position: 1 },
          { type: 'click', requestId, position: 2 },
        ])
        const taken = await post(`${url}/v1/events`, events, authorized)
        expect([taken.status, await taken.json()]).toEqual([202, { accepted: events.length, unknownRequests: 0 }])
      }
      const revisionWith = async (interactions: number) => {
        let found: Dataset['status']
        const isThere = async () => {
          found = (await cluster.client.get<Dataset>(DATASET, { namespace, name: 'clicks' })).status
          return found?.interactions === interactions
        }
        await eventually(`a revision of ${interactions} clicks, last ${JSON.stringify(found)}`, isThere, 60)
        return found
      }

      await click(['anna', 'bob', 'cem'])
      const first = await revisionWith(6)
      expect(first).toMatchObject({ users: 3, badRows: 0 })
      await click(['anna', 'dora'])
      const second = await revisionWith(10)
      expect(second).toMatchObject({ users: 4, badRows: 0 })
      expect(second?.revision).not.toBe(first?.revision)
    } finally {
      await tiny.remove()
    }
  })
}, 180_000)
