import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, expect, type MockInstance, test, vi } from 'vitest'
import { heartbeatLimitSeconds, type JobPayload, jobId, keys, type WorkerRegistration } from '../../../crds/jobs.ts'
import { BullmqQueue, parseFailure } from '../../../operator/queue/bullmq-queue.ts'
import { QueueUnavailableError } from '../../../operator/queue/job-queue.ts'
import { startRedis, type TestRedis } from '../../support/redis.ts'

const now = Date.parse('2026-01-01T12:00:00Z')
const pool = 'default.pool'
const id = jobId('uid', 1)
const payload: JobPayload = {
  kind: 'TrainingRun',
  namespace: 'default',
  name: 'run',
  uid: 'uid',
  attempt: 1,
  inputDigest: 'sha256:inputs',
  engine: 'engine',
  spec: {},
  inputs: {},
}
const result = {
  uid: 'uid',
  inputDigest: 'sha256:inputs',
  startToken: 'token',
  artifact: { digest: 'sha256:made', sizeBytes: 1 },
  summary: {},
  worker: { pod: 'pod', node: 'node' },
}

let server: TestRedis | undefined
let reason = ''
let queue: BullmqQueue
let redis: Redis
const closing: (() => Promise<unknown>)[] = []

const queueAt = (redisUrl: string) => new BullmqQueue({ redisUrl, now: () => now, onError: () => undefined })

beforeAll(async () => {
  const started = await startRedis()
  if ('reason' in started) reason = started.reason
  else server = started
})

afterAll(() => server?.stop())

beforeEach(async (context) => {
  if (!server) return context.skip(reason)
  await server.flushAll()
  redis = new Redis(server.url)
  queue = queueAt(server.url)
  await queue.connect(5000)
})

afterEach(async () => {
  await Promise.allSettled(closing.splice(0).map((close) => close()))
  await queue?.close()
  redis?.disconnect()
})

const urlOf = (): string => server?.url ?? ''

/** A worker's side of the queue, as far as one job goes. */
async function take(token = 'lock') {
  const worker = new Worker(pool, null, {
    prefix: keys.prefix,
    connection: { url: urlOf(), maxRetriesPerRequest: null },
    autorun: false,
  })
  closing.push(() => worker.close(true))
  const job = await worker.getNextJob(token)
  if (!job) throw new Error('there is no job to take')
  return { job, token }
}

const registration = (pod: string, fields: Partial<WorkerRegistration> = {}): WorkerRegistration => ({
  pod,
  node: 'node',
  engine: `engine of ${pod}`,
  state: 'Idle',
  since: now,
  heartbeat: now,
  ...fields,
})

const register = (worker: WorkerRegistration) => redis.hset(keys.workers(pool), worker.pod, JSON.stringify(worker))

test('a job that is added twice is there once', async () => {
  await queue.enqueue(pool, payload)
  await queue.enqueue(pool, { ...payload, name: 'other' })
  expect(await queue.backlog(pool)).toEqual({ waiting: 1, active: 0 })
  expect(await queue.job(pool, id)).toEqual({ state: 'Waiting' })
  const { job } = await take()
  expect(job.data).toEqual(payload)
})

test('a job that nobody added is absent', async () => {
  expect(await queue.job(pool, id)).toEqual({ state: 'Absent' })
})

test('a job at work tells its token and its progress', async () => {
  await queue.enqueue(pool, payload)
  const { job } = await take()
  expect(await queue.job(pool, id)).toEqual({ state: 'Active' })
  const progress = { startToken: 'token', phase: 'Training', step: 1, totalSteps: 2, worker: result.worker }
  await redis.set(keys.startToken(pool, id), 'token')
  await job.updateProgress(progress)
  expect(await queue.job(pool, id)).toEqual({ state: 'Active', startToken: 'token', progress })
  expect(await queue.backlog(pool)).toEqual({ waiting: 0, active: 1 })
})

test('a finished job tells its result until it is removed', async () => {
  await queue.enqueue(pool, payload)
  const { job, token } = await take()
  await redis.set(keys.startToken(pool, id), 'token')
  await job.moveToCompleted(result, token, false)
  expect(await queue.job(pool, id)).toEqual({ state: 'Completed', startToken: 'token', result })
  await queue.enqueue(pool, payload)
  expect(await queue.job(pool, id)).toMatchObject({ state: 'Completed' })
  await queue.remove(pool, id)
  expect(await queue.job(pool, id)).toEqual({ state: 'Absent' })
  expect(await redis.exists(keys.startToken(pool, id))).toBe(0)
})

