import { resourceOf } from '../../crds/kind.ts'
import { dataset } from '../../crds/kinds/dataset.ts'
import { workerPool } from '../../crds/kinds/worker-pool.ts'
import { sumOf, totalOf, writesByResource } from './exposition.ts'
import { startIdleWorker } from './idle-worker.ts'
import { independentRuns, pool, poolNames } from './objects.ts'
import { inParallel, openScene, resourceOfObject, type Scene } from './scene.ts'
import { hasSucceeded, Watcher } from './watcher.ts'

/** What one round took; all but the first are counts that another load of the machine hardly changes. */
export interface Round {
  runsPerSecond: number
  reconcilesPerRun: number
  /** That the API server was asked for, the creation among them. */
  writesPerRun: number
  operatorCpuMillisecondsPerRun: number
  /** etcd aside. */
  serverCpuMillisecondsPerRun: number
}

export async function measureRuns(count: number, rounds: number, progress: (line: string) => void): Promise<Round[]> {
  const scene = await openScene(300, progress)
  const watcher = new Watcher(scene.client, [resourceOf(dataset)])
  let worker: { stop(): Promise<void> } | undefined
  try {
    await watcher.start()
    worker = await startIdleWorker(scene.redisUrl, scene.store, poolNames([pool]))
    await scene.client.apply(resourceOf(workerPool), pool)
    const measured: Round[] = []
    for (let round = 0; round < rounds; round++) {
      progress(`creates ${count} runs, round ${round + 1} of ${rounds}`)
      measured.push(await measureRound(scene, watcher, round, count))
    }
    return measured
  } finally {
    await worker?.stop()
    await watcher.stop()
    await scene.close()
  }
}

async function measureRound(scene: Scene, watcher: Watcher, round: number, count: number): Promise<Round> {
  const { client } = scene
  const objects = independentRuns(round, count)
  const before = await countsOf(scene)
  const accepted = watcher.untilAll('every result is accepted', objects, hasSucceeded)
  const started = performance.now()
  await inParallel(objects, (object) => client.create(resourceOfObject(object), object))
  const seconds = ((await accepted) - started) / 1000
  const after = await countsOf(scene)
  const gone = watcher.untilAll('every run is gone', objects, (_, isGone) => isGone)
  await inParallel(objects, ({ metadata }) => client.delete(resourceOf(dataset), metadata))
  await gone
  return {
    runsPerSecond: count / seconds,
    reconcilesPerRun: (after.reconciles - before.reconciles) / count,
    writesPerRun: (after.writes - before.writes) / count,
    operatorCpuMillisecondsPerRun: ((after.cpuSeconds - before.cpuSeconds) * 1000) / count,
    serverCpuMillisecondsPerRun: ((after.serverCpuSeconds - before.serverCpuSeconds) * 1000) / count,
  }
}

const cpuSeconds = 'process_cpu_seconds_total'

async function countsOf({ client, operator }: Scene) {
  const [metrics, ofServer] = await Promise.all([operator.metrics(), client.read('/metrics')])
  return {
    writes: totalOf(writesByResource(ofServer)),
    serverCpuSeconds: sumOf(ofServer, cpuSeconds),
    reconciles: sumOf(metrics, 'controller_runtime_reconcile_total'),
    cpuSeconds: sumOf(metrics, cpuSeconds),
  }
}
