import { describe, expect, it } from 'vitest'
import { createClient } from '../../../operator/cluster/client.ts'
import { Informer, type InformerOptions } from '../../../operator/cluster/informer.ts'
import type { KubernetesObject } from '../../../operator/cluster/objects.ts'
import { CONFIG_MAP } from '../../../operator/cluster/resources.ts'
import { FakeClock, seededRandom, settle } from '../../support/fake-clock.ts'
import { fakeLog } from '../../support/fake-log.ts'
import { listOf, refusal, ScriptedServer } from '../../support/scripted-server.ts'

interface ConfigMap extends KubernetesObject {
  data?: Record<string, string>
}

function configMap(name: string, resourceVersion: string, uid = `uid-${name}`): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'team', name, uid, resourceVersion } }
}

function start(server: ScriptedServer, options: Partial<InformerOptions<ConfigMap>> = {}) {
  const clock = new FakeClock()
  const log = fakeLog()
  const client = createClient({ transport: server.transport, fieldManager: 'test', userAgent: 'test' })
  const informer = new Informer<ConfigMap>({
    client,
    resource: CONFIG_MAP,
    clock,
    random: seededRandom(1),
    log,
    ...options,
  })
  const seen: string[] = []
  informer.addHandler({
    added: (object) => seen.push(`+${object.metadata.name}@${object.metadata.resourceVersion}`),
    updated: (before, after) =>
      seen.push(`~${after.metadata.name}@${before.metadata.resourceVersion}>${after.metadata.resourceVersion}`),
    deleted: (object) => seen.push(`-${object.metadata.name}@${object.metadata.resourceVersion}`),
  })
  informer.start()
  return { informer, clock, log, seen }
}

async function started(lists: ScriptedServer['lists'], options: Partial<InformerOptions<ConfigMap>> = {}) {
  const server = new ScriptedServer()
  server.lists = lists
  const parts = start(server, options)
  await parts.clock.advance(0)
  return { server, ...parts }
}

const A1 = configMap('a', '1')
const B2 = configMap('b', '2')

