import { setTimeout as sleep } from 'node:timers/promises'
import { jobKinds } from '../../crds/jobs.ts'
import { resourceOf } from '../../crds/kind.ts'
import { kinds } from '../../crds/kinds.ts'
import { bucketQuantile, bucketsOf, difference, sumOf, totalOf, writesByResource } from './exposition.ts'
import { startIdleWorker } from './idle-worker.ts'
import { mixedObjects, poolNames } from './objects.ts'
import { inParallel, openScene, resourceOfObject, type Scene } from './scene.ts'
import { hasSucceeded, isObserved, Watcher } from './watcher.ts'

export const resyncs = 10
/** Far apart enough that one resync is over before the next. */
export const resyncSeconds = 5
/** Each resync takes place up to a tenth late. */
const resyncJitter = 1.1

export interface MixedFigures {
  applySeconds: number
  observedSeconds: number
  reconciles: number
  p50Milliseconds: number
  p99Milliseconds: number
  writes: number
  memoryBytes: number
}

/** From nothing to everything settled, then that resting. */
export async function measureMixed(count: number, progress: (line: string) => void): Promise<MixedFigures> {
  const objects = mixedObjects(count)
  const scene = await openScene(resyncSeconds, progress)
  const watcher = new Watcher(scene.client, kinds.map(resourceOf))
  let worker: { stop(): Promise<void> } | undefined
  try {
    await watcher.start()
    const observed = watcher.untilAll('every object is observed', objects, isObserved)
    const started = performance.now()
    progress(`applies ${count} objects`)
    const apply = inParallel(objects, (object) => scene.client.apply(resourceOfObject(object), object))
    const applied = apply.then(() => performance.now())
    const [appliedAt, observedAt] = await Promise.all([applied, observed])
    progress('lets the worker answer all runs')
    const runs = objects.filter(({ kind }) => jobKinds.some((one) => one === kind))
    const succeeded = watcher.untilAll('every run has succeeded', runs, hasSucceeded)
    worker = await startIdleWorker(scene.redisUrl, scene.store, poolNames(objects))
    await succeeded
    await untilQuiet(scene, progress)
    return {
      applySeconds: (appliedAt - started) / 1000,
      observedSeconds: (observedAt - started) / 1000,
      ...(await measureResyncs(scene, progress)),
    }
  } finally {
    await worker?.stop()
    await watcher.stop()
    await scene.close()
  }
}

const writesAtServer = async ({ client }: Scene) => writesByResource(await client.read('/metrics'))
const quietSeconds = 15
const quietLimitSeconds = 180

/** Until nobody has written for a while: counts of events come half a minute late. */
async function untilQuiet(scene: Scene, progress: (line: string) => void): Promise<void> {
  progress('waits until nothing is written any more')
  let before = totalOf(await writesAtServer(scene))
  for (let waited = 0; waited < quietLimitSeconds; waited += quietSeconds) {
    await sleep(quietSeconds * 1000)
    const now = totalOf(await writesAtServer(scene))
    if (now === before) return
    before = now
  }
  progress(`something is still written after ${quietLimitSeconds} s`)
}

async function measureResyncs(scene: Scene, progress: (line: string) => void) {
  progress(`looks on for ${resyncs} resyncs`)
  const look = async () => ({ writes: await writesAtServer(scene), metrics: await scene.operator.metrics() })
  const before = await look()
  await sleep(resyncs * resyncSeconds * resyncJitter * 1000)
  const after = await look()
  const name = 'controller_runtime_reconcile_time_seconds'
  for (const [what, count] of after.writes) {
    const more = count - (before.writes.get(what) ?? 0)
    if (more > 0) progress(`meanwhile the API server was asked ${more} times to ${what}`)
  }
  const buckets = difference(bucketsOf(after.metrics, name), bucketsOf(before.metrics, name))
  return {
    reconciles: buckets.cumulative.at(-1) ?? 0,
    p50Milliseconds: bucketQuantile(buckets, 0.5) * 1000,
    p99Milliseconds: bucketQuantile(buckets, 0.99) * 1000,
    writes: totalOf(after.writes) - totalOf(before.writes),
    memoryBytes: sumOf(after.metrics, 'process_resident_memory_bytes'),
  }
}
