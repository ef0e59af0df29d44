import { describe, expect, it } from 'vitest'
import type { Client } from '../../../operator/cluster/client.ts'
import { createClient } from '../../../operator/cluster/client.ts'
import { ConflictError, ForbiddenError, ServerError, TooManyRequestsError } from '../../../operator/cluster/errors.ts'
import { Informer } from '../../../operator/cluster/informer.ts'
import type { KubernetesObject } from '../../../operator/cluster/objects.ts'
import { CONFIG_MAP, formatKey } from '../../../operator/cluster/resources.ts'
import { Controller, type ControllerObserver, type Reconcile } from '../../../operator/control/controller.ts'
import { done, requeueAfter, retry, stalled, waiting } from '../../../operator/control/outcome.ts'
import { ObjectGoneError } from '../../../operator/control/status-writer.ts'
import { primary } from '../../../operator/control/triggers.ts'
import { FakeClock, seededRandom } from '../../support/fake-clock.ts'
import { fakeLog } from '../../support/fake-log.ts'
import { listOf, ScriptedServer } from '../../support/scripted-server.ts'

function configMap(name: string, resourceVersion: string, generation = 1): KubernetesObject {
  const metadata = { namespace: 'team', name, uid: `uid-${name}`, resourceVersion, generation }
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata }
}

/** One controller over ConfigMaps on a scripted server. */
async function setUp(reconcile: Reconcile, objects = [configMap('a', '1')], workers = 2) {
  const server = new ScriptedServer()
  server.lists = [listOf('10', objects)]
  const clock = new FakeClock()
  const random = seededRandom(3)
  const log = fakeLog()
  const client: Client = createClient({ transport: server.transport, fieldManager: 'test', userAgent: 'test' })
  const informer = new Informer<KubernetesObject>({
    client,
    resource: CONFIG_MAP,
    clock,
    random,
    log,
    resyncMs: 600_000,
  })
  const results: string[] = []
  const observer: ControllerObserver = {
    started: () => {},
    finished: (result) => results.push(result),
    readStale: () => results.push('readStale'),
  }
  const controller = new Controller({
    name: 'things',
    reconcile,
    triggers: [primary(informer)],
    client,
    clock,
    random,
    log,
    workers,
    observer,
  })
  controller.start()
  informer.start()
  await clock.advance(0)
  const stop = async () => {
    const stopped = controller.stop()
    await clock.advance(0)
    await stopped
    await informer.stop()
  }
  return { server, clock, log, informer, controller, results, stop }
}

const request = { verb: 'PUT', path: '/x', message: 'no' }

