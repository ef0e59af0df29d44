import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { RankAnswer } from '../../../crds/rank.ts'
import type { DecodedList, DecodeRequest } from '../../../workers/decoding/decoder.ts'
import { firstCodes } from '../../../workers/serving/history-codes.ts'
import { systemTimers } from '../../../workers/serving/main.ts'
import { Ranker } from '../../../workers/serving/ranker.ts'
import { bodyLimitBytes, buildServer } from '../../../workers/serving/server.ts'
import type { ServingSpec } from '../../../workers/serving/settings.ts'

const itemIds = Array.from({ length: 20 }, (_, index) => `item-${index}`)

/** Lists the eligible items by their index: a decoder that a test can follow by hand. */
function decodeByIndex({ count, candidates, excluded }: DecodeRequest): DecodedList {
  const eligible = [...(candidates ?? itemIds.keys())].sort((a, b) => a - b).filter((item) => !excluded?.includes(item))
  const items = Uint32Array.from(eligible.slice(0, count))
  return { items, scores: Float32Array.from(items, (item) => -item) }
}

const serving: ServingSpec = {
  port: 8080,
  beamSize: 15,
  maxBatchSize: 4,
  maxBatchDelayMilliseconds: 0,
  maxQueueLength: 8,
  requestTimeoutMilliseconds: 60_000,
  threads: 1,
  executionProvider: 'CPU',
  onMissingProvider: 'Fail',
}

interface SceneOptions {
  readonly serving?: Partial<ServingSpec>
  readonly loaded?: boolean
  decode?(requests: readonly DecodeRequest[]): Promise<DecodedList[]>
}

function scene(options: SceneOptions = {}) {
  const settings = { name: 'feed', digest: 'sha256:1', revision: 'r1', serving: { ...serving, ...options.serving } }
  const ranker = new Ranker(settings, systemTimers)
  const state = { draining: false, errors: [] as unknown[] }
  const app = buildServer({
    ranker,
    draining: () => state.draining,
    logError: (_, error) => void state.errors.push(error),
  })
  onTestFinished(() => app.close())
  const load = () =>
    ranker.use({
      digest: settings.digest,
      itemIds,
      findItem: (id) => (itemIds.includes(id) ? itemIds.indexOf(id) : undefined),
      firstCodes: firstCodes(Uint16Array.from(itemIds.keys()), [4]),
      historyOf: (user) => (user === 'anna' ? Uint32Array.of(0, 1) : undefined),
      decode: options.decode ?? (async (requests) => requests.map(decodeByIndex)),
      release: async () => {},
    })
  if (options.loaded !== false) load()
  // Awaited here, as an injected request begins only then.
  const post = async (payload: unknown) =>
    await app.inject({ method: 'POST', url: '/v1/rank', payload: payload as object })
  const get = (url: string) => app.inject({ method: 'GET', url })
  return { app, ranker, state, load, post, get }
}

const itemsOf = ({ entries }: RankAnswer): string[] => entries.map(({ item }) => item)

/** A decoder that stands still until it is let go. */
function heldDecoder() {
  const held = Promise.withResolvers<void>()
  const began = Promise.withResolvers<void>()
  const decode = async (requests: readonly DecodeRequest[]) => {
    began.resolve()
    await held.promise
    return requests.map(decodeByIndex)
  }
  return { decode, began: began.promise, letGo: held.resolve }
}

