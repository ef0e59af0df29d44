import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent } from 'undici'
import type { BenchmarkContext, Row } from './harness/benchmark.ts'
import { estimateMean, quantile, ratioToPeer } from './harness/statistics.ts'
import { contextIn } from './recommendation/pipeline.ts'
import { loop, rank, type Sample } from './serving/callers.ts'
import { type OneRankerScene, openOneRankerScene, publishMarketplace, type Users } from './serving/one-ranker-scene.ts'
import type { RandomData } from './serving/random-model.ts'

export const description =
  'Requests of OneRanker over loopback for short and long histories, of known and of new users, beside a cascade of two servers that encodes the user twice'

const concurrency = 4
const candidateCounts = [30, 300]
const userKinds: readonly Users[] = ['new', 'known']

interface Plan {
  readonly items: number
  readonly rounds: number
  /** Seconds of a round, by length of history: long ones take seconds each. */
  readonly histories: readonly (readonly [historyLength: number, seconds: number])[]
  /** Before the first round: sessions for the size of the request are loaded meanwhile. */
  readonly warmUpSeconds: number
}

interface Measurement {
  readonly one: Sample[]
  readonly cascade: Sample[]
}

export async function run({ quick, progress, measured }: BenchmarkContext): Promise<Row[]> {
  const plan: Plan = quick
    ? { items: 2000, rounds: 2, histories: [16, 64].map((length) => [length, 1]), warmUpSeconds: 1 }
    : {
        ...{ items: 20_000, rounds: 4, warmUpSeconds: 10 },
        histories: [
          [256, 8],
          [2048, 25],
        ],
      }
  const folder = await mkdtemp(join(tmpdir(), 'adloom-bench-'))
  const stage = openStage(folder, plan.items, progress)
  const settings = { plan, concurrency, threads: availableParallelism() }
  const rows: Row[] = []
  try {
    for (const [historyLength, seconds] of plan.histories)
      for (const candidates of candidateCounts)
        for (const users of userKinds) {
          const row = `history ${historyLength}, ${candidates} candidates, ${users} users`
          const measurement = await measured(row, { ...settings, historyLength, candidates, users }, async () => {
            const scene = await stage.scene(historyLength)
            progress(row)
            return measure(scene, { candidates, users }, { ...plan, seconds })
          })
          rows.push(...rowsOf(row, measurement))
        }
    return rows
  } finally {
    await stage.release()
    await rm(folder, { recursive: true, force: true })
  }
}

/** Scenes over one marketplace, one at a time. */
function openStage(folder: string, items: number, progress: (line: string) => void) {
  let published: Promise<readonly [Awaited<ReturnType<typeof contextIn>>, RandomData]> | undefined
  let current: { readonly historyLength: number; readonly scene: OneRankerScene } | undefined
  const release = async () => {
    await current?.scene.release()
    current = undefined
  }
  const publish = async () => {
    const context = await contextIn(folder, progress)
    return [context, await publishMarketplace(context, items)] as const
  }
  return {
    release,
    async scene(historyLength: number): Promise<OneRankerScene> {
      if (current?.historyLength === historyLength) return current.scene
      await release()
      published ??= publish()
      const [context, data] = await published
      const size = { historyLength, mostCandidates: Math.max(...candidateCounts) }
      current = { historyLength, scene: await openOneRankerScene(context, data, size) }
      return current.scene
    },
  }
}

/** By turns, so that whatever slows the machine slows both. */
async function measure(
  { one, cascade, body }: OneRankerScene,
  asked: { readonly candidates: number; readonly users: Users },
  { rounds, seconds, warmUpSeconds }: Pick<Plan, 'rounds' | 'warmUpSeconds'> & { readonly seconds: number },
): Promise<Measurement> {
  const agent = new Agent({ connections: concurrency })
  let index = 0
  const askOne = () => rank(agent, one.url, body({ index: index++, ...asked }))
  const askCascade = async () => {
    const question = body({ index: index++, ...asked })
    for (const { url } of cascade) await rank(agent, url, question)
  }
  const result: Measurement = { one: [], cascade: [] }
  for (const ask of [askOne, askCascade]) await loop(concurrency, 1, warmUpSeconds, ask)
  for (let round = 0; round < rounds; round++) {
    result.one.push(await loop(concurrency, 1, seconds, askOne))
    result.cascade.push(await loop(concurrency, 1, seconds, askCascade))
  }
  await agent.close()
  return result
}

function rowsOf(row: string, { one, cascade }: Measurement): Row[] {
  const peer = 'two graphs, two encodings'
  const latency = (samples: readonly Sample[], q: number) =>
    quantile(
      samples.flatMap(({ latencies }) => latencies),
      q,
    )
  const rate = estimateMean(one.map(({ perSecond }) => perSecond))
  const peerRate = estimateMean(cascade.map(({ perSecond }) => perSecond)).value
  return [
    {
      ...{ row, metric: 'throughput', unit: 'requests/s', ...rate },
      ...{ peer, peerValue: peerRate, ratio: ratioToPeer(rate.value, peerRate, 'higher') },
    },
    { row, metric: 'requests measured', unit: '', value: one.flatMap(({ latencies }) => latencies).length },
    ...([0.5, 0.99] as const).map((q): Row => {
      const [value, peerValue] = [latency(one, q), latency(cascade, q)]
      return {
        ...{ row, metric: `latency p${100 * q}`, unit: 'ms', value },
        ...{ peer, peerValue, ratio: ratioToPeer(value, peerValue, 'lower') },
      }
    }),
  ]
}
