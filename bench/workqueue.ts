import { systemClock } from '../operator/cluster/clock.ts'
import { WorkQueue } from '../operator/control/workqueue.ts'
import type { BenchmarkContext, Row } from './harness/benchmark.ts'
import { estimateMean, quantile } from './harness/statistics.ts'

export const description = 'Keys a second through the work queue, and how long a key waits in an idle one'

const repetitions = 5
const workers = 4
const additions = 3

export async function run({ quick, progress, measured }: BenchmarkContext): Promise<Row[]> {
  const rows: Row[] = []
  for (const keys of quick ? [1_000, 10_000] : [1_000, 10_000, 100_000]) {
    const row = `${keys} keys added ${additions} times, ${workers} workers`
    const rates = await measured(row, { keys, additions, workers, repetitions }, async () => {
      progress(row)
      await keysPerSecond(keys)
      const samples: number[] = []
      for (let i = 0; i < repetitions; i++) samples.push(await keysPerSecond(keys))
      return samples
    })
    rows.push({ row, metric: 'throughput', unit: 'keys/s', ...estimateMean(rates) })
  }
  const samples = quick ? 1_000 : 20_000
  const row = `one key at a time, ${samples} times`
  const waits = await measured(row, { samples }, () => {
    progress(row)
    return idleWaits(samples)
  })
  for (const [metric, q] of [
    ['p50', 0.5],
    ['p99', 0.99],
  ] as const) {
    rows.push({ row, metric: `wait ${metric}`, unit: 'µs', value: quantile(waits, q) })
  }
  return rows
}

/** The token bucket, which would be what is measured, is set out of the way. */
function newQueue(): WorkQueue {
  return new WorkQueue({
    clock: systemClock,
    random: () => 0.5,
    bucket: { ratePerSecond: Number.MAX_SAFE_INTEGER, burst: Number.MAX_SAFE_INTEGER },
  })
}

async function keysPerSecond(keys: number): Promise<number> {
  const queue = newQueue()
  const names = Array.from({ length: keys }, (_, i) => `namespace/object-${i}`)
  const started = performance.now()
  let handed = 0
  const work = async () => {
    for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
      handed++
      queue.done(key)
    }
  }
  for (let i = 0; i < additions; i++) for (const name of names) queue.add(name)
  const working = Array.from({ length: workers }, work)
  await queue.shutDown()
  await Promise.all(working)
  if (handed !== keys) throw new Error(`${handed} of ${keys} keys were handed out: repeated additions must coalesce`)
  return handed / ((performance.now() - started) / 1000)
}

/** Microseconds from adding a key to its arrival at a worker that waits. */
async function idleWaits(samples: number): Promise<number[]> {
  const queue = newQueue()
  const waits: number[] = []
  for (let i = 0; i < samples; i++) {
    const taken = queue.take()
    const added = performance.now()
    queue.add('namespace/object')
    await taken
    waits.push((performance.now() - added) * 1000)
    queue.done('namespace/object')
  }
  await queue.shutDown()
  return waits
}
