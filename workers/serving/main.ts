import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import type { RankerDeployment } from '../../crds/kinds/ranker-deployment.ts'
import { openFileStore } from '../artifacts/file-store.ts'
import { Batcher } from './batcher.ts'
import { createHttpServer, type ServedModel } from './http.ts'
import { ServingMetrics } from './metrics.ts'
import { loadModel } from './model.ts'

type ServingSpec = RankerDeployment['spec']['serving']

/** How long a Pod that is told to end goes on taking requests, so that proxies see first that it is not ready. */
const noticeMilliseconds = 1000

/** Serves one model until told to end; then answers what it has taken. */
export async function runServer(environment: NodeJS.ProcessEnv): Promise<void> {
  const logger = pino({ level: environment.ADLOOM_LOG_LEVEL ?? 'info' })
  const spec = JSON.parse(required(environment, 'ADLOOM_SERVING')) as ServingSpec
  const model = {
    name: required(environment, 'ADLOOM_NAME'),
    digest: required(environment, 'ADLOOM_MODEL'),
    revision: required(environment, 'ADLOOM_REVISION'),
  }
  const store = openFileStore(required(environment, 'ADLOOM_STORE'))
  let served: ServedModel | undefined
  let isDraining = false
  const server = createHttpServer({
    wantedDigest: model.digest,
    served: () => served,
    isDraining: () => isDraining,
  })
  const { promise: told, resolve: tell } = Promise.withResolvers<string>()
  process.once('SIGTERM', () => tell('SIGTERM'))
  process.once('SIGINT', () => tell('SIGINT'))
  await server.listen({ host: environment.POD_IP ?? '127.0.0.1', port: spec.port })
  const { recommender, known } = await loadModel({
    store,
    digest: model.digest,
    beamSize: spec.beamSize,
    maxBatchSize: spec.maxBatchSize,
    threads: spec.threads || availableParallelism(),
  })
  const batcher = new Batcher({
    ...spec,
    decode: (requests) => recommender.decodeBatch(requests),
    monotonic: () => performance.now(),
    onBatch(size, seconds) {
      metrics.batchSize.observe(size)
      metrics.decodeSeconds.observe(seconds)
    },
  })
  const metrics = new ServingMetrics(model, () => batcher.length)
  served = { model, known, batcher, metrics }
  logger.info({ model, items: known.itemIds.length, port: spec.port }, 'Serves the model')
  logger.info({ because: await told }, 'Server drains')
  isDraining = true
  await sleep(noticeMilliseconds)
  await batcher.drained()
  await server.close()
  await recommender.release()
}

function required(environment: NodeJS.ProcessEnv, name: string): string {
  const value = environment[name]
  if (!value)
    throw new Error(`the environment variable ${name} is not set; a server is started by its RankerDeployment`)
  return value
}

if (import.meta.main) {
  runServer(process.env).then(
    () => process.exit(0),
    (error: unknown) => {
      console.error(`adloom serve: ${error instanceof Error ? error.message : String(error)}`)
      process.exit(1)
    },
  )
}