describe('POST /v1/rank', () => {
  it('answers one request with a list, its model and its times', async () => {
    const { post } = scene()
    const response = await post({ requestId: 'q', slots: 2, user: { id: 'anna' } })
    expect(response.statusCode).toBe(200)
    expect(response.json()).toEqual({
      requestId: 'q',
      model: { name: 'feed', digest: 'sha256:1', revision: 'r1' },
      entries: [
        { position: 1, item: 'item-2', score: -2 },
        { position: 2, item: 'item-3', score: -3 },
      ],
      skipped: [],
      timings: { queueMilliseconds: expect.any(Number), decodeMilliseconds: expect.any(Number) },
    })
  })

  it('answers a list of requests in its order, each with an id of its own', async () => {
    const { post } = scene()
    const requests = [
      { slots: 1 },
      { slots: 2, user: { history: ['item-0'] } },
      { user: { id: 'nobody' }, candidates: { organic: ['item-9', 'what'] } },
      { slots: 1, user: { history: ['item-0'] }, includeSeen: true },
      { requestId: 'last', candidates: { organic: [] } },
    ]
    const answers = (await post(requests)).json<RankAnswer[]>()
    expect(answers.map(itemsOf)).toEqual([['item-0'], ['item-1', 'item-2'], ['item-9'], ['item-0'], []])
    expect(answers[2].skipped).toEqual([
      { id: 'nobody', reason: 'UnknownUser' },
      { id: 'what', reason: 'UnknownItem' },
    ])
    expect(answers[4].requestId).toBe('last')
    expect(new Set(answers.map(({ requestId }) => requestId)).size).toBe(5)
  })

  const ids = (count: number) => Array.from({ length: count }, (_, index) => `i${index}`)
  it.each([
    ['a body that is no object', '"text"', ''],
    ['null', 'null', ''],
    ['an unknown field', { colour: 'red' }, '/colour'],
    ['a field with characters that a pointer escapes', { 'a/b~c': 1 }, '/a~1b~0c'],
    ['an unknown field further down', { user: { name: 'x' } }, '/user/name'],
    ['a number as id', { requestId: 7 }, '/requestId'],
    ['an empty id', { user: { id: '' } }, '/user/id'],
    ['an id that is too long', { user: { id: 'x'.repeat(257) } }, '/user/id'],
    ['an item that is no text', { user: { history: ['item-0', 5] } }, '/user/history/1'],
    ['a history that is too long', { user: { history: ids(10_001) } }, '/user/history'],
    ['too many candidates', { candidates: { organic: ids(10_001) } }, '/candidates/organic'],
    ['a word as number', { slots: '3' }, '/slots'],
    ['part of a slot', { slots: 1.5 }, '/slots'],
    ['no slot', { slots: 0 }, '/slots'],
    ['more slots than beams', { slots: 16 }, '/slots'],
    ['a word as truth', { includeSeen: 'yes' }, '/includeSeen'],
    ['an empty list', [], ''],
    ['a list that is too long', Array.from({ length: 257 }, () => ({})), ''],
    ['a list longer than the queue', Array.from({ length: 9 }, () => ({})), ''],
    ['a fault in a list', [{}, { slots: -1 }], '/1/slots'],
    ['a fault in a list that only the beam shows', [{}, { slots: 16 }], '/1/slots'],
  ])('refuses %s and points at it', async (_, body, field) => {
    const { app } = scene()
    const payload = typeof body === 'string' ? body : JSON.stringify(body)
    const headers = { 'content-type': 'application/json' }
    const response = await app.inject({ method: 'POST', url: '/v1/rank', headers, payload })
    expect(response.statusCode).toBe(400)
    expect(response.json()).toEqual({ error: { code: 'InvalidRequest', message: expect.any(String), field } })
  })

  it.each([
    [400, 'MalformedJson', 'application/json', '{"slots": 1'],
    [400, 'MalformedJson', 'application/json', ''],
    [400, 'MalformedJson', 'application/json', '{"__proto__": {}}'],
    [413, 'BodyTooLarge', 'application/json', `"${'x'.repeat(bodyLimitBytes)}"`],
    [415, 'UnsupportedMediaType', 'text/plain', '{}'],
    [415, 'UnsupportedMediaType', 'application/x-protobuf', '{}'],
  ])('answers %i %s to %s', async (status, code, type, payload) => {
    const { app } = scene()
    const response = await app.inject({ method: 'POST', url: '/v1/rank', headers: { 'content-type': type }, payload })
    expect([response.statusCode, response.json().error.code]).toEqual([status, code])
  })

  it('says which method a path has, and what is no path', async () => {
    const { app, get } = scene()
    const wrong = await app.inject({
      method: 'PUT',
      url: '/v1/rank',
      headers: { 'content-type': 'text/x' },
      payload: 'x',
    })
    expect([wrong.statusCode, wrong.headers.allow, wrong.json().error.code]).toEqual([405, 'POST', 'MethodNotAllowed'])
    const read = await app.inject({ method: 'DELETE', url: '/metrics' })
    expect([read.statusCode, read.headers.allow]).toEqual([405, 'GET, HEAD'])
    const missing = await get('/v1/ranks')
    expect([missing.statusCode, missing.json().error.code]).toEqual([404, 'NotFound'])
  })

  it('refuses at once what the queue cannot hold, and takes more when it has emptied', async () => {
    const { decode, began, letGo } = heldDecoder()
    const { post, get } = scene({ decode, serving: { maxQueueLength: 2 } })
    const running = post({ slots: 1 })
    await began
    const waiting = post([{ slots: 1 }, { slots: 1 }])
    await expect.poll(async () => (await get('/metrics')).body).toContain('adloom_rank_queue_length 2')
    const refused = await post({ slots: 1 })
    expect([refused.statusCode, refused.headers['retry-after'], refused.json().error.code]).toEqual([
      429,
      '1',
      'QueueFull',
    ])
    letGo()
    expect([(await running).statusCode, (await waiting).statusCode]).toEqual([200, 200])
    expect((await post({})).statusCode).toBe(200)
  })

  it('answers 503 to whom it keeps waiting', async () => {
    const { decode, letGo } = heldDecoder()
    const { post } = scene({ decode, serving: { requestTimeoutMilliseconds: 20 } })
    const late = await post({})
    expect([late.statusCode, late.headers['retry-after'], late.json().error.code]).toEqual([503, '1', 'Timeout'])
    letGo()
  })

  it('decodes nothing for a client that has left the queue, and counts it', async () => {
    const { decode, began, letGo } = heldDecoder()
    const decoded: DecodeRequest[] = []
    const { app, post, get } = scene({
      decode: (requests) => {
        decoded.push(...requests)
        return decode(requests)
      },
    })
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    const running = post({ slots: 1 })
    await began
    const aborter = new AbortController()
    const left = fetch(`${url}/v1/rank`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"slots": 7}',
      signal: aborter.signal,
    }).catch((error: Error) => error.name)
    await expect.poll(async () => (await get('/metrics')).body).toContain('adloom_rank_queue_length 1')
    aborter.abort()
    expect(await left).toBe('AbortError')
    await expect.poll(async () => (await get('/metrics')).body).toContain('adloom_rank_queue_length 0')
    letGo()
    await running
    expect(decoded.map(({ count }) => count)).toEqual([1])
    expect((await get('/metrics')).body).toContain('adloom_rank_requests_total{code="499"} 1')
  })

  it('hides what broke from the caller, logs it, and asks to be restarted when it stays broken', async () => {
    const broken = new Error('out of native memory')
    const { post, get, state } = scene({ decode: () => Promise.reject(broken) })
    for (let round = 0; round < 3; round++) {
      expect((await get('/healthz')).statusCode).toBe(200)
      const response = await post({})
      expect([response.statusCode, response.json().error.code]).toEqual([500, 'InternalError'])
      expect(response.body).not.toContain('native memory')
    }
    expect(state.errors).toEqual([broken, broken, broken])
    const health = await get('/healthz')
    expect([health.statusCode, health.json().reason]).toEqual([503, expect.stringContaining('out of native memory')])
    expect((await get('/readyz')).statusCode).toBe(503)
  })
})

