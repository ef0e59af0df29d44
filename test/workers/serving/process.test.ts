import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RankAnswer, RankRequest } from '../../../crds/rank.ts'
import { type Dataset, openDataset } from '../../../workers/data/dataset-reader.ts'
import { sequenceOf } from '../../../workers/data/sequences.ts'
import { type ModelRecommender, openRecommender } from '../../../workers/decoding/recommender.ts'
import { type TinyModel, trainTinyModel } from './tiny-model.ts'

const main = join(import.meta.dirname, '../../../workers/serving/main.ts')
const beamSize = 50
const started: ChildProcess[] = []
let tiny: TinyModel
let dataset: Dataset
let evaluated: ModelRecommender

beforeAll(async () => {
  tiny = await trainTinyModel()
  dataset = await openDataset(await tiny.store.open(tiny.datasetDigest))
  evaluated = await openRecommender(tiny.digest, { store: tiny.store, threads: 1, beamSize })
}, 60_000)

afterAll(async () => {
  for (const child of started) if (child.exitCode === null) child.kill('SIGKILL')
  await evaluated?.release()
  await tiny?.remove()
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
  return address.port
}

interface Served {
  readonly child: ChildProcess
  readonly url: string
  /** Settles with the exit code, whenever it is asked. */
  readonly exited: Promise<number | null>
  /** What the process has printed, for a message of failure. */
  printed(): string
}

async function serve(digest = tiny.digest): Promise<Served> {
  const port = await freePort()
  const child = spawn(process.execPath, [main], {
    env: {
      PATH: process.env.PATH,
      ADLOOM_NAME: 'feed',
      ADLOOM_MODEL: digest,
      ADLOOM_REVISION: 'r1',
      ADLOOM_STORE: tiny.store.uri,
      ADLOOM_SERVING: JSON.stringify({ port, beamSize, threads: 1, maxBatchSize: 8 }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  started.push(child)
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data) => {
      text += String(data)
    })
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  return { child, url: `http://127.0.0.1:${port}`, exited, printed: () => text }
}

async function isReady(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/readyz`).catch(() => undefined)
  await answer?.arrayBuffer()
  return answer?.status === 200
}

async function ready({ url, child, printed }: Served): Promise<void> {
  while (!(await isReady(url))) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}: ${printed()}`)
    await sleep(50)
  }
}

const post = (url: string, body: unknown) =>
  fetch(`${url}/v1/rank`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

async function rank(url: string, requests: RankRequest[]): Promise<RankAnswer[]> {
  const answer = await post(url, requests)
  expect(answer.status).toBe(200)
  return (await answer.json()) as RankAnswer[]
}

const idsOf = (items: Iterable<number>): string[] => Array.from(items, (item) => dataset.itemIds[item])
const itemsOf = ({ entries }: RankAnswer): string[] => entries.map(({ item }) => item)

describe('a served model', () => {
  let server: Served
  let histories: Uint32Array[]

  beforeAll(async () => {
    server = await serve()
    histories = dataset.userIds.map((_, user) => sequenceOf(dataset, user))
    await ready(server)
  }, 60_000)

  afterAll(() => server?.child.kill('SIGTERM'))

  it('answers what the evaluation of the model saw, for a history that is given and for one that is looked up', async () => {
    const expected = (await evaluated.recommend(histories, 10)).map(idsOf)
    const given = await rank(
      server.url,
      histories.map((history) => ({ user: { history: idsOf(history) } })),
    )
    const looked = await rank(
      server.url,
      dataset.userIds.map((id) => ({ user: { id } })),
    )
    expect(given.map(itemsOf)).toEqual(expected)
    expect(looked.map(itemsOf)).toEqual(expected)
    expect([...given, ...looked].flatMap(({ skipped }) => skipped)).toEqual([])
    expect(given[0].model).toEqual({ name: 'feed', digest: tiny.digest, revision: 'r1' })
  })

  it('answers candidates alone, in the order that the whole list has them', async () => {
    const [answer] = await rank(server.url, [{ user: { id: dataset.userIds[0] }, slots: beamSize }])
    const candidates = itemsOf(answer).filter((_, index) => index % 3 === 0)
    const [restricted] = await rank(server.url, [
      {
        user: { id: dataset.userIds[0] },
        slots: beamSize,
        candidates: { organic: [...candidates].reverse() },
      },
    ])
    expect(itemsOf(restricted)).toEqual(candidates)
  })

  it('fills the list with every item that is left, once each, best first', async () => {
    const [rest, all] = await rank(server.url, [
      { user: { id: dataset.userIds[1] }, slots: beamSize },
      { user: { id: dataset.userIds[1] }, slots: beamSize, includeSeen: true },
    ])
    const seen = new Set(idsOf(histories[1]))
    expect(itemsOf(rest).toSorted()).toEqual(dataset.itemIds.filter((id) => !seen.has(id)).toSorted())
    expect(itemsOf(all).toSorted()).toEqual([...dataset.itemIds].toSorted())
    const scores = all.entries.map(({ score }) => score)
    expect(scores).toEqual(scores.toSorted((a, b) => b - a))
  })
})

describe('a server that is told to end', () => {
  it('answers whatever is sent before it says that it is not ready, and ends well', async () => {
    const server = await serve()
    await ready(server)
    const statuses: number[] = []
    let sending = true
    const client = async (index: number) => {
      while (sending) {
        const answer = await post(server.url, { user: { id: dataset.userIds[index] } })
        await answer.arrayBuffer()
        statuses.push(answer.status)
      }
    }
    const clients = Promise.all(Array.from({ length: 8 }, (_, index) => client(index)))
    while (statuses.length < 50) await sleep(5)
    server.child.kill('SIGTERM')
    while (await isReady(server.url)) await sleep(5)
    // A kubelet that hears of the deletion again says it again.
    server.child.kill('SIGTERM')
    sending = false
    await clients
    expect(new Set(statuses)).toEqual(new Set([200]))
    expect([await server.exited, server.printed()]).toEqual([0, expect.stringContaining('Drains')])
  })

  it('ends with an error that names the model when the store does not have it', async () => {
    const absent = `sha256:${'e'.repeat(64)}`
    const server = await serve(absent)
    expect(await server.exited).toBe(1)
    expect(server.printed()).toContain(absent.slice('sha256:'.length, 'sha256:'.length + 12))
  })
})
