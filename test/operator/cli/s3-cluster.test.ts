import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { apiVersion, resourceOf } from '../../../crds/kind.ts'
import { dataset } from '../../../crds/kinds/dataset.ts'
import { tokenizerBuild } from '../../../crds/kinds/tokenizer-build.ts'
import { workerPool } from '../../../crds/kinds/worker-pool.ts'
import type { RunStatus } from '../../../crds/run.ts'
import { type LocalCluster, startLocalCluster } from '../../../operator/cli/local-cluster.ts'
import type { KubernetesObject, Resource } from '../../../operator/cluster/objects.ts'
import { NAMESPACE, SECRET } from '../../../operator/cluster/resources.ts'
import { Bucket } from '../../../workers/artifacts/s3/bucket.ts'
import { fakeLog } from '../../support/fake-log.ts'
import { startRedis } from '../../support/redis.ts'
import { sharedS3Server } from '../../support/s3-server.ts'

const server = sharedS3Server()
const namespace = 'ads'
const name = 'default'

type Run = KubernetesObject & { status?: RunStatus & { state?: string } }

async function apply({ client }: LocalCluster, resource: Resource, spec: object): Promise<void> {
  const object = { apiVersion, kind: resource.kind, metadata: { name, namespace }, spec }
  await client.apply(resource, object, { fieldManager: 'test', force: true })
}

async function succeeded({ client }: LocalCluster, resource: Resource): Promise<RunStatus> {
  const deadline = performance.now() + 90_000
  for (;;) {
    const { status } = await client.get<Run>(resource, { namespace, name })
    if (status?.state === 'Succeeded') return status
    if (status?.failure?.final || performance.now() > deadline)
      throw new Error(`${resource.kind} did not get there: ${JSON.stringify(status)}`)
    await sleep(100)
  }
}

/** Objects below `logs/` of a bucket: sixty users who follow one of four interests. */
async function putLogs(uri: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'adloom-logs-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const rows = Array.from({ length: 60 }, (_, user) =>
    Array.from({ length: 6 }, (_, time) => ({
      user: `u${user}`,
      item: `i${(user % 4) * 8 + ((user + time) % 8)}`,
      time,
    })),
  ).flat()
  const titles = Array.from({ length: 32 }, (_, item) => ({ id: `i${item}`, title: `thing ${item >> 3} no ${item}` }))
  const bucket = new Bucket(uri)
  for (const [key, lines] of Object.entries({ 'logs/a.jsonl': rows, 'logs/items.jsonl': titles })) {
    const file = join(folder, 'object')
    await writeFile(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
    await bucket.upload(key, file)
  }
}

test('logs in a bucket become a tokenizer in a bucket, by workers who know the Secret alone', async (context) => {
  const { createBucket, environment } = server(context)
  const redis = await startRedis()
  if ('reason' in redis) return context.skip(redis.reason)
  const directory = await mkdtemp(join(tmpdir(), 'adloom-s3-cluster-'))
  const uri = `s3://${await createBucket()}`
  await putLogs(uri)
  const given = process.env.REDIS_URL
  process.env.REDIS_URL = redis.url
  const storeUri = `${uri}/adloom`
  const log = fakeLog()
  const cluster = await startLocalCluster({ directory, fresh: true, storeUri, log, report: () => undefined })
  try {
    await cluster.client.apply(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
    await cluster.prepareNamespace(namespace)
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = environment
    await cluster.client.apply(SECRET, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'adloom-store', namespace },
      stringData: { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY },
    } as KubernetesObject)
    await apply(cluster, resourceOf(workerPool), { maxReplicas: 1 })
    await apply(cluster, resourceOf(dataset), {
      source: { s3: { uri: `${uri}/logs` } },
      interactions: { path: 'a.jsonl', format: 'JSONLines', columns: { user: 'user', item: 'item', time: 'time' } },
      items: { path: 'items.jsonl', format: 'JSONLines', columns: { id: 'id', text: ['title'] } },
    })
    await apply(cluster, resourceOf(tokenizerBuild), {
      datasetRef: { name },
      features: { text: { dimensions: 16, buckets: 256 } },
      levels: 2,
      codebookSize: 8,
    })
    const built = await succeeded(cluster, resourceOf(tokenizerBuild))
    const pinned = await succeeded(cluster, resourceOf(dataset))
    expect(pinned).toMatchObject({ users: 60, items: 32, interactions: 360 })
    for (const { artifact } of [pinned, built]) {
      expect((await cluster.store.stat(artifact?.digest ?? ''))?.uri).toMatch(`${storeUri}/artifacts/`)
    }
    expect(inspect(log.lines, { depth: null })).not.toContain(AWS_SECRET_ACCESS_KEY)
  } finally {
    await cluster.stop()
    if (given === undefined) delete process.env.REDIS_URL
    else process.env.REDIS_URL = given
    await redis.stop()
    await rm(directory, { recursive: true, force: true })
  }
}, 180_000)