it('a server that closes answers what it has taken, and refuses new connections', async () => {
  const { decode, began, letGo } = heldDecoder()
  const { app, state } = scene({ decode })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const ask = () =>
    fetch(`${url}/v1/rank`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"slots": 1}' })
  const underWay = ask()
  await began
  state.draining = true
  const closed = app.close()
  await expect.poll(() => app.server.listening).toBe(false)
  await expect(ask()).rejects.toThrow('fetch failed')
  letGo()
  const response = await underWay
  expect([response.status, response.headers.get('connection')]).toEqual([200, 'close'])
  expect(itemsOf((await response.json()) as RankAnswer)).toEqual(['item-0'])
  await closed
})

describe('readiness', () => {
  it('comes with the wanted model, and goes when the server drains', async () => {
    const { get, post, load, state } = scene({ loaded: false })
    expect((await get('/healthz')).statusCode).toBe(200)
    const early = await get('/readyz')
    expect([early.statusCode, early.json()]).toEqual([
      503,
      { ready: false, wanted: 'sha256:1', reason: 'the wanted model is not loaded yet' },
    ])
    const refused = await post({})
    expect([refused.statusCode, refused.headers['retry-after']]).toEqual([503, '1'])
    load()
    const ready = await get('/readyz')
    expect([ready.statusCode, ready.json()]).toEqual([200, { ready: true, wanted: 'sha256:1', loaded: 'sha256:1' }])
    state.draining = true
    const draining = await get('/readyz')
    expect([draining.statusCode, draining.json().reason]).toEqual([503, 'draining'])
    const last = await post({})
    expect([last.statusCode, last.headers.connection]).toEqual([200, 'close'])
  })

  it('is told by the Open Inference Protocol as well', async () => {
    const { get, load } = scene({ loaded: false })
    const bodyOf = async (url: string) => {
      const response = await get(url)
      return [response.statusCode, response.json()]
    }
    expect(await bodyOf('/v2')).toEqual([200, { name: 'adloom', version: expect.any(String), extensions: [] }])
    expect(await bodyOf('/v2/health/live')).toEqual([200, { live: true }])
    expect(await bodyOf('/v2/health/ready')).toEqual([503, { ready: false }])
    expect(await bodyOf('/v2/models/feed/ready')).toEqual([503, { name: 'feed', ready: false }])
    load()
    expect(await bodyOf('/v2/health/ready')).toEqual([200, { ready: true }])
    expect(await bodyOf('/v2/models/feed/ready')).toEqual([200, { name: 'feed', ready: true }])
    expect(await bodyOf('/v2/models/feed')).toMatchObject([200, { name: 'feed', versions: ['r1'] }])
    for (const url of ['/v2/models/other', '/v2/models/other/ready'])
      expect(await bodyOf(url)).toMatchObject([404, { error: { code: 'UnknownModel' } }])
  })
})

