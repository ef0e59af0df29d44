import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { openStore } from '../artifacts/open-store.ts'
import type { Timers } from './micro-batcher.ts'
import { Ranker } from './ranker.ts'
import { loadModel } from './served-model.ts'
import { buildServer } from './server.ts'
import { readSettings } from './settings.ts'

/** So long a server that was told to end takes new requests, until every proxy has seen that it is not ready. */
const lameDuckMilliseconds = 1000
/** Less than the grace period of the Pod, so that the end is ours and clean. */
const drainLimitMilliseconds = 25_000

export interface RunningServer {
  readonly url: string
  /** Answers what is under way, then frees everything. A second call waits for the same end. */
  stop(): Promise<void>
}

export const systemTimers: Timers = {
  monotonic: () => performance.now(),
  after: (milliseconds, run) => {
    const timer = setTimeout(run, milliseconds)
    return () => clearTimeout(timer)
  },
}

/**
 * Serves the model that the environment names; probes answer at once, /v1/rank once the model is loaded.
 * @throws when the environment is incomplete, the port is taken, or the model is absent or corrupt
 */
export async function startServing(environment: NodeJS.ProcessEnv): Promise<RunningServer> {
  const logger = pino({ level: environment.ADLOOM_LOG_LEVEL ?? 'info' })
  const settings = readSettings(environment)
  const { name, digest, serving, threads } = settings
  const ranker = new Ranker(settings, systemTimers)
  let draining = false
  const app = buildServer({
    ranker,
    draining: () => draining,
    logError: (message, error) => logger.error(error, message),
  })
  const url = await app.listen({ host: settings.host, port: serving.port })
  logger.info({ url, name, digest }, 'Loads the model')
  try {
    const store = openStore(settings.storeUri)
    ranker.use(await loadModel(digest, { ...serving, store, threads }))
  } catch (error) {
    await app.close()
    throw error
  }
  logger.info({ url, name, digest }, 'Serves')
  const end = async () => {
    draining = true
    logger.info('Drains')
    await sleep(lameDuckMilliseconds)
    const limit = setTimeout(() => app.server.closeAllConnections(), drainLimitMilliseconds)
    await app.close()
    clearTimeout(limit)
    await ranker.release()
    logger.info('Ends')
  }
  let ended: Promise<void> | undefined
  return { url, stop: () => (ended ??= end()) }
}

/** Until the process is told to end; also while the model still loads. */
async function serveUntilTold(): Promise<void> {
  const { promise: told, resolve } = Promise.withResolvers<undefined>()
  process.once('SIGTERM', () => resolve(undefined))
  process.once('SIGINT', () => resolve(undefined))
  const server = await Promise.race([startServing(process.env), told])
  if (server === undefined) return
  await told
  await server.stop()
}

if (import.meta.main) {
  serveUntilTold().then(
    () => process.exit(0),
    (error: unknown) => {
      console.error(`adloom serve: ${error instanceof Error ? error.message : String(error)}`)
      process.exit(1)
    },
  )
}
