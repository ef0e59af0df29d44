import { availableParallelism, hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { listenHost } from '../crds/listen-host.ts'
import { describeEngine } from './artifacts/engine.ts'
import { serveHealth } from './pool/health.ts'
import { PoolWorker } from './pool/pool-worker.ts'

/** One worker process: takes the jobs of one pool's queue until it is told to end. */
export async function runWorker(environment: NodeJS.ProcessEnv): Promise<void> {
  const logger = pino({ level: environment.ADLOOM_LOG_LEVEL ?? 'info' })
  const pod = environment.POD_NAME ?? hostname()
  const worker = new PoolWorker({
    redisUrl: required(environment, 'REDIS_URL'),
    queue: required(environment, 'ADLOOM_QUEUE'),
    storeUri: required(environment, 'ADLOOM_STORE'),
    scratchRoot: join(environment.ADLOOM_SCRATCH ?? tmpdir(), `adloom-${pod}`),
    threads: Number(environment.ADLOOM_THREADS ?? 0) || availableParallelism(),
    pod,
    node: environment.NODE_NAME ?? hostname(),
    engine: describeEngine(),
    stopGraceMilliseconds: 10_000,
    log: {
      info: (message, fields) => logger.info(fields ?? {}, message),
      warn: (message, fields) => logger.warn(fields ?? {}, message),
    },
    now: Date.now,
  })
  const health = await serveHealth({
    host: listenHost(environment),
    port: Number(environment.ADLOOM_HEALTH_PORT ?? 8081),
    ready: () => worker.ready,
  })
  const { promise: told, resolve } = Promise.withResolvers<string>()
  // For good: a kubelet that is told of a deletion again asks twice.
  process.on('SIGTERM', () => resolve('SIGTERM'))
  process.on('SIGINT', () => resolve('SIGINT'))
  await worker.start()
  logger.info({ queue: environment.ADLOOM_QUEUE, pod }, 'Worker takes jobs')
  logger.info(`Worker ends on ${await told}`)
  await worker.stop()
  await health.close()
}

function required(environment: NodeJS.ProcessEnv, name: string): string {
  const value = environment[name]
  if (!value) throw new Error(`the environment variable ${name} is not set; a worker is started by its WorkerPool`)
  return value
}

if (import.meta.main) {
  runWorker(process.env).then(
    () => process.exit(0),
    (error: unknown) => {
      console.error(`adloom worker: ${error instanceof Error ? error.message : String(error)}`)
      process.exit(1)
    },
  )
}
