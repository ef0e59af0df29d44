import { describe, expect, it, onTestFinished } from 'vitest'
import { type EventRecord, maxEventsPerCall, type RequestRecord } from '../../../crds/events.ts'
import type { RankAnswer } from '../../../crds/rank.ts'
import type { DecodedList, DecodeRequest } from '../../../workers/decoding/decoder.ts'
import { Feedback } from '../../../workers/serving/feedback.ts'
import type { FeedbackRecord } from '../../../workers/serving/feedback-log.ts'
import { firstCodes } from '../../../workers/serving/history-codes.ts'
import { systemTimers } from '../../../workers/serving/main.ts'
import { Ranker } from '../../../workers/serving/ranker.ts'
import { buildServer } from '../../../workers/serving/server.ts'
import { readSettings, type ServingSpec } from '../../../workers/serving/settings.ts'

const itemIds = Array.from({ length: 12 }, (_, index) => `item-${index}`)
const now = Date.parse('2026-11-28T03:15:00Z')
const token = 'correct horse'

/** Lists the eligible items by their index, each half as likely as the one before. */
function decodeByIndex({ count, candidates }: DecodeRequest): DecodedList {
  const items = Uint32Array.from([...(candidates ?? itemIds.keys())].slice(0, count))
  return { items, scores: Float32Array.from(items, (_, index) => 0 - index * Math.LN2) }
}

interface SceneOptions {
  readonly serving?: object
  readonly token?: string
  readonly room?: number
}

function scene(options: SceneOptions = {}) {
  const environment = { ADLOOM_NAME: 'feed', ADLOOM_MODEL: 'sha256:1', ADLOOM_REVISION: 'r1', ADLOOM_STORE: '/store' }
  const asked: object = { beamSize: 12, maxBatchDelayMilliseconds: 0, feedback: {}, ...options.serving }
  const settings = readSettings({ ...environment, ADLOOM_SERVING: JSON.stringify(asked) })
  const ranker = new Ranker(settings, systemTimers)
  const written: Record<string, unknown[]> = {}
  const log = {
    room: options.room ?? 1000,
    append: ({ stream, content }: FeedbackRecord) => {
      written[stream] = [...(written[stream] ?? []), content()]
      return true
    },
  }
  const { feedback }: Pick<ServingSpec, 'feedback'> = settings.serving
  if (feedback !== undefined) ranker.noteIn(new Feedback({ settings, log, metrics: ranker.metrics, now: () => now }))
  const app = buildServer({
    ranker,
    eventsToken: options.token,
    draining: () => false,
    logError: (_, error) => expect.fail(String(error)),
  })
  onTestFinished(() => app.close())
  ranker.use({
    digest: settings.digest,
    itemIds,
    findItem: (id) => (itemIds.includes(id) ? itemIds.indexOf(id) : undefined),
    firstCodes: firstCodes(Uint16Array.from(itemIds.keys()), [4]),
    historyOf: (user) => (user === 'anna' ? Uint32Array.of(0, 1) : undefined),
    decode: async (requests) => requests.map(decodeByIndex),
    release: async () => {},
  })
  const rank = async (payload: object) =>
    (await app.inject({ method: 'POST', url: '/v1/rank', payload })).json<RankAnswer>()
  const send = async (payload: unknown, headers: Record<string, string> = {}) =>
    await app.inject({ method: 'POST', url: '/v1/events', payload: payload as object, headers })
  const metrics = async () => (await app.inject({ method: 'GET', url: '/metrics' })).body
  return { rank, send, metrics, written }
}

const click = { type: 'click', requestId: 'q', position: 1 }