describe('an informer', () => {
  it('lists, then watches from the version of the list, with bookmarks and a timeout of its own', async () => {
    const { server, informer, seen } = await started([listOf('5', [A1, B2])])
    expect(seen).toEqual(['+a@1', '+b@2'])
    expect(informer.hasSynced()).toBe(true)
    const query = server.watch().url.searchParams
    expect(query.get('resourceVersion')).toBe('5')
    expect(query.get('allowWatchBookmarks')).toBe('true')
    expect(Number(query.get('timeoutSeconds'))).toBeGreaterThanOrEqual(300)
    await informer.stop()
  })

  it('gives handlers the old and the new object, frozen', async () => {
    const { server, informer, clock, seen } = await started([listOf('5', [A1])])
    server.watch().event('MODIFIED', { ...configMap('a', '6'), data: { x: 'y' } })
    server.watch().event('ADDED', configMap('c', '7'))
    server.watch().event('DELETED', configMap('a', '8'))
    await clock.advance(0)
    expect(seen).toEqual(['+a@1', '~a@1>6', '+c@7', '-a@6'])
    const cached = informer.get({ namespace: 'team', name: 'c' })
    expect(() => Object.assign(cached?.metadata ?? {}, { name: 'other' })).toThrow(TypeError)
    await informer.stop()
  })

  it('shows present objects to a handler that comes late', async () => {
    const { informer } = await started([listOf('5', [A1, B2])])
    const names: string[] = []
    informer.addHandler({ added: (object) => names.push(object.metadata.name) })
    expect(names).toEqual(['a', 'b'])
    await informer.stop()
  })

  it('finds objects by owner uid and by an index of the caller', async () => {
    const owned = { ...A1, metadata: { ...A1.metadata, ownerReferences: [owner('u1')] }, data: { tier: 'gold' } }
    const { server, informer, clock } = await started([listOf('5', [owned, B2])], {
      indexes: { tier: (object) => (object.data?.tier ? [object.data.tier] : []) },
    })
    expect(informer.byOwner('u1').map((object) => object.metadata.name)).toEqual(['a'])
    expect(informer.byIndex('tier', 'gold').map((object) => object.metadata.name)).toEqual(['a'])
    server.watch().event('MODIFIED', { ...configMap('a', '6'), data: { tier: 'tin' } })
    await clock.advance(0)
    expect(informer.byOwner('u1')).toEqual([])
    expect(informer.byIndex('tier', 'gold')).toEqual([])
    expect(informer.byIndex('tier', 'tin')).toHaveLength(1)
    expect(() => informer.byIndex('colour', 'red')).toThrow('no index "colour"')
    await informer.stop()
  })

  it('reports every object again at each resync, and no change', async () => {
    const { informer, clock, seen } = await started([listOf('5', [A1, B2])], { resyncMs: 60_000 })
    let resynced = 0
    informer.addHandler({ resynced: () => resynced++ })
    await clock.advance(10 * 66_000)
    expect(resynced).toBeGreaterThanOrEqual(18)
    expect(seen).toHaveLength(2)
    await informer.stop()
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('an informer whose watch ends', () => {
  it('opens the next at once after a clean close, without listing', async () => {
    const { server, informer, clock } = await started([listOf('5', [A1])])
    server.watch().event('MODIFIED', configMap('a', '9'))
    await clock.advance(5000)
    server.watch().end()
    await clock.advance(0)
    expect(server.watches).toHaveLength(2)
    expect(server.watch().url.searchParams.get('resourceVersion')).toBe('9')
    expect(server.listCount).toBe(1)
    expect(informer.stats()).toMatchObject({ reconnects: 1, failures: 0 })
    await informer.stop()
  })

  it('backs off when watches end at once again and again', async () => {
    const { server, informer, clock } = await started([listOf('5', [])])
    for (let second = 0; second < 60; second++) {
      for (const watch of server.openWatches) watch.end()
      await clock.advance(1000)
    }
    // 0.25-0.5 s doubling to at most 30 s: far fewer tries than seconds.
    expect(server.watches.length).toBeGreaterThan(4)
    expect(server.watches.length).toBeLessThan(15)
    await informer.stop()
  })

  it('comes back after ECONNRESET, from where it was', async () => {
    const { server, informer, clock, seen } = await started([listOf('5', [A1])])
    server.watch().event('ADDED', configMap('c', '7'))
    await clock.advance(0)
    server.watch().break('ECONNRESET')
    await clock.advance(600)
    expect(server.openWatches).toHaveLength(1)
    expect(server.watch().url.searchParams.get('resourceVersion')).toBe('7')
    expect(informer.stats()).toMatchObject({ failures: 1, lists: 1 })
    server.watch().event('DELETED', configMap('c', '8'))
    await clock.advance(0)
    expect(seen.at(-1)).toBe('-c@7')
    await informer.stop()
  })

  it('goes on from a bookmark', async () => {
    const { server, informer, clock } = await started([listOf('5', [A1])])
    server.watch().event('BOOKMARK', { kind: 'ConfigMap', apiVersion: 'v1', metadata: { resourceVersion: '40' } })
    await clock.advance(0)
    server.watch().end()
    await clock.advance(0)
    expect(server.watch().url.searchParams.get('resourceVersion')).toBe('40')
    expect(informer.hasSeen('40')).toBe(true)
    expect(informer.hasSeen('41')).toBe(false)
    await informer.stop()
  })

  it('lists again at once on 410, and reports what was deleted meanwhile', async () => {
    const { server, informer, clock, seen } = await started([
      listOf('5', [A1, B2]),
      listOf('90', [configMap('a', '50')]),
    ])
    server.watch().event('ERROR', { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' })
    await clock.advance(0)
    expect(seen.slice(2)).toEqual(['-b@2', '~a@1>50'])
    expect(server.watch().url.searchParams.get('resourceVersion')).toBe('90')
    expect(informer.stats()).toMatchObject({ lists: 2, errorEvents: 1 })
    await informer.stop()
  })

  it('lists again when the watch itself is refused with 410', async () => {
    const server = new ScriptedServer()
    server.lists = [listOf('5', [A1]), listOf('90', [])]
    server.watchAnswers = [refusal(410, 'Gone')]
    const { informer, clock, seen } = start(server)
    await clock.advance(0)
    expect(seen).toEqual(['+a@1', '-a@1'])
    await informer.stop()
  })

  it('counts, logs and lists again on any other ERROR event', async () => {
    const { server, informer, clock, log } = await started([listOf('5', [A1]), listOf('6', [A1])])
    server.watch().event('ERROR', { kind: 'Status', code: 500, reason: 'InternalError', message: 'etcd is gone' })
    await clock.advance(600)
    expect(informer.stats()).toMatchObject({ lists: 2, errorEvents: 1 })
    expect(JSON.stringify(log.lines.map((line) => String((line.fields as { err?: Error }).err)))).toContain(
      'etcd is gone',
    )
    await informer.stop()
  })

  it('counts, logs and lists again on a line that does not parse', async () => {
    const { server, informer, clock, log } = await started([listOf('5', [A1]), listOf('6', [A1])])
    server.watch().line('{"type":"MODIF')
    await clock.advance(600)
    expect(informer.stats()).toMatchObject({ lists: 2, unparsableLines: 1 })
    expect(log.lines.filter((line) => line.level === 'warn')).toHaveLength(1)
    await informer.stop()
  })

  it('takes a watch for dead that is silent beyond the timeout it asked for', async () => {
    const { server, informer, clock } = await started([listOf('5', [A1])], { watchTimeoutSeconds: 60 })
    await clock.advance(40_000)
    server.watch().event('BOOKMARK', { metadata: { resourceVersion: '6' } })
    // 120 s of timeout at most and 30 s of margin, from the last sign of life.
    await clock.advance(151_000)
    expect(informer.stats()).toMatchObject({ silentWatches: 1, reconnects: 1, lists: 1 })
    expect(server.openWatches).toHaveLength(1)
    expect(server.watches[0]?.closed).toBe(true)
    await informer.stop()
  })

  it('waits as long as a 429 asks', async () => {
    const server = new ScriptedServer()
    server.lists = [refusal(429, 'TooManyRequests', 'slow down', { retryAfterSeconds: 20 }), listOf('5', [A1])]
    const { informer, clock } = start(server)
    await clock.advance(19_000)
    expect(server.listCount).toBe(1)
    await clock.advance(1000)
    expect(server.listCount).toBe(2)
    await informer.stop()
  })
})

describe('an informer whose list fails', () => {
  it('has not synced before a full list came, and keeps trying', async () => {
    const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
    const { informer, clock, seen } = await started([refused, refusal(500, 'InternalError'), listOf('5', [A1])])
    let told = false
    void informer.whenSynced().then(() => {
      told = true
    })
    await clock.advance(100)
    expect([informer.hasSynced(), told]).toEqual([false, false])
    await clock.advance(5000)
    expect([informer.hasSynced(), told]).toEqual([true, true])
    expect(seen).toEqual(['+a@1'])
    expect(informer.stats()).toMatchObject({ failures: 2, lists: 1 })
    await informer.stop()
  })

  it('reads a list page by page', async () => {
    const { informer, seen, server } = await started([listOf('5', [A1], 'next'), listOf('5', [B2])])
    expect(seen).toEqual(['+a@1', '+b@2'])
    expect(server.requests[1]?.url.searchParams.get('continue')).toBe('next')
    await informer.stop()
  })

  it('begins the list anew when its snapshot expires between two pages', async () => {
    const pages = [listOf('5', [A1], 'next'), refusal(410, 'Expired'), listOf('8', [B2])]
    const { informer, seen } = await started(pages)
    expect(seen).toEqual(['+b@2'])
    expect(informer.stats().failures).toBe(0)
    await informer.stop()
  })

  it('never goes back to a list that is older than what it delivered', async () => {
    const gone = { kind: 'Status', code: 410, reason: 'Expired', message: '' }
    const { server, informer, clock, seen } = await started([
      listOf('100', [A1]),
      listOf('60', [B2]),
      listOf('99', []),
      listOf('101', [A1, configMap('c', '101')]),
    ])
    server.watch().event('ERROR', gone)
    await clock.advance(10_000)
    expect(seen).toEqual(['+a@1', '+c@101'])
    expect(informer.stats()).toMatchObject({ staleLists: 2, lists: 2 })
    await informer.stop()
  })
})

describe('an informer that sees a name again', () => {
  it('reports another uid between two lists as deleted and added', async () => {
    const { server, informer, clock, seen } = await started([
      listOf('5', [configMap('a', '1', 'first')]),
      listOf('9', [configMap('a', '8', 'second')]),
    ])
    server.watch().event('ERROR', { kind: 'Status', code: 410, reason: 'Expired' })
    await clock.advance(0)
    expect(seen).toEqual(['+a@1', '-a@1', '+a@8'])
    await informer.stop()
  })

  it('reports another uid in an event the same way, and ignores the late end of the first', async () => {
    const { server, informer, clock, seen } = await started([listOf('5', [configMap('a', '1', 'first')])])
    server.watch().event('ADDED', configMap('a', '8', 'second'))
    server.watch().event('DELETED', configMap('a', '7', 'first'))
    await clock.advance(0)
    expect(seen).toEqual(['+a@1', '-a@1', '+a@8'])
    expect(informer.get({ namespace: 'team', name: 'a' })?.metadata.uid).toBe('second')
    await informer.stop()
  })

  it('ignores events that are repeated or older than the object it has', async () => {
    const { server, informer, clock, seen } = await started([listOf('5', [A1])])
    for (const version of ['7', '7', '6']) server.watch().event('MODIFIED', configMap('a', version))
    await clock.advance(0)
    expect(seen).toEqual(['+a@1', '~a@1>7'])
    expect(informer.stats().staleEvents).toBe(2)
    await informer.stop()
  })

  it('lists again when an event came too late to be placed', async () => {
    const { server, informer, clock, seen } = await started([listOf('5', [A1]), listOf('9', [])])
    server.watch().event('DELETED', configMap('a', '9'))
    server.watch().event('MODIFIED', configMap('a', '8'))
    await clock.advance(600)
    expect(seen).toEqual(['+a@1', '-a@1'])
    expect(informer.stats().lists).toBe(2)
    await informer.stop()
  })
})

describe('a handler that fails', () => {
  it('neither ends the process nor keeps others from hearing', async () => {
    const { server, informer, clock, log } = await started([listOf('5', [])])
    const heard: string[] = []
    informer.addHandler({
      added() {
        throw new Error('handler broke')
      },
    })
    informer.addHandler({ added: async () => Promise.reject(new Error('async handler broke')) })
    informer.addHandler({ added: (object) => heard.push(object.metadata.name) })
    server.watch().event('ADDED', configMap('c', '7'))
    await clock.advance(0)
    expect(heard).toEqual(['c'])
    expect(informer.stats().handlerErrors).toBe(2)
    expect(log.lines.filter((line) => line.level === 'error')).toHaveLength(2)
    await informer.stop()
  })
})

describe('stopping an informer', () => {
  it('closes the watch', async () => {
    const { server, informer, clock } = await started([listOf('5', [A1])])
    await informer.stop()
    await settle()
    expect(server.openWatches).toEqual([])
    expect(clock.pendingTimers).toBe(0)
  })

  it('leaks no watch when it comes during the wait before a reconnect', async () => {
    const { server, informer, clock } = await started([listOf('5', [A1])])
    server.watch().break()
    await settle()
    expect(clock.pendingTimers).toBe(1)
    await informer.stop()
    await clock.advance(120_000)
    expect(server.watches).toHaveLength(1)
    expect(clock.pendingTimers).toBe(0)
  })

  it('does not wait for a server that never answers', async () => {
    const { server, informer } = await started(['hang'])
    await informer.stop()
    expect(server.listCount).toBe(1)
    expect(informer.hasSynced()).toBe(false)
  })

  it('runs once when it is stopped and started in one breath', async () => {
    const { server, informer, clock, seen } = await started([listOf('5', [A1])])
    const stopped = informer.stop()
    informer.start()
    await stopped
    await clock.advance(10_000)
    expect(server.openWatches).toHaveLength(1)
    expect(seen).toEqual(['+a@1'])
    await informer.stop()
    await settle()
    expect(server.openWatches).toEqual([])
  })
})

function owner(uid: string) {
  return { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd', uid, controller: true }
}
