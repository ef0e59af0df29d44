import { describe, expect, it } from 'vitest'
import { createClient, type Transport } from '../../../operator/cluster/client.ts'
import { type Fence, LeaderElector, type Lease } from '../../../operator/cluster/lease.ts'
import { FakeClock, seededRandom } from '../../support/fake-clock.ts'
import { fakeLog } from '../../support/fake-log.ts'
import { type Answer, refusal, ScriptedServer } from '../../support/scripted-server.ts'

/** Keeps one Lease under optimistic concurrency. */
function leaseServer() {
  const server = new ScriptedServer()
  const held: { lease: Lease | undefined } = { lease: undefined }
  let version = 0
  const store = (lease: Lease): Answer => {
    held.lease = { ...lease, metadata: { ...lease.metadata, resourceVersion: String(++version) } }
    return { body: held.lease }
  }
  server.other = ({ method, body }) => {
    if (method === 'POST') return held.lease ? refusal(409, 'AlreadyExists') : store(body as Lease)
    if (!held.lease) return refusal(404, 'NotFound')
    if (method === 'GET') return { body: held.lease }
    const sent = body as Lease
    return sent.metadata.resourceVersion === String(version) ? store(sent) : refusal(409, 'Conflict')
  }
  return { server, held, store }
}

function candidate(transport: Transport, clock: FakeClock, identity: string, seed: number) {
  const told: string[] = []
  const fences: Fence[] = []
  const elector = new LeaderElector({
    client: createClient({ transport, fieldManager: 'test', userAgent: 'test' }),
    clock,
    random: seededRandom(seed),
    log: fakeLog(),
    key: { namespace: 'adloom', name: 'operator' },
    identity,
    onElected: (fence) => {
      told.push(`elected at ${clock.monotonic()}`)
      fences.push(fence)
    },
    onLost: () => told.push(`lost at ${clock.monotonic()}`),
  })
  return { elector, told, fences }
}

