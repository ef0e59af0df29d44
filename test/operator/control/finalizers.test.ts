import { describe, expect, it } from 'vitest'
import { createClient } from '../../../operator/cluster/client.ts'
import { ConflictError } from '../../../operator/cluster/errors.ts'
import type { KubernetesObject, ObjectMeta } from '../../../operator/cluster/objects.ts'
import { CONFIG_MAP } from '../../../operator/cluster/resources.ts'
import { addFinalizer, hasFinalizer, removeFinalizer } from '../../../operator/control/finalizers.ts'
import { refusal, ScriptedServer } from '../../support/scripted-server.ts'

function object(metadata: Partial<ObjectMeta> = {}): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'a', namespace: 'team', uid: 'u1', resourceVersion: '7', ...metadata },
  }
}

function setUp() {
  const server = new ScriptedServer()
  server.other = ({ body }) => ({ body: object({ resourceVersion: '8', ...(body as KubernetesObject).metadata }) })
  const client = createClient({ transport: server.transport, fieldManager: 'test', userAgent: 'test' })
  return { server, client }
}

describe('a finalizer', () => {
  it('is added beside others, under the version that was read', async () => {
    const { server, client } = setUp()
    const after = await addFinalizer(client, CONFIG_MAP, object({ finalizers: ['other/x'] }), 'ours/y')
    expect(hasFinalizer(after, 'ours/y')).toBe(true)
    expect(server.requests[0]).toMatchObject({
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { metadata: { uid: 'u1', resourceVersion: '7', finalizers: ['other/x', 'ours/y'] } },
    })
  })

  it('is not added twice, nor to what is being deleted', async () => {
    const { server, client } = setUp()
    const has = object({ finalizers: ['ours/y'] })
    const dying = object({ deletionTimestamp: '2026-01-01T00:00:00Z' })
    expect(await addFinalizer(client, CONFIG_MAP, has, 'ours/y')).toBe(has)
    expect(await addFinalizer(client, CONFIG_MAP, dying, 'ours/y')).toBe(dying)
    expect(server.requests).toEqual([])
  })

  it('is removed alone, under the version that was read', async () => {
    const { server, client } = setUp()
    await removeFinalizer(client, CONFIG_MAP, object({ finalizers: ['other/x', 'ours/y'] }), 'ours/y')
    expect(server.requests[0]?.body).toEqual({ metadata: { uid: 'u1', resourceVersion: '7', finalizers: ['other/x'] } })
    await removeFinalizer(client, CONFIG_MAP, object({ finalizers: ['other/x'] }), 'ours/y')
    expect(server.requests).toHaveLength(1)
  })

  it('takes a missing object for done, and lets a conflict through', async () => {
    const { server, client } = setUp()
    const has = object({ finalizers: ['ours/y'] })
    server.other = () => refusal(404, 'NotFound')
    await removeFinalizer(client, CONFIG_MAP, has, 'ours/y')
    server.other = () => refusal(409, 'Conflict')
    await expect(removeFinalizer(client, CONFIG_MAP, has, 'ours/y')).rejects.toThrow(ConflictError)
  })
})