describe('POST /v1/events', () => {
  it('completes events of a request that it remembers, and writes each type apart', async () => {
    const { rank, send, written, metrics } = scene()
    await rank({ requestId: 'q', user: { id: 'anna' }, slots: 3 })
    const response = await send([
      { type: 'impression', requestId: 'q', position: 1 },
      { type: 'click', requestId: 'q', item: 'item-1', time: '2026-11-28T04:14:00+01:00' },
      { type: 'conversion', requestId: 'q', position: 2, user: 'bob', value: 12.5 },
    ])
    expect([response.statusCode, response.json()]).toEqual([202, { accepted: 3, unknownRequests: 0 }])
    const base = { requestId: 'q', known: true, model: 'sha256:1', revision: 'r1' }
    const second = { item: 'item-1', position: 2, score: Math.fround(-Math.LN2) }
    const time = '2026-11-28T03:15:00.000Z'
    expect(written).toEqual({
      requests: [expect.objectContaining({ requestId: 'q' })],
      impressions: [{ ...base, type: 'impression', user: 'anna', time, item: 'item-0', position: 1, score: 0 }],
      clicks: [{ ...base, type: 'click', user: 'anna', time: '2026-11-28T03:14:00.000Z', ...second }],
      conversions: [{ ...base, type: 'conversion', user: 'bob', time, ...second, value: 12.5 }],
    })
    const text = await metrics()
    for (const line of [
      'adloom_events_total{type="impression"} 1',
      'adloom_events_total{type="click"} 1',
      'adloom_events_total{type="conversion"} 1',
      'adloom_event_value_total 12.5',
      'adloom_events_unknown_requests_total 0',
    ])
      expect(text).toContain(`${line}\n`)
  })

  it('takes events of requests that it does not know; with user and item they are as good as any', async () => {
    const { send, written, metrics } = scene()
    const events = [
      { type: 'click', requestId: 'elsewhere', user: 'bob', item: 'item-7' },
      { type: 'click', requestId: 'elsewhere', item: 'item-7' },
      { type: 'click', requestId: 'elsewhere', user: 'bob', position: 4 },
    ]
    expect((await send(events)).json()).toEqual({ accepted: 3, unknownRequests: 3 })
    const whole = (record: unknown) => [(record as EventRecord).user, (record as EventRecord).item]
    expect(written.clicks?.map(whole)).toEqual([['bob', 'item-7']])
    expect(written.unattributed?.map(whole)).toEqual([
      [undefined, 'item-7'],
      ['bob', undefined],
    ])
    expect(await metrics()).toContain('adloom_events_unknown_requests_total 3\n')
  })

  it('claims neither score nor propensity for an item that the list did not have there', async () => {
    const { rank, send, written } = scene({ serving: { exploration: { temperature: '1', sharePercent: 100 } } })
    await rank({ requestId: 'q', user: { id: 'anna' }, slots: 2, candidates: { organic: ['item-3', 'item-4'] } })
    await send([
      { type: 'click', requestId: 'q', item: 'item-9' },
      { type: 'click', requestId: 'q', item: 'item-9', position: 1 },
      { type: 'click', requestId: 'q', position: 3 },
    ])
    for (const record of [...(written.clicks ?? []), ...(written.unattributed ?? [])])
      expect(Object.keys(record as object)).not.toEqual(expect.arrayContaining(['score', 'propensity']))
    expect([written.clicks?.length, written.unattributed?.length]).toEqual([2, 1])
  })

  it.each([
    ['a body that is no object', '"text"', ''],
    ['an empty list', [], ''],
    ['too many events', Array.from({ length: maxEventsPerCall + 1 }, () => click), ''],
    ['an unknown type', { ...click, type: 'view' }, '/type'],
    ['no request', { type: 'click', item: 'a' }, ''],
    ['an empty request id', { ...click, requestId: '' }, '/requestId'],
    ['neither item nor position', { type: 'click', requestId: 'q' }, ''],
    ['a position from 0', { ...click, position: 0 }, '/position'],
    ['part of a position', { ...click, position: 1.5 }, '/position'],
    ['an item that is too long', { ...click, item: 'x'.repeat(257) }, '/item'],
    ['a time that is none', { ...click, time: 'yesterday' }, '/time'],
    ['a day that no month has', { ...click, time: '2026-13-41T00:00:00Z' }, '/time'],
    ['a time to come', { ...click, time: '2026-11-28T05:15:00Z' }, '/time'],
    ['a value of a click', { ...click, value: 1 }, '/value'],
    ['a negative value', { ...click, type: 'conversion', value: -1 }, '/value'],
    ['a value beyond all measure', { ...click, type: 'conversion', value: 1e10 }, '/value'],
    ['an unknown field', { ...click, colour: 'red' }, '/colour'],
    ['a fault in a list', [click, { ...click, position: 1001 }], '/1/position'],
    ['a fault in a list that the schema does not see', [click, { type: 'click', requestId: 'q' }], '/1'],
  ])('refuses %s, points at it and takes nothing', async (_, body, field) => {
    const { send, written } = scene()
    const payload = typeof body === 'string' ? body : JSON.stringify(body)
    const response = await send(payload, { 'content-type': 'application/json' })
    expect(response.statusCode).toBe(400)
    expect(response.json()).toEqual({ error: { code: 'InvalidRequest', message: expect.any(String), field } })
    expect(written).toEqual({})
  })

  it('asks for the token before it reads, and does not repeat what was sent', async () => {
    const { send, written } = scene({ token })
    const without = await send('{"not json', { 'content-type': 'application/json' })
    expect([without.statusCode, without.headers['www-authenticate']]).toEqual([401, 'Bearer'])
    for (const wrong of ['correct', `${token}x`, 'Correct-horse']) {
      const response = await send(click, { authorization: `Bearer ${wrong.replaceAll(' ', '-')}` })
      expect([response.statusCode, response.json().error.code]).toEqual([403, 'Forbidden'])
      expect(response.body).not.toContain(wrong)
    }
    expect((await send(click, { authorization: `Basic ${token}` })).statusCode).toBe(401)
    expect(written).toEqual({})
  })

  it('takes events with the token', async () => {
    const { send } = scene({ token: 'abc.DEF-123' })
    for (const authorization of ['Bearer abc.DEF-123', 'bearer  abc.DEF-123'])
      expect((await send(click, { authorization })).statusCode).toBe(202)
  })

  it('refuses all of a call that the writer has no room for, and counts it', async () => {
    const { send, written, metrics } = scene({ room: 1 })
    const refused = await send([
      { ...click, user: 'bob', item: 'a' },
      { ...click, user: 'bob', item: 'b' },
    ])
    expect([refused.statusCode, refused.headers['retry-after'], refused.json().error.code]).toEqual([
      429,
      '1',
      'QueueFull',
    ])
    expect(written).toEqual({})
    expect(await metrics()).toContain('adloom_feedback_dropped_total{stream="clicks"} 2\n')
    expect((await send(click)).statusCode).toBe(202)
  })

  it('is not there where feedback is off', async () => {
    const { send, rank } = scene({ serving: { feedback: undefined } })
    expect((await rank({ slots: 1 })).entries).toHaveLength(1)
    const response = await send(click)
    expect([response.statusCode, response.json().error]).toEqual([
      404,
      { code: 'FeedbackOff', message: expect.stringContaining('spec.serving.feedback') },
    ])
  })

  it('forgets the oldest lists beyond its bound', async () => {
    const { rank, send } = scene({ serving: { feedback: { recentEntries: 5 } } })
    for (const requestId of ['a', 'b', 'c']) await rank({ requestId, slots: 2 })
    const answers = ['a', 'b', 'c'].map(async (requestId) => (await send({ ...click, requestId })).json())
    expect((await Promise.all(answers)).map(({ unknownRequests }) => unknownRequests)).toEqual([1, 0, 0])
  })
})