describe('leader election', () => {
  it('makes the first candidate leader, which then renews and never changes the term', async () => {
    const { server, held } = leaseServer()
    const clock = new FakeClock()
    const { elector, told, fences } = candidate(server.transport, clock, 'a', 1)
    elector.start()
    await clock.advance(60_000)
    expect(told).toEqual(['elected at 0'])
    expect(fences).toEqual([{ identity: 'a', transitions: 0 }])
    expect(elector.fence()).toEqual({ identity: 'a', transitions: 0 })
    expect(held.lease?.spec).toMatchObject({
      holderIdentity: 'a',
      leaseDurationSeconds: 15,
      leaseTransitions: 0,
      acquireTime: '2026-01-01T00:00:00.000000Z',
    })
    const renewedAgo = clock.now() - Date.parse(held.lease?.spec?.renewTime ?? '')
    expect(renewedAgo).toBeLessThanOrEqual(2400)
    await elector.stop()
    expect(clock.pendingTimers).toBe(0)
  })

  it('leaves one leader of two, and hands over at once on a graceful stop', async () => {
    const { server, held } = leaseServer()
    const clock = new FakeClock()
    const a = candidate(server.transport, clock, 'a', 1)
    const b = candidate(server.transport, clock, 'b', 2)
    a.elector.start()
    await clock.advance(100)
    b.elector.start()
    await clock.advance(40_000)
    expect([a.elector.isLeader(), b.elector.isLeader()]).toEqual([true, false])
    await a.elector.stop()
    expect(held.lease?.spec?.holderIdentity).toBe('')
    await clock.advance(2400)
    expect([a.elector.isLeader(), b.elector.isLeader()]).toEqual([false, true])
    expect(b.fences).toEqual([{ identity: 'b', transitions: 1 }])
    expect(a.told).toEqual(['elected at 0'])
    await b.elector.stop()
  })

  it('gives up before another can take over when its connection hangs', async () => {
    const { server } = leaseServer()
    const clock = new FakeClock()
    let hangs = false
    const a = candidate((request) => (hangs ? new Promise(() => {}) : server.transport(request)), clock, 'a', 1)
    const b = candidate(server.transport, clock, 'b', 2)
    a.elector.start()
    await clock.advance(1000)
    b.elector.start()
    await clock.advance(9000)
    hangs = true
    for (let second = 0; second < 30; second++) {
      await clock.advance(1000)
      expect(a.elector.isLeader() && b.elector.isLeader()).toBe(false)
    }
    const lostAt = Number(/lost at (\d+)/.exec(a.told.join())?.[1])
    const electedAt = Number(/elected at (\d+)/.exec(b.told.join())?.[1])
    // 15 s of lease against 10 s of renew deadline: five seconds in which nobody leads.
    expect(electedAt - lostAt).toBeGreaterThanOrEqual(5000)
    expect(electedAt - lostAt).toBeLessThan(5000 + 2 * 2400)
    expect(b.fences).toEqual([{ identity: 'b', transitions: 1 }])
    await b.elector.stop()
  })

  it('is no leader any more when its process slept, even before a timer runs', async () => {
    const { server } = leaseServer()
    const clock = new FakeClock()
    const { elector } = candidate(server.transport, clock, 'a', 1)
    elector.start()
    await clock.advance(0)
    expect(elector.isLeader()).toBe(true)
    clock.monotonic = () => 10_000
    expect([elector.isLeader(), elector.fence()]).toEqual([false, undefined])
    await elector.stop()
  })

  it('tries again on another request when one hangs', async () => {
    const { server } = leaseServer()
    const clock = new FakeClock()
    let requests = 0
    const { elector, told } = candidate(
      (request) => (++requests % 3 === 0 ? new Promise(() => {}) : server.transport(request)),
      clock,
      'a',
      1,
    )
    elector.start()
    await clock.advance(120_000)
    expect([told, elector.isLeader()]).toEqual([['elected at 0'], true])
    await elector.stop()
  })

  it('releases a lease whose last renewal was cut off', async () => {
    const { server, held } = leaseServer()
    const clock = new FakeClock()
    let swallows = false
    const swallowing: Transport = async (request) => {
      const answer = await server.transport(request)
      return swallows && request.method === 'PUT' ? new Promise(() => {}) : answer
    }
    const { elector } = candidate(swallowing, clock, 'a', 1)
    elector.start()
    await clock.advance(0)
    swallows = true
    await clock.advance(2500)
    const stopped = elector.stop()
    swallows = false
    await stopped
    expect(held.lease?.spec?.holderIdentity).toBe('')
  })

  it('keeps leading through refusals that end within the renew deadline', async () => {
    const { server } = leaseServer()
    const clock = new FakeClock()
    let refuses = false
    const flaky: Transport = async (request) =>
      refuses ? Response.json({ kind: 'Status', code: 500 }, { status: 500 }) : server.transport(request)
    const { elector, told } = candidate(flaky, clock, 'a', 1)
    elector.start()
    await clock.advance(10_000)
    refuses = true
    await clock.advance(6000)
    refuses = false
    await clock.advance(60_000)
    expect(told).toEqual(['elected at 0'])
    expect(elector.isLeader()).toBe(true)
    await elector.stop()
  })

  it('stops at once when the lease was taken by another, and does not try again', async () => {
    const { server, held, store } = leaseServer()
    const clock = new FakeClock()
    const { elector, told } = candidate(server.transport, clock, 'a', 1)
    elector.start()
    await clock.advance(3000)
    if (held.lease) store({ ...held.lease, spec: { ...held.lease.spec, holderIdentity: 'thief', leaseTransitions: 9 } })
    await clock.advance(2500)
    expect([told.length, elector.isLeader()]).toEqual([2, false])
    const requests = server.requests.length
    await clock.advance(60_000)
    expect(server.requests.length).toBe(requests)
    await elector.stop()
    expect(held.lease?.spec?.holderIdentity).toBe('thief')
  })

  it('judges expiry by its own clock, not by the times in the lease', async () => {
    const { server, store } = leaseServer()
    const clock = new FakeClock()
    const metadata = { namespace: 'adloom', name: 'operator' }
    const spec = { holderIdentity: 'old', leaseDurationSeconds: 15, renewTime: '2001-01-01T00:00:00.000000Z' }
    store({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec: { ...spec, leaseTransitions: 4 } })
    const { elector, fences } = candidate(server.transport, clock, 'a', 1)
    elector.start()
    await clock.advance(14_000)
    expect(elector.isLeader()).toBe(false)
    await clock.advance(4000)
    expect(fences).toEqual([{ identity: 'a', transitions: 5 }])
    await elector.stop()
  })

  it('refuses times that would let two lead', () => {
    const clock = new FakeClock()
    const options = { client: createClient({ transport: fetch, fieldManager: 'x', userAgent: 'x' }), clock }
    const rest = { random: seededRandom(1), log: fakeLog(), key: { namespace: 'n', name: 'l' }, identity: 'a' }
    const hooks = { onElected: () => {}, onLost: () => {} }
    expect(() => new LeaderElector({ ...options, ...rest, ...hooks, renewDeadlineMs: 15_000 })).toThrow(RangeError)
  })
})