it('metrics count calls, batches, empty lists and name the model', async () => {
  const { get, post } = scene()
  await post([{ user: { history: ['item-3', 'item-6'] } }, { candidates: { organic: [] } }])
  await post({ slots: 0 })
  const { body, headers } = await get('/metrics')
  expect(headers['content-type']).toContain('text/plain')
  for (const line of [
    'adloom_rank_requests_total{code="200"} 1',
    'adloom_rank_requests_total{code="400"} 1',
    'adloom_rank_request_seconds_count 2',
    'adloom_rank_batch_size_sum 2',
    'adloom_rank_batch_size_count 1',
    'adloom_rank_decode_seconds_count 1',
    'adloom_rank_lists_total 2',
    'adloom_rank_empty_lists_total 1',
    'adloom_rank_in_flight 0',
    'adloom_rank_score_count 1',
    'adloom_rank_score_bucket{le="-1"} 0',
    'adloom_rank_score_bucket{le="0"} 1',
    'adloom_rank_history_codes_total{code="2"} 1',
    'adloom_rank_history_codes_total{code="3"} 0',
    'adloom_events_total{type="click"} 0',
    'adloom_rank_queue_length 0',
    'adloom_model_info{name="feed",digest="sha256:1",revision="r1"} 1',
  ])
    expect(body).toContain(`${line}\n`)
})

it.each([
  ['no HTTP', 'hello\r\n\r\n', 400],
  ['headers without end', `GET / HTTP/1.1\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
])('a connection that sends %s is told so and closed', async (_, bytes, status) => {
  const { app } = scene()
  const url = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const socket = connect(Number(url.port), '127.0.0.1')
  let received = ''
  socket.setEncoding('utf8').on('data', (text: string) => {
    received += text
  })
  socket.end(bytes)
  await once(socket, 'close')
  expect(received).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  expect(JSON.parse(received.split('\r\n\r\n')[1]).error.code).toEqual(expect.any(String))
})
