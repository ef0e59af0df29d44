import type { Server } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Logger, pino } from 'pino'
import { openLogStore } from '../artifacts/log-store.ts'
import { openStore } from '../artifacts/open-store.ts'
import { type FollowedFile, followFile } from './auction/follow-file.ts'
import { chooseProvider } from './choose-provider.ts'
import { Feedback } from './feedback.ts'
import { FeedbackLog } from './feedback-log.ts'
import { keepFeedback } from './feedback-retention.ts'
import { loadModel } from './load-model.ts'
import type { Timers } from './micro-batcher.ts'
import { Ranker } from './ranker.ts'
import { buildServer } from './server.ts'
import { readSettings, type ServingSettings } from './settings.ts'

/**
 * So long a server that was told to end takes new requests, until every proxy has seen that it is not ready. kube-proxy
 * alone lets a second pass between two updates, and hears of a change only after the API server and a controller.
 */
const lameDuckMilliseconds = 5000
/**
 * From then on until nobody holds a connection: each answer closes its own, and clients drop idle ones after 5 s. To
 * close one sooner would cut off a request that is on its way.
 */
const connectionsLimitMilliseconds = 7000
/** Together with the above less than the grace period of a Pod (30 s), so that the end is ours and clean. */
const drainLimitMilliseconds = 12_000
const flushLimitMilliseconds = 4000

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
  const { name, digest, serving, threads, eventsToken } = settings
  const execution = await chooseProvider(serving, logger)
  const { provider } = execution
  const ranker = new Ranker(settings, systemTimers, {
    execution,
    log: {
      info: (fields, message) => logger.info(fields, message),
      warn: (fields, message) => logger.warn(fields, message),
    },
  })
  let draining = false
  const app = buildServer({
    ranker,
    eventsToken,
    draining: () => draining,
    logError: (message, error) => logger.error(error, message),
  })
  const url = await app.listen({ host: settings.host, port: serving.port })
  logger.info({ url, name, digest }, 'Loads the model')
  let log: Pick<FeedbackLog, 'stop'> | undefined
  let auction: FollowedFile | undefined
  try {
    log = await openFeedback(ranker, settings, logger)
    const store = openStore(settings.storeUri)
    const model = await loadModel(digest, { ...serving, store, threads, provider })
    auction = await followAuctionSettings(ranker, settings, logger)
    ranker.use(model, auction?.first)
  } catch (error) {
    await app.close()
    auction?.stop()
    await log?.stop(AbortSignal.timeout(flushLimitMilliseconds))
    throw error
  }
  logger.info({ url, name, digest }, 'Serves')
  const end = async () => {
    draining = true
    logger.info('Drains')
    await sleep(lameDuckMilliseconds)
    auction?.stop()
    await untilUnconnected(app.server, connectionsLimitMilliseconds)
    const limit = setTimeout(() => app.server.closeAllConnections(), drainLimitMilliseconds)
    await app.close()
    clearTimeout(limit)
    await log?.stop(AbortSignal.timeout(flushLimitMilliseconds))
    await ranker.release()
    logger.info('Ends')
  }
  let ended: Promise<void> | undefined
  return { url, stop: () => (ended ??= end()) }
}

async function followAuctionSettings(
  ranker: Ranker,
  { auctionSettings }: ServingSettings,
  logger: Logger,
): Promise<FollowedFile | undefined> {
  if (auctionSettings === undefined) return undefined
  return followFile(auctionSettings, {
    timers: systemTimers,
    onChange: (text) => ranker.takeAuctionSettings(text),
    onError: (error) => logger.warn(error, 'The file of the auction settings cannot be read; it is tried again'),
  })
}

/** Starts to note answers and events; undefined where the spec does not ask for it. */
async function openFeedback(
  ranker: Ranker,
  settings: ServingSettings,
  logger: Logger,
): Promise<Pick<FeedbackLog, 'stop'> | undefined> {
  const { namespace, name, pod, scratch, serving, storeUri } = settings
  if (serving.feedback === undefined) return undefined
  const { metrics } = ranker
  const { retentionDays } = serving.feedback
  const place = {
    store: openLogStore(storeUri),
    prefix: `feedback/${namespace}/${name}`,
    timers: systemTimers,
    now: () => Date.now(),
  }
  const log = new FeedbackLog({
    ...serving.feedback,
    ...place,
    spool: join(scratch, 'feedback'),
    writer: pod.slice(-60),
    events: {
      onDropped: (stream, count) => metrics.feedbackDropped.inc({ stream }, count),
      onPublished: (stream) => metrics.feedbackFiles.inc({ stream }),
      onPublishFailed: (error) => {
        metrics.feedbackFailures.inc()
        logger.warn(error, 'A file of feedback cannot be put into the store; it is tried again')
      },
      onWriteFailed: (error) => logger.error(error, 'Feedback cannot be written'),
    },
  })
  await log.start()
  const endRetention =
    retentionDays === undefined
      ? () => {}
      : keepFeedback({
          ...place,
          retentionDays,
          onRemoved: (stream, days) => logger.info({ stream, days }, 'Removed feedback older than retentionDays'),
          onFailed: (error) => logger.warn(error, 'Old feedback cannot be removed; it is tried again in an hour'),
        })
  ranker.noteIn(new Feedback({ settings, log, metrics, now: place.now }))
  return {
    stop(signal) {
      endRetention()
      return log.stop(signal)
    },
  }
}

/** Until no client holds a connection, or the time is over. */
async function untilUnconnected(server: Server, limitMilliseconds: number): Promise<void> {
  const deadline = performance.now() + limitMilliseconds
  const connections = () => new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count ?? 0)))
  while ((await connections()) > 0 && performance.now() < deadline) await sleep(20)
}

/** Until the process is told to end; also while the model still loads. */
async function serveUntilTold(): Promise<void> {
  const { promise: told, resolve } = Promise.withResolvers<undefined>()
  // For good: whoever asks twice (a kubelet that is told of a deletion again) must not cut off what is being answered.
  process.on('SIGTERM', () => resolve(undefined))
  process.on('SIGINT', () => resolve(undefined))
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
