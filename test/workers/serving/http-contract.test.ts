import type { FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import type { DecodeRequest } from '../../../workers/decoding/decoder.ts'
import { firstCodes } from '../../../workers/serving/history-codes.ts'
import { systemTimers } from '../../../workers/serving/main.ts'
import { Ranker } from '../../../workers/serving/ranker.ts'
import type { ServedModel } from '../../../workers/serving/served-model.ts'
import { bodyLimitBytes, buildServer } from '../../../workers/serving/server.ts'
import type { ServingSpec } from '../../../workers/serving/settings.ts'

const wanted = `sha256:${'a'.repeat(64)}`
const itemIds = ['a', 'b', 'c', 'd']
const serving: ServingSpec = {
  port: 8080,
  beamSize: 50,
  maxBatchSize: 1,
  maxBatchDelayMilliseconds: 0,
  maxQueueLength: 300,
  requestTimeoutMilliseconds: 5000,
  threads: 1,
  executionProvider: 'CPU',
  onMissingProvider: 'Fail',
}
const open: FastifyInstance[] = []

afterEach(async () => {
  for (const app of open.splice(0)) await app.close()
})

interface SceneOptions {
  readonly changed?: Partial<typeof serving>
  /** Digest of the model that is loaded; null: none yet. */
  readonly loaded?: string | null
  readonly decode?: () => Promise<void>
}

/** A server over a decoder that answers the first items of the catalogue, and keeps what it was asked. */
function scene({ changed = {}, loaded = wanted, decode = async () => {} }: SceneOptions = {}) {
  const decoded: DecodeRequest[] = []
  const errors: unknown[] = []
  const state = { draining: false }
  const model: ServedModel = {
    digest: loaded ?? wanted,
    itemIds,
    findItem: (id) => (itemIds.includes(id) ? itemIds.indexOf(id) : undefined),
    firstCodes: firstCodes(Uint16Array.from(itemIds.keys()), [4]),
    historyOf: (user) => (user === 'anna' ? Uint32Array.of(3) : undefined),
    decode: async (requests) => {
      decoded.push(...requests)
      await decode()
      return requests.map(({ count }) => {
        const items = Uint32Array.from(itemIds.keys()).subarray(0, count)
        return { items, scores: Float32Array.from(items, (item) => -item) }
      })
    },
    release: async () => {},
  }
  const settings = { name: 'feed', digest: wanted, revision: 'r1', serving: { ...serving, ...changed } }
  const ranker = new Ranker(settings, systemTimers)
  if (loaded !== null) ranker.use(model)
  const app = buildServer({ ranker, draining: () => state.draining, logError: (_line, error) => errors.push(error) })
  open.push(app)
  const rank = async (payload: string, type = 'application/json') =>
    app.inject({ method: 'POST', url: '/v1/rank', payload, headers: { 'content-type': type } })
  const post = (body: unknown) => rank(JSON.stringify(body))
  const get = async (url: string) => app.inject({ method: 'GET', url })
  return { app, decoded, errors, state, rank, post, get }
}

/** So many days into 2026. */
const at = (day: number): string => new Date(Date.UTC(2026, 0, day)).toISOString()
const ahead = new Date(Date.now() + 2 * 3_600_000).toISOString()
const timed = (history: string[], historyTimes: unknown[]) => ({ history, historyTimes })

describe('/v1/rank', () => {
  it('answers one request with one answer, and names the model', async () => {
    const { post } = scene()
    const answer = await post({ requestId: 'x', user: { id: 'anna' }, slots: 2 })
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toEqual({
      requestId: 'x',
      model: { name: 'feed', digest: wanted, revision: 'r1' },
      entries: [
        { position: 1, item: 'a', score: 0 },
        { position: 2, item: 'b', score: -1 },
      ],
      skipped: [],
      timings: { queueMilliseconds: expect.any(Number), decodeMilliseconds: expect.any(Number) },
    })
  })

  it('answers a list with a list in its order, also a list of one', async () => {
    const { post } = scene()
    const many = await post([
      { requestId: 'x', slots: 1 },
      { requestId: 'y', slots: 3, user: { id: 'bob' } },
    ])
    const answers = many.json<{ requestId: string; entries: unknown[]; skipped: unknown[] }[]>()
    expect(answers.map(({ requestId, entries }) => [requestId, entries.length])).toEqual([
      ['x', 1],
      ['y', 3],
    ])
    expect(answers[1]?.skipped).toEqual([{ id: 'bob', reason: 'UnknownUser' }])
    expect((await post([{}])).json()).toHaveLength(1)
  })

  it.each<[problem: string, body: unknown, field: string]>([
    ['a number that is a text', { slots: '3' }, '/slots'],
    ['a number that is no integer', { slots: 1.5 }, '/slots'],
    ['no slot', { slots: 0 }, '/slots'],
    ['more slots than any server gives', { slots: 1001 }, '/slots'],
    ['more slots than this server has beams', { slots: 51 }, '/slots'],
    ['too many slots within a list', [{}, { slots: 51 }], '/1/slots'],
    ['a user id that is a number', { user: { id: 3 } }, '/user/id'],
    ['an empty item id', { user: { history: ['a', ''] } }, '/user/history/1'],
    ['an id that is too long', { requestId: 'x'.repeat(257) }, '/requestId'],
    ['a history that is too long', { user: { history: Array(10_001).fill('a') } }, '/user/history'],
    ['times without a history', { user: { id: 'anna', historyTimes: [at(1)] } }, '/user/historyTimes'],
    ['fewer times than items', { user: timed(['a', 'b'], [at(1)]) }, '/user/historyTimes'],
    ['more times than items', [{}, { user: timed([], [at(1)]) }], '/1/user/historyTimes'],
    ['times that do not ascend', { user: timed(['a', 'b', 'c'], [at(1), at(3), at(2)]) }, '/user/historyTimes/2'],
    ['a time that is a number', { user: timed(['a', 'b'], [at(1), 1_764_299_640_000]) }, '/user/historyTimes/1'],
    ['a time that is nothing', { user: timed(['a'], [null]) }, '/user/historyTimes/0'],
    ['a time that is no time', { user: timed(['a'], ['2026-13-01T00:00:00Z']) }, '/user/historyTimes/0'],
    ['a time without its zone', { user: timed(['a'], ['2026-01-01T00:00:00']) }, '/user/historyTimes/0'],
    ['a time that is too far ahead', { user: timed(['a', 'b'], [at(1), ahead]) }, '/user/historyTimes/1'],
    ['a time after the request', { time: at(2), user: timed(['a', 'b'], [at(1), at(3)]) }, '/user/historyTimes/1'],
    ['a request that is too far ahead', { time: ahead }, '/time'],
    ['a time of a request that is no time', [{ time: 'now' }], '/0/time'],
    ['too many times', { user: timed(['a'], Array(10_001).fill(at(1))) }, '/user/historyTimes'],
    ['creatives without a history', { user: { id: 'anna', historyCreatives: ['c'] } }, '/user/historyCreatives'],
    [
      'fewer creatives than items',
      { user: { history: ['a', 'b'], historyCreatives: [null] } },
      '/user/historyCreatives',
    ],
    ['a creative that is empty', { user: { history: ['a'], historyCreatives: [''] } }, '/user/historyCreatives/0'],
    [
      'too many creatives',
      { user: { history: ['a'], historyCreatives: Array(10_001).fill(null) } },
      '/user/historyCreatives',
    ],
    ['too many candidates', { candidates: { organic: Array(10_001).fill('a') } }, '/candidates/organic'],
    ['a field that is unknown', { users: {} }, '/users'],
    ['a field that is unknown deeper in a list', [{ user: { age: 4 } }], '/0/user/age'],
    ['an unknown field whose name needs escaping', { 'a/b~c': 1 }, '/a~1b~0c'],
    ['an empty list', [], ''],
    ['a list that is too long', Array(257).fill({}), ''],
    ['null', null, ''],
    ['a text', 'rank', ''],
  ])('refuses %s and points at it', async (_problem, body, field) => {
    const { post, decoded } = scene()
    const answer = await post(body)
    expect(answer.statusCode).toBe(400)
    expect(answer.json()).toEqual({ error: { code: 'InvalidRequest', message: expect.any(String), field } })
    expect(decoded).toEqual([])
  })

  it('takes times that a model without contexts does not heed, and clocks that are wrong by minutes', async () => {
    const { post, decoded } = scene()
    const soon = new Date(Date.now() + 30 * 60_000).toISOString()
    const times = ['2025-12-31T23:00:00-01:00', at(1), soon]
    expect((await post({ user: timed(['a', 'b', 'c'], times) })).statusCode).toBe(200)
    expect((await post({ time: soon, user: timed(['a', 'b', 'c'], times) })).statusCode).toBe(200)
    expect((await post({ user: { history: ['a', 'b', 'c'] } })).statusCode).toBe(200)
    expect(decoded[1]).toEqual(decoded[0])
    expect(decoded[2]).toEqual(decoded[0])
  })

  it('says what is wrong with times', async () => {
    const problemOf = async (user: object) => (await scene().post({ user })).json().error.message
    expect(await problemOf(timed(['a', 'b'], [at(1)]))).toBe(
      '/user/historyTimes must have as many times as history has items: 2, not 1',
    )
    expect(await problemOf(timed(['a', 'b'], [at(2), at(1)]))).toBe(
      '/user/historyTimes/1 is before the one before it; a history has the oldest first',
    )
  })

  it('refuses a list that the queue could never take', async () => {
    const answer = await scene({ changed: { maxQueueLength: 2 } }).post([{}, {}, {}])
    expect([answer.statusCode, answer.json().error.field]).toEqual([400, ''])
    expect(answer.json().error.message).toContain('maxQueueLength')
  })

  it.each<[what: string, body: string, type: string, status: number, code: string]>([
    ['malformed JSON', '{"slots":', 'application/json', 400, 'MalformedJson'],
    ['an empty body', '', 'application/json', 400, 'MalformedJson'],
    ['a body that is too large', `"${'x'.repeat(bodyLimitBytes)}"`, 'application/json', 413, 'BodyTooLarge'],
    ['a body that is no JSON', 'slots: 3', 'text/plain', 415, 'UnsupportedMediaType'],
    ['a body of another type', 'slots=3', 'application/x-www-form-urlencoded', 415, 'UnsupportedMediaType'],
  ])('refuses %s', async (_what, body, type, status, code) => {
    const { rank, errors } = scene()
    const answer = await rank(body, type)
    expect([answer.statusCode, answer.json().error.code]).toEqual([status, code])
    expect(errors).toEqual([])
  })

  it('asks to come back later before a model is loaded', async () => {
    const answer = await scene({ loaded: null }).post({})
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '1'])
    expect(answer.json().error.code).toBe('Unavailable')
  })

  it('asks to come back later when the queue is full, and answers what it has taken', async () => {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const { post, decoded } = scene({ changed: { maxQueueLength: 2 }, decode: () => promise })
    const running = post({ slots: 1 })
    await expect.poll(() => decoded.length).toBe(1)
    const waiting = post([{ slots: 2 }, { slots: 3 }])
    const refused = await post({ slots: 4 })
    expect([refused.statusCode, refused.headers['retry-after']]).toEqual([429, '1'])
    expect(refused.json().error.code).toBe('QueueFull')
    resolve(undefined)
    expect([(await running).statusCode, (await waiting).statusCode]).toEqual([200, 200])
    expect(decoded.map(({ count }) => count)).toEqual([1, 2, 3])
  })

  it('asks to come back later when the decoder takes too long', async () => {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const { post } = scene({ changed: { requestTimeoutMilliseconds: 20 }, decode: () => promise })
    const answer = await post({})
    resolve(undefined)
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '1'])
    expect(answer.json().error.code).toBe('Timeout')
  })

  it('keeps what went wrong inside to the log, and is not alive after three failures in a row', async () => {
    const failure = new Error('secret')
    const { post, get, errors } = scene({ decode: () => Promise.reject(failure) })
    expect((await get('/healthz')).statusCode).toBe(200)
    for (let count = 0; count < 3; count++) {
      const answer = await post({})
      expect([answer.statusCode, answer.json().error.code]).toEqual([500, 'InternalError'])
      expect(answer.body).not.toContain('secret')
    }
    expect(errors).toEqual([failure, failure, failure])
    expect((await get('/healthz')).statusCode).toBe(503)
    expect((await get('/readyz')).statusCode).toBe(503)
  })

  it('does not decode for a client that went away, and counts it', async () => {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const { app, decoded, get, post } = scene({ decode: () => promise })
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    const running = post({ slots: 1 })
    await expect.poll(() => decoded.length).toBe(1)
    const aborter = new AbortController()
    const headers = { 'content-type': 'application/json' }
    const left = fetch(`${url}/v1/rank`, { method: 'POST', headers, body: '{"slots":2}', signal: aborter.signal })
    await expect.poll(async () => (await get('/metrics')).body).toContain('adloom_rank_queue_length 1\n')
    aborter.abort()
    await expect(left).rejects.toThrow()
    await expect.poll(async () => (await get('/metrics')).body).toContain('adloom_rank_queue_length 0\n')
    resolve(undefined)
    expect((await running).statusCode).toBe(200)
    expect(decoded.map(({ count }) => count)).toEqual([1])
    await expect.poll(async () => (await get('/metrics')).body).toContain('adloom_rank_requests_total{code="499"} 1\n')
  })
})

