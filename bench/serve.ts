import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent } from 'undici'
import { sequenceOf } from '../workers/data/sequences.ts'
import type { DecodeRequest } from '../workers/decoding/decoder.ts'
import { openRecommender } from '../workers/decoding/recommender.ts'
import type { BenchmarkContext, Row } from './harness/benchmark.ts'
import { estimateMean, quantile, ratioToPeer } from './harness/statistics.ts'
import { loop, rank, type Sample } from './serving/callers.ts'
import { type ModelSize, trainServedModel } from './serving/model.ts'
import { type ServerProcess, startServer } from './serving/server-process.ts'

export const description =
  'Requests a second and latency of /v1/rank over loopback, beside a bare loop over the decoder; the client shares the CPUs'

const concurrencies = [1, 16, 64]
/** The default of spec.serving.maxBatchSize, which the bare loop keeps to as well. */
const maxBatchSize = 32
const slots = 10

interface Measurement {
  readonly served: Sample[]
  readonly bare: Sample[]
}

interface Scene {
  readonly rank: (index: number) => Promise<unknown>
  readonly decode: (index: number, size: number) => Promise<void>
  release(): Promise<void>
}

export async function run({ quick, progress, measured }: BenchmarkContext): Promise<Row[]> {
  const size: ModelSize = quick
    ? { users: 500, items: 1000, codebookSize: 64 }
    : { users: 5000, items: 12_000, codebookSize: 512 }
  const plan = { rounds: quick ? 3 : 5, seconds: quick ? 2 : 10 }
  const folder = await mkdtemp(join(tmpdir(), 'adloom-bench-'))
  let opened: Promise<Scene> | undefined
  const scene = () => (opened ??= openScene(folder, size, progress))
  const rows: Row[] = []
  try {
    for (const concurrency of concurrencies) {
      const row = `${size.items} items, ${slots} slots, concurrency ${concurrency}`
      const settings = { size, plan, slots, concurrency, threads: availableParallelism() }
      const result = await measured(row, settings, async () => {
        const ready = await scene()
        progress(row)
        return measure(ready, concurrency, plan)
      })
      rows.push(...rowsOf(row, result))
    }
    return rows
  } finally {
    await (await opened?.catch(() => undefined))?.release()
    await rm(folder, { recursive: true, force: true })
  }
}

async function openScene(folder: string, size: ModelSize, progress: (line: string) => void): Promise<Scene> {
  const threads = availableParallelism()
  const { store, digest, dataset } = await trainServedModel(folder, size, progress)
  const bodies = dataset.userIds.map((id) => JSON.stringify({ user: { id }, slots }))
  const requests = dataset.userIds.map((_, user): DecodeRequest => {
    const history = sequenceOf(dataset, user)
    return { history, excluded: history, count: slots }
  })
  const recommender = await openRecommender(digest, { store, threads, maxBatch: maxBatchSize })
  const agent = new Agent({ connections: Math.max(...concurrencies) })
  let server: ServerProcess
  try {
    server = await startServer(store.uri, digest, threads)
  } catch (error) {
    await recommender.release()
    throw error
  }
  return {
    rank: (index) => rank(agent, server.url, bodies[index % bodies.length]),
    decode: async (index, size) => {
      const batch = Array.from({ length: size }, (_, place) => requests[(index + place) % requests.length])
      await recommender.decodeBatch(batch)
    },
    release: async () => {
      await agent.close()
      await server.stop()
      await recommender.release()
    },
  }
}

/** Served and bare by turns, so that whatever slows the machine slows both. */
async function measure(scene: Scene, concurrency: number, plan: { rounds: number; seconds: number }) {
  const result: Measurement = { served: [], bare: [] }
  const batch = Math.min(concurrency, maxBatchSize)
  const turns = {
    served: (seconds: number) => loop(concurrency, 1, seconds, scene.rank),
    bare: (seconds: number) => loop(1, batch, seconds, (index) => scene.decode(index, batch)),
  }
  await turns.served(0.5)
  await turns.bare(0.5)
  for (let round = 0; round < plan.rounds; round++) {
    result.served.push(await turns.served(plan.seconds))
    result.bare.push(await turns.bare(plan.seconds))
  }
  return result
}

function rowsOf(row: string, { served, bare }: Measurement): Row[] {
  const rate = estimateMean(served.map(({ perSecond }) => perSecond))
  const peerValue = estimateMean(bare.map(({ perSecond }) => perSecond)).value
  const latencies = served.flatMap((sample) => sample.latencies)
  const peer = 'bare loop of decodeBatch'
  return [
    {
      ...{ row, metric: 'throughput', unit: 'requests/s', ...rate },
      ...{ peer, peerValue, ratio: ratioToPeer(rate.value, peerValue, 'higher') },
    },
    { row, metric: 'latency p50', unit: 'ms', value: quantile(latencies, 0.5) },
    { row, metric: 'latency p99', unit: 'ms', value: quantile(latencies, 0.99) },
  ]
}