test('a failed job tells why, in the words of its worker', async () => {
  await queue.enqueue(pool, payload)
  const { job, token } = await take()
  const failure = { reason: 'BadData', message: 'row 3', retryable: false }
  await job.moveToFailed(new Error(JSON.stringify(failure)), token, false)
  expect(await queue.job(pool, id)).toEqual({ state: 'Failed', failure })
})

const failures: Record<string, [string | undefined, object]> = {
  'a stall may work next time': [
    'job stalled more than allowable limit',
    { reason: 'WorkerLost', message: 'job stalled more than allowable limit', retryable: true },
  ],
  'silence may work next time': [undefined, { reason: 'WorkerLost', retryable: true }],
  'half a word may work next time': ['{"reason":', { reason: 'WorkerLost', retryable: true }],
  'no reason may work next time': ['{"message":"m"}', { reason: 'WorkerLost', retryable: true }],
  'a reason that is a sentence is none': [
    '{"reason":"it broke","message":"m","retryable":false}',
    { reason: 'WorkerLost', retryable: true },
  ],
  'a reason that status has no room for is none': [
    JSON.stringify({ reason: 'R'.repeat(65), message: 'm', retryable: false }),
    { reason: 'WorkerLost', retryable: true },
  ],
  'what does not say that it may be tried again may not': [
    '{"reason":"BadData","message":"m"}',
    { reason: 'BadData', message: 'm', retryable: false },
  ],
}

test.each(Object.entries(failures))('%s', (_, [said, expected]) => {
  expect(parseFailure(said)).toMatchObject(expected)
})

test('a cancelled job that waits is gone, and whoever takes it still finds the mark', async () => {
  await queue.enqueue(pool, payload)
  await queue.cancel(pool, id, 'the run was suspended')
  expect(await queue.job(pool, id)).toEqual({ state: 'Absent' })
  expect(await redis.get(keys.cancel(pool, id))).toBe('the run was suspended')
  expect(await redis.ttl(keys.cancel(pool, id))).toBeGreaterThan(0)
})

test('a cancelled job at work stays with its worker, which is woken', async () => {
  const listener = new Redis(urlOf())
  closing.push(async () => listener.disconnect())
  const heard: string[] = []
  listener.on('message', (_, message) => heard.push(message))
  await listener.subscribe(keys.wake(pool))
  await queue.enqueue(pool, payload)
  await take()
  await queue.cancel(pool, id, 'its deadline passed')
  expect(await queue.job(pool, id)).toMatchObject({ state: 'Active' })
  await vi.waitFor(() => expect(heard).toEqual([id]))
})

test('a cancelled job that is complete keeps its result', async () => {
  await queue.enqueue(pool, payload)
  const { job, token } = await take()
  await job.moveToCompleted(result, token, false)
  await queue.cancel(pool, id, 'the run was suspended')
  expect(await queue.job(pool, id)).toMatchObject({ state: 'Completed', result })
})

test.each(['getJobState', 'getJob'] as const)(
  'a job that ends right after %s is told as active or with its result, never complete without one',
  async (read) => {
    await queue.enqueue(pool, payload)
    const { job, token } = await take()
    const original = Queue.prototype[read] as (id: string) => Promise<unknown>
    const spy = vi.spyOn(Queue.prototype, read) as unknown as MockInstance<(id: string) => Promise<unknown>>
    spy.mockImplementationOnce(async function (this: Queue, asked) {
      const answer = await original.call(this, asked)
      await job.moveToCompleted(result, token, false)
      return answer
    })
    try {
      expect(await queue.job(pool, id)).toMatchObject({ state: 'Active' })
    } finally {
      spy.mockRestore()
    }
    expect(await queue.job(pool, id)).toMatchObject({ state: 'Completed', result })
  },
)

test('removing a job that a worker holds, or that is not there, is no error', async () => {
  await queue.remove(pool, id)
  await queue.enqueue(pool, payload)
  await take()
  await queue.remove(pool, id)
  expect(await queue.job(pool, id)).toMatchObject({ state: 'Active' })
})

