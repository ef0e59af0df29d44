import { describe, expect, it } from 'vitest'
import { createClient } from '../../../operator/cluster/client.ts'
import { ServerError } from '../../../operator/cluster/errors.ts'
import type { KubernetesObject } from '../../../operator/cluster/objects.ts'
import { CONFIG_MAP, POD } from '../../../operator/cluster/resources.ts'
import { type CacheView, WriteMemory } from '../../../operator/control/read-your-writes.ts'
import { ScriptedServer } from '../../support/scripted-server.ts'

function configMap(resourceVersion: string, uid = 'u1', deletionTimestamp?: string): KubernetesObject {
  const metadata = {
    namespace: 'team',
    name: 'a',
    uid,
    resourceVersion,
    ...(deletionTimestamp && { deletionTimestamp }),
  }
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata }
}

function setUp() {
  const server = new ScriptedServer()
  server.other = () => ({ body: configMap('20') })
  const cache: { object: KubernetesObject | undefined; seen: number } = { object: configMap('10'), seen: 10 }
  const view: CacheView = {
    resource: CONFIG_MAP,
    get: () => cache.object,
    hasSeen: (version) => cache.seen >= Number(version),
  }
  const memory = new WriteMemory([view])
  const plain = createClient({ transport: server.transport, fieldManager: 'test', userAgent: 'test' })
  return { server, cache, memory, client: memory.track(plain, 'team/owner') }
}

const KEY = { namespace: 'team', name: 'a' }

describe('the memory of writes', () => {
  it.each(['create', 'replace', 'apply'] as const)(
    'holds a key back after %s until the cache shows it',
    async (verb) => {
      const { cache, memory, client } = setUp()
      expect(memory.caughtUp('team/owner')).toBe(true)
      await client[verb](CONFIG_MAP, configMap('10'))
      expect([memory.caughtUp('team/owner'), memory.caughtUp('team/other')]).toEqual([false, true])
      cache.object = configMap('20')
      expect(memory.caughtUp('team/owner')).toBe(true)
    },
  )

  it('is content when anything later of the kind has been seen: the object may be gone again', async () => {
    const { cache, memory, client } = setUp()
    await client.mergePatch(CONFIG_MAP, KEY, {})
    cache.object = undefined
    expect(memory.caughtUp('team/owner')).toBe(false)
    cache.seen = 21
    expect(memory.caughtUp('team/owner')).toBe(true)
  })

  it.each([
    ['is gone', undefined],
    ['is terminating', configMap('19', 'u1', '2026-01-01T00:00:00Z')],
    ['is another object', configMap('30', 'u2')],
  ])('holds a key back after a deletion until what is cached %s', async (_, cached) => {
    const { cache, memory, client } = setUp()
    await client.delete(CONFIG_MAP, KEY)
    expect(memory.caughtUp('team/owner')).toBe(false)
    cache.object = cached
    expect(memory.caughtUp('team/owner')).toBe(true)
  })

  it('does not wait for kinds that nobody caches, nor for writes that failed', async () => {
    const { server, memory, client } = setUp()
    await client.delete(POD, KEY)
    server.other = () => ({ status: 500 })
    await expect(client.create(CONFIG_MAP, configMap('10'))).rejects.toThrow(ServerError)
    expect(memory.caughtUp('team/owner')).toBe(true)
  })

  it('forgets on demand', async () => {
    const { memory, client } = setUp()
    await client.create(CONFIG_MAP, configMap('10'))
    memory.forget('team/owner')
    expect(memory.caughtUp('team/owner')).toBe(true)
  })
})
