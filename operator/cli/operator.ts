import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { describeEngine } from '../../workers/artifacts/engine.ts'
import { openStore } from '../../workers/artifacts/open-store.ts'
import { createClient } from '../cluster/client.ts'
import { systemClock } from '../cluster/clock.ts'
import { createHttpTransport, loadKubeConfig } from '../cluster/http-transport.ts'
import { LeaderElector } from '../cluster/lease.ts'
import { startHealthServer } from '../control/health.ts'
import { OperatorMetrics } from '../control/metrics.ts'
import { type Stoppable, stopInOrder } from '../control/shutdown.ts'
import { Operator } from '../main.ts'
import { BullmqQueue } from '../queue/bullmq-queue.ts'
import { fieldManager } from '../reconcilers/names.ts'
import { type EnvironmentVariable, type PodSettings, storeEnvironment } from '../reconcilers/pod-template.ts'
import { createLog } from './log.ts'
import { readText } from './read-text.ts'
import { UsageError } from './usage-error.ts'

export interface OperatorCommand {
  kubeconfig?: string
  namespace?: string[]
  store: string
  storeClaim?: string
  storeSecret?: string
  image: string
  imagePullPolicy?: string
  workerServiceAccount?: string
  rankerServiceAccount?: string
  podEnv?: string[]
  leaseNamespace: string
  leaderElect: boolean
  healthHost: string
  healthPort: number
  resyncSeconds: number
}

const stopDeadlineMs = 20_000

/** One operator process; ends on SIGTERM, or when it loses its Lease. */
export async function runOperator(command: OperatorCommand): Promise<void> {
  const redisUrl = process.env.REDIS_URL
  if (!redisUrl) throw new UsageError('the environment variable REDIS_URL is not set; it names Redis 6.2 or later')
  if (!(command.resyncSeconds > 0)) throw new UsageError('--resync-seconds is to be a number above 0')
  const log = createLog()
  const clock = systemClock
  const random = Math.random
  const identity = `${hostname()}_${randomUUID()}`
  const metrics = new OperatorMetrics({ processMetrics: true })
  const config = loadKubeConfig(command.kubeconfig)
  const work = createHttpTransport(config)
  // The lease has a connection of its own: a busy client must not cost the leadership.
  const election = createHttpTransport(config)
  const options = { fieldManager, userAgent: 'adloom-operator' }
  const queue = new BullmqQueue({
    redisUrl,
    now: clock.now,
    onError: (error) => log.warn({ err: error }, 'Redis connection failed'),
  })
  const shared = {
    client: createClient({ ...options, transport: work.transport, server: work.server }),
    queue,
    store: openStore(command.store),
    clock,
    random,
    log,
    metrics,
    instance: identity,
    newId: randomUUID,
    pods: podSettings(command),
    defaultEngine: describeEngine(),
    readMetrics: readText,
    resyncMs: command.resyncSeconds * 1000,
  }
  // A Role gives rights in one namespace, and a watch is of one or of all.
  const operators = command.namespace?.map((namespace) => new Operator({ ...shared, namespace })) ?? [
    new Operator(shared),
  ]
  const { promise: told, resolve: tell } = Promise.withResolvers<string>()
  let leads = false
  const lead = () => {
    leads = true
    metrics.leads(fieldManager, true)
    log.info({ identity }, 'Operator leads')
    for (const operator of operators) operator.start()
  }
  const elector = new LeaderElector({
    client: createClient({ ...options, transport: election.transport, server: election.server }),
    clock,
    random,
    log,
    key: { namespace: command.leaseNamespace, name: fieldManager },
    identity,
    onElected: lead,
    onLost: () => tell('the lease was lost'),
  })
  const health = await startHealthServer({
    host: command.healthHost,
    port: command.healthPort,
    registry: metrics.registry,
    // A standby is as ready as it can be: it takes over when it has to.
    waitsFor: () => (leads ? operators.flatMap((operator) => operator.waitsFor()) : []),
  })
  log.info({ url: health.url }, 'Serves health and metrics')
  process.on('SIGTERM', () => tell('SIGTERM'))
  process.on('SIGINT', () => tell('SIGINT'))
  if (command.leaderElect) elector.start()
  else lead()
  log.info({ because: await told }, 'Operator ends')
  const parts: Stoppable[] = [
    { name: 'operator', stop: async () => void (await Promise.all(operators.map((operator) => operator.stop()))) },
    { name: 'election', stop: () => elector.stop() },
    { name: 'queue', stop: () => queue.close() },
    { name: 'health', stop: () => health.stop() },
    { name: 'connections', stop: async () => void (await Promise.all([work.close(), election.close()])) },
  ]
  await stopInOrder(parts, { clock, log, deadlineMs: stopDeadlineMs })
}

/** What worker and serving Pods get from the command line of the operator. */
export function podSettings(command: OperatorCommand): PodSettings {
  const { image, store, storeClaim, storeSecret, imagePullPolicy } = command
  if (storeClaim !== undefined && !store.startsWith('file:'))
    throw new UsageError('--store-claim goes with a file: store: it is mounted where the store lies')
  const accounts = { worker: command.workerServiceAccount, ranker: command.rankerServiceAccount }
  const serviceAccounts = Object.fromEntries(
    Object.entries(accounts).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
  return {
    image,
    storeUri: store,
    environment: [...storeEnvironment(process.env), ...(command.podEnv ?? []).map(parseVariable)],
    serviceAccounts,
    ...(imagePullPolicy === undefined ? {} : { imagePullPolicy }),
    ...(storeClaim === undefined ? {} : { storeClaim }),
    ...(storeSecret === undefined ? {} : { storeSecret }),
  }
}

function parseVariable(pair: string): EnvironmentVariable {
  const equals = pair.indexOf('=')
  if (equals < 1) throw new UsageError(`--pod-env ${pair} is no NAME=VALUE`)
  return { name: pair.slice(0, equals), value: pair.slice(equals + 1) }
}