test('the backlog counts each queue for itself', async () => {
  await queue.enqueue(pool, payload)
  await queue.enqueue(pool, { ...payload, attempt: 2 })
  await queue.enqueue('default.other', { ...payload, attempt: 3 })
  await take()
  expect(await queue.backlog(pool)).toEqual({ waiting: 1, active: 1 })
  expect(await queue.backlog('default.other')).toEqual({ waiting: 1, active: 0 })
})

test('a worker whose heart stopped is not among the workers', async () => {
  const limit = heartbeatLimitSeconds * 1000
  await register(registration('b', { heartbeat: now - limit }))
  await register(registration('a'))
  await register(registration('gone', { heartbeat: now - limit - 1 }))
  expect((await queue.workers(pool)).map(({ pod }) => pod)).toEqual(['a', 'b'])
  expect(await queue.engine(pool)).toBe('engine of a')
  expect(await queue.engine('default.other')).toBeUndefined()
})

test('a worker is told to drain, and forgotten with its mark', async () => {
  await register(registration('a'))
  await queue.drain(pool, 'a')
  expect(await redis.exists(keys.drain(pool, 'a'))).toBe(1)
  await queue.forgetWorker(pool, 'a')
  expect(await redis.exists(keys.drain(pool, 'a'))).toBe(0)
  expect(await queue.workers(pool)).toEqual([])
})

test('events of a followed queue name the job', async () => {
  const heard: string[] = []
  const stop = queue.onChange((name, job) => heard.push(`${name} ${job}`))
  queue.follow(pool)
  queue.follow(pool)
  // Events are read from now on, so what happens before the reader is there is not heard: keep something happening.
  await vi.waitFor(
    async () => {
      await queue.enqueue(pool, payload)
      await queue.cancel(pool, id, 'again')
      expect(heard).toContain(`${pool} ${id}`)
    },
    { timeout: 20_000, interval: 100 },
  )
  stop()
})

test('a Redis that lost everything knows no job, and takes it anew', async () => {
  await queue.enqueue(pool, payload)
  await server?.flushAll()
  expect(await queue.job(pool, id)).toEqual({ state: 'Absent' })
  expect(await queue.backlog(pool)).toEqual({ waiting: 0, active: 0 })
  await queue.enqueue(pool, payload)
  expect(await queue.job(pool, id)).toEqual({ state: 'Waiting' })
})

/** Every call, each made while Redis is away. */
const calls: Record<string, (away: BullmqQueue) => Promise<unknown>> = {
  enqueue: (away) => away.enqueue(pool, payload),
  job: (away) => away.job(pool, id),
  cancel: (away) => away.cancel(pool, id, 'because'),
  remove: (away) => away.remove(pool, id),
  backlog: (away) => away.backlog(pool),
  workers: (away) => away.workers(pool),
  drain: (away) => away.drain(pool, 'a'),
  forgetWorker: (away) => away.forgetWorker(pool, 'a'),
  engine: (away) => away.engine(pool),
}

test.each(Object.entries(calls))(
  '%s fails as unavailable when Redis was never there',
  async (_, call) => {
    const away = queueAt('redis://127.0.0.1:1')
    closing.push(() => away.close())
    await expect(call(away)).rejects.toThrow(QueueUnavailableError)
  },
  15_000,
)

test('every call fails as unavailable when Redis goes away', async (context) => {
  const own = await startRedis({ ...process.env, REDIS_URL: '' })
  if ('reason' in own) return context.skip(own.reason)
  const left = queueAt(own.url)
  closing.push(() => left.close())
  await left.connect(5000)
  await left.enqueue(pool, payload)
  await own.stop()
  const ends = await Promise.allSettled(Object.values(calls).map((call) => call(left)))
  const errors = ends.map((end) => (end.status === 'rejected' ? end.reason : 'no error'))
  expect(errors.filter((error) => !(error instanceof QueueUnavailableError))).toEqual([])
})

test('connect says when Redis does not answer', async () => {
  const away = queueAt('redis://127.0.0.1:1')
  closing.push(() => away.close())
  await expect(away.connect(200)).rejects.toThrow(QueueUnavailableError)
})

test('a job of someone else in the same queue is read without a result of ours', async () => {
  const foreign = new Queue(pool, { prefix: keys.prefix, connection: { url: urlOf() } })
  closing.push(() => foreign.close())
  await foreign.add('TrainingRun', payload, { jobId: id, delay: 60_000 })
  expect(await queue.job(pool, id)).toEqual({ state: 'Waiting' })
  expect(await queue.backlog(pool)).toEqual({ waiting: 1, active: 0 })
})
