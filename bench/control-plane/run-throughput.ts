import { resourceOf } from '../../crds/kind.ts'
import { dataset } from '../../crds/kinds/dataset.ts'
import { workerPool } from '../../crds/kinds/worker-pool.ts'
import { startIdleWorker } from './idle-worker.ts'
import { independentRuns, pool, poolNames } from './objects.ts'
import { inParallel, openScene, resourceOfObject, type Scene } from './scene.ts'
import { hasSucceeded, Watcher } from './watcher.ts'

/** Runs a second of each round. */
export async function measureRuns(count: number, rounds: number, progress: (line: string) => void): Promise<number[]> {
  const scene = await openScene(300, progress)
  const watcher = new Watcher(scene.client, [resourceOf(dataset)])
  let worker: { stop(): Promise<void> } | undefined
  try {
    await watcher.start()
    worker = await startIdleWorker(scene.redisUrl, scene.store, poolNames([pool]))
    await scene.client.apply(resourceOf(workerPool), pool)
    const rates: number[] = []
    for (let round = 0; round < rounds; round++) {
      progress(`creates ${count} runs, round ${round + 1} of ${rounds}`)
      rates.push(await runsPerSecond(scene, watcher, round, count))
    }
    return rates
  } finally {
    await worker?.stop()
    await watcher.stop()
    await scene.close()
  }
}

async function runsPerSecond({ client }: Scene, watcher: Watcher, round: number, count: number): Promise<number> {
  const objects = independentRuns(round, count)
  const accepted = watcher.untilAll('every result is accepted', objects, hasSucceeded)
  const started = performance.now()
  await inParallel(objects, (object) => client.create(resourceOfObject(object), object))
  const seconds = ((await accepted) - started) / 1000
  const gone = watcher.untilAll('every run is gone', objects, (_, isGone) => isGone)
  await inParallel(objects, ({ metadata }) => client.delete(resourceOf(dataset), metadata))
  await gone
  return count / seconds
}
