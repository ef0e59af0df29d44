import { describe, expect, it } from 'vitest'
import { createClient } from '../../../operator/cluster/client.ts'
import { CONFIG_MAP } from '../../../operator/cluster/resources.ts'
import { ObjectGoneError, StatusWriter, sameStatus, type WithStatus } from '../../../operator/control/status-writer.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { refusal, ScriptedServer } from '../../support/scripted-server.ts'

/** A server that keeps one object's status, as an apply by its only manager leaves it. */
function setUp() {
  const server = new ScriptedServer()
  const clock = new FakeClock()
  const stored: { object: WithStatus } = {
    object: {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'a', namespace: 'team', uid: 'u1', resourceVersion: '7' },
    },
  }
  server.other = ({ body }) => {
    stored.object = { ...stored.object, status: (body as { status: object }).status }
    return { body: stored.object }
  }
  const client = createClient({ transport: server.transport, fieldManager: 'adloom-test', userAgent: 'test' })
  const writer = new StatusWriter({ resource: CONFIG_MAP, clock, progressFields: ['progress'], minProgressMs: 2000 })
  const write = (status: object) => writer.write(client, stored.object, status)
  return { server, clock, writer, write, stored }
}

describe('the status writer', () => {
  it('applies the whole status to the subresource, by force, for this very version of the object', async () => {
    const { server, write } = setUp()
    expect((await write({ observedGeneration: 1 })).kind).toBe('written')
    const [request] = server.requests
    expect(request?.url.pathname).toBe('/api/v1/namespaces/team/configmaps/a/status')
    expect(Object.fromEntries(request?.url.searchParams ?? [])).toEqual({ fieldManager: 'adloom-test', force: 'true' })
    expect(request?.contentType).toBe('application/apply-patch+yaml')
    expect(request?.body).toEqual({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'a', namespace: 'team', resourceVersion: '7' },
      status: { observedGeneration: 1 },
    })
  })

  it('writes nothing when nothing changed', async () => {
    const { server, write } = setUp()
    await write({ observedGeneration: 1, conditions: [{ type: 'B' }, { type: 'A' }], absent: undefined })
    for (let pass = 0; pass < 10; pass++) {
      const again = await write({ conditions: [{ type: 'A' }, { type: 'B' }], observedGeneration: 1 })
      expect(again.kind).toBe('unchanged')
    }
    expect(server.requests).toHaveLength(1)
  })

  it('throttles what only moves progress, and the last value still arrives', async () => {
    const { server, clock, write, stored } = setUp()
    let deferred = 0
    for (let step = 1; step <= 50; step++) {
      const result = await write({ observedGeneration: 1, progress: { step } })
      if (result.kind === 'deferred') deferred++
      await clock.advance(100)
    }
    // 5 s at one write in 2 s, the first at once.
    expect([server.requests.length, deferred]).toEqual([3, 47])
    const last = await write({ observedGeneration: 1, progress: { step: 50 } })
    expect(last).toEqual({ kind: 'deferred', delayMs: 1000 })
    await clock.advance(1000)
    await write({ observedGeneration: 1, progress: { step: 50 } })
    expect(stored.object.status).toEqual({ observedGeneration: 1, progress: { step: 50 } })
  })

  it('does not hold back anything but progress', async () => {
    const { write } = setUp()
    await write({ progress: { step: 1 } })
    expect((await write({ progress: { step: 2 }, conditions: [{ type: 'Ready' }] })).kind).toBe('written')
  })

  it('counts a failed write as none', async () => {
    const { server, write, stored } = setUp()
    await write({ progress: { step: 1 } })
    server.other = () => refusal(500, 'InternalError')
    await expect(write({ progress: { step: 2 }, failed: true })).rejects.toThrow('InternalError')
    expect(stored.object.status).toEqual({ progress: { step: 1 } })
  })

  it('says so when the object is gone', async () => {
    const { server, write } = setUp()
    server.other = () => refusal(404, 'NotFound')
    await expect(write({ observedGeneration: 1 })).rejects.toThrow(ObjectGoneError)
  })
})

describe('sameStatus', () => {
  it.each<[string, object, object, boolean]>([
    ['order of keys', { a: 1, b: { c: 1, d: 2 } }, { b: { d: 2, c: 1 }, a: 1 }, true],
    [
      'order of conditions',
      { conditions: [{ type: 'A' }, { type: 'B' }] },
      { conditions: [{ type: 'B' }, { type: 'A' }] },
      true,
    ],
    ['order of another list', { steps: ['a', 'b'] }, { steps: ['b', 'a'] }, false],
    ['undefined and absent', { a: undefined }, {}, true],
    ['a field more', { a: 1 }, {}, false],
    ['number and string', { a: 1 }, { a: '1' }, false],
  ])('%s', (_, a, b, expected) => {
    expect(sameStatus(a, b)).toBe(expected)
  })
})