describe('a controller', () => {
  it('reconciles nothing before its informers have synced', async () => {
    const keys: string[] = []
    const clock = new FakeClock()
    const server = new ScriptedServer()
    server.lists = ['hang']
    const client = createClient({ transport: server.transport, fieldManager: 'test', userAgent: 'test' })
    const log = fakeLog()
    const random = seededRandom(3)
    const informer = new Informer<KubernetesObject>({ client, resource: CONFIG_MAP, clock, random, log })
    const controller = new Controller({
      name: 'things',
      reconcile: async (key) => {
        keys.push(formatKey(key))
        return done()
      },
      triggers: [primary(informer)],
      client,
      clock,
      random,
      log,
    })
    controller.start()
    informer.start()
    controller.enqueue('team/a')
    await clock.advance(60_000)
    expect(keys).toEqual([])
    await Promise.all([controller.stop(), informer.stop()])
    expect(keys).toEqual([])
  })

  it('reconciles what is there, what changes in spec, and not what changes in status', async () => {
    const keys: string[] = []
    const { server, clock, stop } = await setUp(async (key) => {
      keys.push(formatKey(key))
      return done()
    })
    expect(keys).toEqual(['team/a'])
    server.watch().event('MODIFIED', configMap('a', '11', 1))
    await clock.advance(100)
    expect(keys).toHaveLength(1)
    server.watch().event('MODIFIED', configMap('a', '12', 2))
    await clock.advance(100)
    expect(keys).toHaveLength(2)
    server.watch().event('DELETED', configMap('a', '13', 2))
    await clock.advance(100)
    expect(keys).toHaveLength(3)
    await stop()
  })

  it('reconciles everything again at a resync', async () => {
    let count = 0
    const { clock, stop } = await setUp(async () => {
      count++
      return done()
    })
    await clock.advance(3 * 660_000)
    expect(count).toBeGreaterThanOrEqual(4)
    await stop()
  })

  it('follows what each outcome asks for', async () => {
    const calls: Record<string, number[]> = {}
    const outcomes = {
      done: () => done(),
      waiting: () => waiting('Dataset team/d'),
      stalled: () => stalled('bad spec'),
      requeueAfter: () => requeueAfter(1000),
      retry: () => retry(new Error('not now')),
    }
    const names = Object.keys(outcomes) as (keyof typeof outcomes)[]
    const clockOf: { clock?: FakeClock } = {}
    const { clock, results, log, stop } = await setUp(
      async ({ name }) => {
        calls[name] = [...(calls[name] ?? []), clockOf.clock?.monotonic() ?? 0]
        return outcomes[name as keyof typeof outcomes]()
      },
      names.map((name) => configMap(name, '1')),
    )
    clockOf.clock = clock
    await clock.advance(10_000)
    expect(new Set(results)).toEqual(new Set(names))
    expect([calls.done?.length, calls.waiting?.length, calls.stalled?.length]).toEqual([1, 1, 1])
    expect(calls.requeueAfter).toEqual([0, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10_000])
    // 5 ms doubling with jitter: about ten tries in ten seconds.
    expect(calls.retry?.length).toBeGreaterThanOrEqual(10)
    expect(calls.retry?.length).toBeLessThanOrEqual(13)
    expect(log.lines.every((line) => line.message === 'Reconcile failed')).toBe(true)
    await stop()
  })

  it('takes a lost race for no failure', async () => {
    let tries = 0
    const { clock, results, log, controller, stop } = await setUp(async () => {
      tries++
      if (tries < 4) throw new ConflictError({ ...request, status: 409, reason: 'Conflict' })
      return done()
    })
    await clock.advance(1000)
    expect(results).toEqual(['conflict', 'conflict', 'conflict', 'done'])
    expect(log.lines).toEqual([])
    expect(controller.queue.failures('team/a')).toBe(0)
    await stop()
  })

  it('takes a field that another manager owns for a failure, because trying again does not help', async () => {
    const details = { causes: [{ reason: 'FieldManagerConflict', field: '.spec.replicas' }] }
    const { results, stop } = await setUp(async () => {
      throw new ConflictError({ ...request, status: 409, reason: 'Conflict', details })
    })
    expect(results).toEqual(['retry'])
    await stop()
  })

  it('tries nothing again in a namespace that terminates, unlike any other refusal', async () => {
    const refused = (cause?: string) =>
      new ForbiddenError({
        ...request,
        status: 403,
        reason: 'Forbidden',
        details: { causes: cause === undefined ? [] : [{ reason: cause, field: 'metadata.namespace' }] },
      })
    const objects = [configMap('a', '1'), configMap('b', '2')]
    const { clock, results, log, controller, stop } = await setUp(async ({ name }) => {
      throw refused(name === 'a' ? 'NamespaceTerminating' : undefined)
    }, objects)
    await clock.advance(0)
    expect(results.toSorted()).toEqual(['retry', 'waiting'])
    expect(controller.queue.failures('team/a')).toBe(0)
    expect(log.lines.map(({ fields }) => fields)).toMatchObject([{ key: 'team/b', failures: 1 }])
    await stop()
  })

  it('tries nothing again for an object that went before its status was written', async () => {
    const { clock, results, log, controller, stop } = await setUp(async () => {
      throw new ObjectGoneError('not found')
    }, [configMap('a', '1')])
    await clock.advance(0)
    expect(results).toEqual(['waiting'])
    expect(controller.queue.failures('team/a')).toBe(0)
    expect(log.lines).toEqual([])
    await stop()
  })

  it('waits as long as the server asks', async () => {
    let tries = 0
    const { clock, stop } = await setUp(async () => {
      tries++
      throw new TooManyRequestsError({ ...request, status: 429, reason: 'TooManyRequests', retryAfterSeconds: 30 })
    })
    await clock.advance(29_000)
    expect(tries).toBe(1)
    await clock.advance(1000)
    expect(tries).toBe(2)
    await stop()
  })

  it('survives bugs, counts them apart from failures, and one bad object does not hold up another', async () => {
    const { clock, results, log, stop } = await setUp(
      async ({ name }) => {
        if (name === 'bug') throw new TypeError('undefined is not a function')
        if (name === 'thrower') throw 'a string'
        if (name === 'server') throw new ServerError({ ...request, status: 500, reason: 'InternalError' })
        return done()
      },
      ['bug', 'thrower', 'server', 'good'].map((name) => configMap(name, '1')),
      1,
    )
    expect(results).toEqual(['panic', 'panic', 'retry', 'done'])
    await clock.advance(0)
    expect(log.lines.filter((line) => line.message === 'Reconcile ended by a programming error')).toHaveLength(2)
    await stop()
  })

  it('never reconciles one key twice at a time, and as many keys as there are workers', async () => {
    const running: string[] = []
    let most = 0
    const clockOf: { clock?: FakeClock } = {}
    const { clock, controller, stop } = await setUp(
      async (key) => {
        expect(running).not.toContain(key.name)
        running.push(key.name)
        most = Math.max(most, running.length)
        await new Promise<void>((resolve) => clockOf.clock?.after(50, resolve) ?? resolve())
        running.splice(running.indexOf(key.name), 1)
        return done()
      },
      [],
      3,
    )
    clockOf.clock = clock
    for (const name of ['a', 'b', 'c', 'd', 'a', 'b']) controller.enqueue(`team/${name}`)
    await clock.advance(10)
    controller.enqueue('team/a')
    await clock.advance(1000)
    expect([most, running]).toEqual([3, []])
    await stop()
  })

  it('waits for the cache to show its own write before it reconciles the key again', async () => {
    let runs = 0
    const { server, clock, controller, results, stop } = await setUp(async (key, { client }) => {
      if (++runs === 1) await client.mergePatch(CONFIG_MAP, key, { data: {} })
      return done()
    })
    // The first run wrote: the server answered with a version that the watch has not brought yet.
    server.other = () => ({ body: configMap('a', '15') })
    expect(results).toEqual(['retry'])
    runs = 0
    await clock.advance(20)
    expect(runs).toBe(1)
    controller.enqueue('team/a')
    await clock.advance(1000)
    expect(runs).toBe(1)
    server.watch().event('MODIFIED', configMap('a', '15'))
    await clock.advance(100)
    expect(runs).toBe(2)
    await stop()
  })

  it('goes on after a while although the cache never shows its write', async () => {
    let runs = 0
    const { server, clock, controller, results, stop } = await setUp(async (key, { client }) => {
      if (++runs === 2) await client.mergePatch(CONFIG_MAP, key, { data: {} })
      return done()
    })
    server.other = () => ({ body: configMap('a', '15') })
    controller.enqueue('team/a')
    await clock.advance(0)
    controller.enqueue('team/a')
    await clock.advance(4000)
    expect(runs).toBe(2)
    await clock.advance(2000)
    expect(runs).toBe(3)
    expect(results).toEqual(['done', 'done', 'readStale', 'done'])
    await stop()
  })

  it('stops after what runs, tells it to hurry, and begins nothing new', async () => {
    const begun: string[] = []
    let aborted = false
    const { controller, stop } = await setUp(
      async ({ name }, { signal }) => {
        begun.push(name)
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
        aborted = signal.aborted
        return done()
      },
      [configMap('a', '1'), configMap('b', '1')],
      1,
    )
    expect(begun).toEqual(['a'])
    await stop()
    controller.enqueue('team/c')
    expect([begun, aborted, controller.queue.depth]).toEqual([['a'], true, 0])
  })
})
