import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent } from 'undici'
import type { RankAnswer } from '../crds/rank.ts'
import type { BenchmarkContext, Row } from './harness/benchmark.ts'
import { estimateMean, quantile, ratioToPeer } from './harness/statistics.ts'
import { type PartTimes, timeBids, timeParts } from './serving/auction-parts.ts'
import {
  type AuctionScene,
  type AuctionSize,
  candidateLists,
  eligibleAds,
  openAuctionScene,
  slots,
} from './serving/auction-scene.ts'
import { loop, rank, type Sample } from './serving/callers.ts'

export const description =
  'Auctions of 2,000 eligible ads over loopback: requests a second, latency and share of each step, beside a plain beam search'

const concurrencies = [1, 8]
/** Lists of eligible ads whose bids are changed. */
const bidSizes = [500, 1000, 2000]
const requestsOfOneRun = 8

interface Plan {
  readonly rounds: number
  readonly seconds: number
  readonly runs: number
}

interface Measurement {
  readonly served: Sample[]
  readonly plain: Sample[]
  /** Milliseconds of a request's run by step, as answers tell them. */
  readonly steps: Record<string, number[]>
}

export async function run({ quick, progress, measured }: BenchmarkContext): Promise<Row[]> {
  const size: AuctionSize = quick
    ? { users: 300, items: 4000, sponsoredPercent: 60 }
    : { users: 2000, items: 12_000, sponsoredPercent: 30 }
  const plan: Plan = quick ? { rounds: 2, seconds: 3, runs: 5 } : { rounds: 5, seconds: 10, runs: 20 }
  const folder = await mkdtemp(join(tmpdir(), 'adloom-bench-'))
  let opened: Promise<AuctionScene> | undefined
  const scene = () => (opened ??= openAuctionScene(folder, size, progress))
  const title = `${eligibleAds} ads, ${slots} slots, ${candidateLists} lists`
  const settings = { size, plan, eligibleAds, slots, candidateLists }
  const rows: Row[] = []
  try {
    for (const concurrency of concurrencies) {
      const row = `${title}, concurrency ${concurrency}`
      const result = await measured(row, { ...settings, concurrency }, async () => {
        const ready = await scene()
        progress(row)
        return measure(ready, concurrency, plan)
      })
      rows.push(...servedRows(row, result))
    }
    const parts = await measured('parts', settings, async () => {
      const { model, request } = await scene()
      progress('parts of one request, and other bids')
      const times = await timeParts(model, request(0), candidateLists, plan.runs)
      return { times, bids: bidSizes.map((ads) => timeBids(model, request(0, ads), candidateLists, 10 * plan.runs)) }
    })
    return [...rows, ...partRows(title, parts.times), ...bidRows(parts.bids)]
  } finally {
    await (await opened?.catch(() => undefined))?.release()
    await rm(folder, { recursive: true, force: true })
  }
}

/** Served and plain by turns, so that whatever slows the machine slows both. */
async function measure(scene: AuctionScene, concurrency: number, { rounds, seconds }: Plan): Promise<Measurement> {
  const agent = new Agent({ connections: concurrency })
  // Made beforehand: a client's work is not what is measured, though it shares the CPUs.
  const bodies = Array.from({ length: 64 }, (_, index) => scene.body(index))
  const result: Measurement = { served: [], plain: [], steps: {} }
  const ask = async (index: number) => {
    const { timings } = JSON.parse(await rank(agent, scene.server.url, bodies[index % bodies.length])) as RankAnswer
    const { candidates = 0, tokenBids = 0, graph = 0 } = timings.steps ?? {}
    const { queueMilliseconds: queue, paymentMilliseconds: payments = 0 } = timings
    for (const [name, milliseconds] of Object.entries({ queue, candidates, tokenBids, graph, payments }))
      result.steps[name] = [...(result.steps[name] ?? []), milliseconds]
  }
  const search = async (index: number) => {
    const size = Math.min(concurrency, requestsOfOneRun)
    const requests = Array.from({ length: size }, (_, place) => ({
      history: scene.request(index + place).history,
      count: slots,
    }))
    await scene.plain.decode(requests)
  }
  const size = Math.min(concurrency, requestsOfOneRun)
  await loop(concurrency, 1, 1, ask)
  for (const times of Object.values(result.steps)) times.length = 0
  await loop(1, size, 0.5, search)
  for (let round = 0; round < rounds; round++) {
    result.served.push(await loop(concurrency, 1, seconds, ask))
    result.plain.push(await loop(1, size, seconds / 2, search))
  }
  await agent.close()
  return result
}

function servedRows(row: string, { served, plain, steps }: Measurement): Row[] {
  const rate = estimateMean(served.map(({ perSecond }) => perSecond))
  const peerValue = estimateMean(plain.map(({ perSecond }) => perSecond)).value
  const latencies = served.flatMap((sample) => sample.latencies)
  const peer = 'plain beam search, bare'
  return [
    {
      ...{ row, metric: 'throughput', unit: 'requests/s', ...rate },
      ...{ peer, peerValue, ratio: ratioToPeer(rate.value, peerValue, 'higher') },
    },
    { row, metric: 'latency p50', unit: 'ms', value: quantile(latencies, 0.5) },
    { row, metric: 'latency p99', unit: 'ms', value: quantile(latencies, 0.99) },
    ...Object.entries(steps).map(([name, times]) => ({
      ...{ row, metric: `${name} p50`, unit: 'ms', value: quantile(times, 0.5) },
    })),
  ]
}

function partRows(title: string, { load, ...parts }: PartTimes): Row[] {
  const whole = Object.values(parts).reduce((sum, each) => sum + each)
  const row = `one request, ${title}`
  return [
    ...Object.entries(parts).flatMap(([name, value]) => [
      { row, metric: name, unit: 'ms', value },
      { row, metric: `${name}, share`, unit: '%', value: (100 * value) / whole },
    ]),
    { row, metric: 'load of the session, once a size', unit: 'ms', value: load },
  ]
}

/** No graph is made for other bids: what they cost is this, and it grows with the ads. */
const bidRows = (times: readonly number[]): Row[] =>
  times.map((value, index) => ({
    ...{ row: `other bids of ${bidSizes[index]} ads`, metric: 'host', unit: 'µs an ad' },
    value: (1000 * value) / bidSizes[index],
  }))