describe('a request that is written', () => {
  it('says who asked, what was known and what was answered; without exploration no propensity', async () => {
    const { rank, written } = scene()
    const answer = await rank({ requestId: 'q', user: { id: 'anna' }, slots: 2, candidates: { organic: ['item-3'] } })
    expect(written.requests).toEqual([
      {
        requestId: 'q',
        time: '2026-11-28T03:15:00.000Z',
        user: 'anna',
        historyDigest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
        candidates: 1,
        slots: 2,
        entries: [{ position: 1, item: 'item-3', score: 0 }],
        model: 'sha256:1',
        revision: 'r1',
      },
    ])
    expect(JSON.stringify([answer, written])).not.toMatch(/propensity/i)
  })

  it('has the items of the history where that is asked for', async () => {
    const { rank, written } = scene({ serving: { feedback: { history: 'Items' } } })
    await rank({ user: { history: ['item-4', 'item-2'] }, slots: 1 })
    expect(written.requests).toEqual([expect.objectContaining({ history: ['item-4', 'item-2'] })])
  })

  it('has the time of the request where it says one', async () => {
    const { rank, written } = scene()
    await rank({ time: '2026-11-28T04:00:00+01:00', slots: 1 })
    expect(written.requests).toEqual([expect.objectContaining({ time: '2026-11-28T03:00:00.000Z' })])
  })

  it('has with exploration the propensities that the answer had, and the list of a request that is repeated', async () => {
    const exploration = { temperature: '2', sharePercent: 50 }
    const { rank, send, written, metrics } = scene({ serving: { exploration } })
    const answers: RankAnswer[] = []
    for (let index = 0; index < 40; index++) answers.push(await rank({ requestId: `q${index}`, slots: 4 }))
    for (const [index, { entries, logPropensity }] of answers.entries()) {
      const product = entries.reduce((value, { propensity = Number.NaN }) => value * propensity, 1)
      expect(Math.log(product)).toBeCloseTo(logPropensity ?? Number.NaN, 9)
      expect((await rank({ requestId: `q${index}`, slots: 4 })).entries).toEqual(entries)
    }
    const records = (written.requests as RequestRecord[]).slice(0, 40)
    expect(records.map((record) => record.entries)).toEqual(answers.map(({ entries }) => entries))
    expect(records.map((record) => record.logPropensity)).toEqual(answers.map((answer) => answer.logPropensity))
    const drawn = records.filter((record) => record.exploration?.drawn)
    expect([drawn.length > 5, drawn.length < 35]).toEqual([true, true])
    expect(records[0].exploration).toMatchObject(exploration)
    await send({ ...click, requestId: 'q0', user: 'bob' })
    const [first] = answers[0].entries
    expect(written.clicks).toEqual([expect.objectContaining({ item: first.item, propensity: first.propensity })])
    expect(await metrics()).toContain(`adloom_rank_explored_lists_total ${2 * drawn.length}\n`)
  })
})
