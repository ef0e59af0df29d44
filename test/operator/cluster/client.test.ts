import { describe, expect, it } from 'vitest'
import { createClient } from '../../../operator/cluster/client.ts'
import {
  AlreadyExistsError,
  ApiError,
  ConflictError,
  ForbiddenError,
  GoneError,
  InvalidError,
  NetworkError,
  NotFoundError,
  ServerError,
  TooManyRequestsError,
  UnauthorizedError,
  WatchLineError,
} from '../../../operator/cluster/errors.ts'
import type { KubernetesObject } from '../../../operator/cluster/objects.ts'
import { CONFIG_MAP, CUSTOM_RESOURCE_DEFINITION, DEPLOYMENT, NAMESPACE } from '../../../operator/cluster/resources.ts'
import { settle } from '../../support/fake-clock.ts'
import { listOf, refusal, ScriptedServer } from '../../support/scripted-server.ts'

function setUp() {
  const server = new ScriptedServer()
  const client = createClient({
    transport: server.transport,
    fieldManager: 'adloom-test',
    userAgent: 'adloom/test',
    server: 'http://127.0.0.1:1/base/',
  })
  const last = () => {
    const request = server.requests.at(-1)
    return `${request?.method} ${request?.url.pathname}${request?.url.search}`
  }
  return { server, client, last }
}

const KEY = { namespace: 'team', name: 'a' }
const A: KubernetesObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...KEY, resourceVersion: '3' } }

describe('a request', () => {
  it('has the path, query and content type of its verb', async () => {
    const { server, client, last } = setUp()
    server.other = () => ({ body: A })
    const deployment = { ...A, apiVersion: 'apps/v1', kind: 'Deployment' }
    const path = '/base/api/v1/namespaces/team/configmaps'
    expect(await client.get(CONFIG_MAP, KEY)).toEqual(A)
    expect(last()).toBe(`GET ${path}/a`)
    await client.create(CONFIG_MAP, A)
    expect(last()).toBe(`POST ${path}?fieldManager=adloom-test`)
    await client.replace(DEPLOYMENT, deployment, { subresource: 'scale', fieldManager: 'other' })
    expect(last()).toBe('PUT /base/apis/apps/v1/namespaces/team/deployments/a/scale?fieldManager=other')
    await client.apply(CONFIG_MAP, A, { subresource: 'status', force: true })
    expect(last()).toBe(`PATCH ${path}/a/status?fieldManager=adloom-test&force=true`)
    expect(server.requests.at(-1)?.contentType).toBe('application/apply-patch+yaml')
    await client.mergePatch(CONFIG_MAP, KEY, { data: null })
    expect(server.requests.at(-1)).toMatchObject({ contentType: 'application/merge-patch+json', body: { data: null } })
    await client.get(CUSTOM_RESOURCE_DEFINITION, { name: 'things.example.dev' })
    expect(last()).toBe('GET /base/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.example.dev')
    await client.delete(NAMESPACE, { name: 'team' }, { uid: 'u1', gracePeriodSeconds: 0 })
    expect(last()).toBe('DELETE /base/api/v1/namespaces/team')
    expect(server.requests.at(-1)?.body).toMatchObject({
      kind: 'DeleteOptions',
      preconditions: { uid: 'u1' },
      propagationPolicy: 'Background',
      gracePeriodSeconds: 0,
    })
  })

  it('lists all namespaces or one, by selectors', async () => {
    const { server, client, last } = setUp()
    server.lists = [listOf('9', [A])]
    expect(await client.list(CONFIG_MAP)).toEqual({ items: [A], resourceVersion: '9' })
    expect(last()).toBe('GET /base/api/v1/configmaps?limit=500')
    await client.list(CONFIG_MAP, { namespace: 'team', labelSelector: 'a=b', fieldSelector: 'metadata.name=a' })
    expect(last()).toContain(
      '/namespaces/team/configmaps?labelSelector=a%3Db&fieldSelector=metadata.name%3Da&limit=500',
    )
  })

  it('gives up on a list whose snapshot expires every time', async () => {
    const { server, client } = setUp()
    server.lists = [refusal(410, 'Expired')]
    await expect(client.list(CONFIG_MAP)).rejects.toThrow(GoneError)
    expect(server.listCount).toBe(3)
  })

  it('reads anything else as text', async () => {
    const { server, client } = setUp()
    server.other = () => ({ body: 'line 1\nline 2\n' })
    expect(await client.read('/api/v1/namespaces/team/pods/a/log')).toBe('line 1\nline 2\n')
  })

  it.each(['', '.', '..', 'a/b', 'a%2fb', 'a?x', 'a#b'])('is never made for the name "%s"', async (name) => {
    const { server, client } = setUp()
    const asked = async () => client.get(CONFIG_MAP, { namespace: 'team', name })
    await expect(asked()).rejects.toThrow(TypeError)
    expect(server.requests).toEqual([])
  })

  it('asks for a namespace where one is needed', async () => {
    const { client } = setUp()
    await expect((async () => client.get(CONFIG_MAP, { name: 'a' }))()).rejects.toThrow('set metadata.namespace')
  })
})

