import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createClient } from '../../../operator/cluster/client.ts'
import type { KubernetesObject } from '../../../operator/cluster/objects.ts'
import { type EventNote, EventRecorder, truncateBytes } from '../../../operator/control/events.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { fakeLog } from '../../support/fake-log.ts'
import { refusal, ScriptedServer } from '../../support/scripted-server.ts'

const THING: KubernetesObject = {
  apiVersion: 'example.dev/v1',
  kind: 'Thing',
  metadata: { name: 'a', namespace: 'team', uid: 'u1', resourceVersion: '7' },
}
const FAILED: EventNote = { type: 'Warning', reason: 'OutOfMemory', action: 'Train', note: 'The worker ran out.' }

function setUp() {
  const server = new ScriptedServer()
  server.other = ({ body }) => ({ status: 201, body })
  const clock = new FakeClock()
  const log = fakeLog()
  let ids = 0
  const recorder = new EventRecorder({
    client: createClient({ transport: server.transport, fieldManager: 'test', userAgent: 'test' }),
    clock,
    log,
    reportingController: 'example.dev/operator',
    reportingInstance: 'pod-1',
    newId: () => `${ids++}`,
  })
  return { server, clock, log, recorder }
}

describe('the event recorder', () => {
  it('writes an event of events.k8s.io/v1', async () => {
    const { server, clock, recorder } = setUp()
    recorder.record(THING, { ...FAILED, related: { ...THING, kind: 'Pod' } })
    await clock.advance(0)
    expect(server.requests[0]?.url.pathname).toBe('/apis/events.k8s.io/v1/namespaces/team/events')
    expect(server.requests[0]?.body).toMatchObject({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: 'a.0', namespace: 'team' },
      eventTime: '2026-01-01T00:00:00.000000Z',
      type: 'Warning',
      reason: 'OutOfMemory',
      action: 'Train',
      regarding: { apiVersion: 'example.dev/v1', kind: 'Thing', name: 'a', namespace: 'team', uid: 'u1' },
      related: { kind: 'Pod' },
    })
  })

  it('makes repeats a series of the first, written at most every half minute', async () => {
    const { server, clock, recorder } = setUp()
    for (let second = 0; second < 60; second++) {
      recorder.record(THING, FAILED)
      await clock.advance(1000)
    }
    await recorder.stop()
    const [created, ...patches] = server.requests
    expect(created?.method).toBe('POST')
    expect(patches.map(({ body }) => (body as { series: { count: number } }).series.count)).toEqual([30, 60])
    expect(patches.every(({ url }) => url.pathname.endsWith('/events/a.0'))).toBe(true)
    expect(clock.pendingTimers).toBe(0)
  })

  it('begins anew after six quiet minutes, and for another text or object', async () => {
    const { server, clock, recorder } = setUp()
    recorder.record(THING, FAILED)
    recorder.record(THING, { ...FAILED, note: 'Again.' })
    recorder.record({ ...THING, metadata: { ...THING.metadata, uid: 'u2' } }, FAILED)
    await clock.advance(6 * 60_000)
    recorder.record(THING, FAILED)
    await clock.advance(0)
    expect(server.requests.map(({ method }) => method)).toEqual(['POST', 'POST', 'POST', 'POST'])
  })

  it('never fails whoever records, and tries again with the next occurrence', async () => {
    const { server, clock, log, recorder } = setUp()
    server.other = () => refusal(403, 'Forbidden', 'the namespace is terminating')
    recorder.record(THING, FAILED)
    await clock.advance(0)
    expect([recorder.failures, log.lines.length]).toEqual([1, 1])
    server.other = ({ body }) => ({ status: 201, body })
    recorder.record(THING, FAILED)
    await clock.advance(0)
    expect(server.requests.map(({ method }) => method)).toEqual(['POST', 'POST'])
  })

  it('keeps within the bounds of the API', async () => {
    const { server, clock, recorder } = setUp()
    const object = { ...THING, metadata: { ...THING.metadata, name: 'n'.repeat(253) } }
    recorder.record(object, { ...FAILED, reason: 'R'.repeat(300), action: 'A'.repeat(300), note: 'ä'.repeat(2000) })
    await clock.advance(0)
    const body = server.requests[0]?.body as KubernetesObject & { note: string; reason: string; action: string }
    expect(body.metadata.name.length).toBeLessThanOrEqual(253)
    expect([body.reason.length, body.action.length]).toEqual([128, 128])
    expect(Buffer.byteLength(body.note)).toBeLessThanOrEqual(1024)
  })

  it('cuts bytes, never a character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 80 }), fc.integer({ min: 4, max: 100 }), (text, limit) => {
        const cut = truncateBytes(text, limit)
        expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(limit)
        expect(cut).not.toContain('\uFFFD')
        expect(cut === text || text.startsWith(cut.slice(0, -1))).toBe(true)
      }),
    )
  })
})