describe('paths and methods', () => {
  it('answers 404 for a path that it does not have', async () => {
    const answer = await scene().get('/v1/ranks')
    expect([answer.statusCode, answer.json().error.code]).toEqual([404, 'NotFound'])
  })

  it.each([
    ['GET', '/v1/rank', 'POST'],
    ['DELETE', '/v1/rank', 'POST'],
    ['POST', '/healthz', 'GET, HEAD'],
    ['PUT', '/readyz', 'GET, HEAD'],
    ['POST', '/v2/models/feed', 'GET, HEAD'],
  ] as const)('answers %s %s 405 and says what it allows', async (method, url, allow) => {
    const answer = await scene().app.inject({ method, url })
    expect([answer.statusCode, answer.headers.allow]).toEqual([405, allow])
    expect(answer.json().error.code).toBe('MethodNotAllowed')
  })
})

describe('probes', () => {
  it('are alive but not ready before the model is loaded', async () => {
    const { get } = scene({ loaded: null })
    expect((await get('/healthz')).json()).toEqual({ ok: true })
    const answer = await get('/readyz')
    expect(answer.statusCode).toBe(503)
    expect(answer.json()).toEqual({ ready: false, wanted, reason: expect.stringContaining('not loaded') })
  })

  it('are ready once the wanted model is loaded', async () => {
    const answer = await scene().get('/readyz')
    expect([answer.statusCode, answer.json()]).toEqual([200, { ready: true, wanted, loaded: wanted }])
  })

  it('are not ready with a model that is not the wanted one', async () => {
    const loaded = `sha256:${'b'.repeat(64)}`
    const answer = await scene({ loaded }).get('/readyz')
    expect([answer.statusCode, answer.json()]).toMatchObject([503, { ready: false, wanted, loaded }])
  })

  it('are not ready while draining, which still answers and closes each connection', async () => {
    const { get, post, state } = scene()
    state.draining = true
    const answer = await get('/readyz')
    expect(answer.statusCode).toBe(503)
    expect(answer.json()).toEqual({ ready: false, wanted, loaded: wanted, reason: 'draining' })
    const ranked = await post({})
    expect([ranked.statusCode, ranked.headers.connection]).toEqual([200, 'close'])
    expect((await get('/healthz')).statusCode).toBe(200)
  })

  it('count requests by status', async () => {
    const { app, get } = scene()
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    const headers = { 'content-type': 'application/json' }
    for (const body of ['{}', '{}', '{"slots":0}'])
      await (await fetch(`${url}/v1/rank`, { method: 'POST', headers, body })).arrayBuffer()
    const metrics = async () => (await get('/metrics')).body
    await expect.poll(metrics).toContain('adloom_rank_requests_total{code="200"} 2\n')
    await expect.poll(metrics).toContain('adloom_rank_requests_total{code="400"} 1\n')
    expect(await metrics()).toContain(`adloom_model_info{name="feed",digest="${wanted}",revision="r1"} 1\n`)
  })
})

describe('the Open Inference Protocol', () => {
  it('names the server and the model', async () => {
    const { get } = scene()
    expect((await get('/v2')).json()).toMatchObject({ name: 'adloom', extensions: [] })
    expect((await get('/v2/models/feed')).json()).toMatchObject({
      name: 'feed',
      versions: ['r1'],
      parameters: { provider: 'CPU', wanted: 'CPU' },
    })
    expect((await get('/v2/health/live')).json()).toEqual({ live: true })
  })

  it.each([
    [wanted, 200, true],
    [null, 503, false],
  ] as const)('is as ready as the probe (loaded: %s)', async (loaded, status, ready) => {
    const { get } = scene({ loaded })
    const server = await get('/v2/health/ready')
    expect([server.statusCode, server.json()]).toEqual([status, { ready }])
    const model = await get('/v2/models/feed/ready')
    expect([model.statusCode, model.json()]).toEqual([status, { name: 'feed', ready }])
  })

  it.each(['/v2/models/other', '/v2/models/other/ready'])('does not know another model: %s', async (url) => {
    const answer = await scene().get(url)
    expect([answer.statusCode, answer.json().error.code]).toEqual([404, 'UnknownModel'])
  })
})