describe('a refusal', () => {
  it.each([
    [401, 'Unauthorized', UnauthorizedError],
    [403, 'Forbidden', ForbiddenError],
    [404, 'NotFound', NotFoundError],
    [409, 'Conflict', ConflictError],
    [409, 'AlreadyExists', AlreadyExistsError],
    [410, 'Gone', GoneError],
    [410, 'Expired', GoneError],
    [422, 'Invalid', InvalidError],
    [429, 'TooManyRequests', TooManyRequestsError],
    [500, 'InternalError', ServerError],
    [504, 'Timeout', ServerError],
    [400, 'BadRequest', ApiError],
  ])('%i %s is an error of its own type', async (code, reason, ErrorClass) => {
    const { server, client } = setUp()
    server.other = () => refusal(code, reason, 'the reason why')
    const error = await client.get(CONFIG_MAP, KEY).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(ErrorClass)
    expect(error).toMatchObject({ status: code, reason, verb: 'GET', name: ErrorClass.name })
    expect(String(error)).toContain('GET /api/v1/namespaces/team/configmaps/a: the reason why')
  })

  it('keeps the causes and the time to wait', async () => {
    const { server, client } = setUp()
    const causes = [{ reason: 'FieldValueRequired', message: 'Required value', field: 'spec.x' }]
    server.other = () => refusal(422, 'Invalid', 'bad', { causes })
    await expect(client.create(CONFIG_MAP, A)).rejects.toMatchObject({ causes })
    server.other = () => refusal(429, 'TooManyRequests', 'slow', { retryAfterSeconds: 7 })
    await expect(client.create(CONFIG_MAP, A)).rejects.toMatchObject({ retryAfterSeconds: 7 })
    server.other = () => ({ status: 503, body: 'upstream is away', headers: { 'retry-after': '3' } })
    await expect(client.create(CONFIG_MAP, A)).rejects.toMatchObject({
      retryAfterSeconds: 3,
      message: 'POST /api/v1/namespaces/team/configmaps: 503 upstream is away',
    })
  })

  it('by the network has the words of its root cause', async () => {
    const { server, client } = setUp()
    const root = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' })
    server.other = () => new TypeError('fetch failed', { cause: root })
    const error = await client.get(CONFIG_MAP, KEY).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(NetworkError)
    expect(String(error)).toContain('GET /api/v1/namespaces/team/configmaps/a: connect ECONNREFUSED 127.0.0.1:1')
  })

  it('is also an answer that is cut short', async () => {
    const { server, client } = setUp()
    server.other = () => ({ body: '{"kind":"Confi' })
    await expect(client.get(CONFIG_MAP, KEY)).rejects.toThrow(NetworkError)
  })

  it('is not what the caller did: an abort comes back as it was given', async () => {
    const { server, client } = setUp()
    server.other = () => 'hang'
    const abort = new AbortController()
    const asked = client.get(CONFIG_MAP, KEY, abort.signal)
    const reason = new Error('no longer wanted')
    abort.abort(reason)
    await expect(asked).rejects.toBe(reason)
  })
})

describe('a watch', () => {
  async function open() {
    const parts = setUp()
    const abort = new AbortController()
    const events: string[] = []
    const from = { resourceVersion: '5', timeoutSeconds: 60 }
    const read = async () => {
      for await (const { type, object } of parts.client.watch(CONFIG_MAP, from, abort.signal)) {
        events.push(`${type} ${object.metadata.name}`)
      }
    }
    const ended = read()
    ended.catch(() => {})
    await settle()
    return { ...parts, abort, events, ended }
  }

  it('gives events line by line, wherever the stream is cut', async () => {
    const { server, events, ended } = await open()
    const watch = server.watch()
    watch.event('ADDED', { metadata: { name: 'a' } })
    watch.event('MODIFIED', { metadata: { name: 'ü'.repeat(70_000) } })
    watch.line('')
    watch.end()
    await ended
    expect(events.map((event) => event.slice(0, 12))).toEqual(['ADDED a', 'MODIFIED üüü'])
    expect(server.requests[0]?.url.search).toBe(
      '?watch=true&allowWatchBookmarks=true&resourceVersion=5&timeoutSeconds=60',
    )
  })

  it('ends quietly when it is aborted, and lets the connection go', async () => {
    const { server, abort, ended } = await open()
    abort.abort()
    await ended
    expect(server.openWatches).toEqual([])
  })

  it('lets the connection go when its reader leaves', async () => {
    const { server, client } = setUp()
    const read = async () => {
      const from = { resourceVersion: '5', timeoutSeconds: 60 }
      for await (const event of client.watch(CONFIG_MAP, from, new AbortController().signal)) return event.type
      return 'none'
    }
    const first = read()
    await settle()
    server.watch().event('ADDED', A)
    expect(await first).toBe('ADDED')
    expect(server.openWatches).toEqual([])
  })

  it.each(['{"type":"ADD', '"text"', '{"type":"RENAMED","object":{}}', '{"type":"ADDED"}'])(
    'throws at the line %s',
    async (line) => {
      const { server, ended } = await open()
      server.watch().line(line)
      await expect(ended).rejects.toThrow(WatchLineError)
      expect(server.openWatches).toEqual([])
    },
  )

  it('throws a NetworkError when the connection breaks', async () => {
    const { server, ended } = await open()
    server.watch().break('ECONNRESET')
    await expect(ended).rejects.toThrow('read (ECONNRESET)')
  })
})
