import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { serve } from '../../../operator/embedded/serve.ts'
import {
  createEmbeddedServer,
  type EmbeddedServer,
  type EmbeddedServerOptions,
} from '../../../operator/embedded/server.ts'
import { type Api, apiOf, take } from '../../contract/api.ts'
import { widget, widgetCrd } from '../../contract/widget.ts'
import { FakeClock } from '../../support/fake-clock.ts'

const widgets = '/apis/test.adloom.dev/v1/namespaces/default/widgets'
const pods = '/api/v1/namespaces/default/pods'

describe('the embedded server', () => {
  let directory: string
  const running = new Set<EmbeddedServer>()
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'adloom-embedded-'))
  })
  afterEach(async () => {
    for (const server of running) await server.stop()
    running.clear()
    rmSync(directory, { recursive: true })
  })

  async function started(options: EmbeddedServerOptions = {}): Promise<{ server: EmbeddedServer; api: Api }> {
    const server = createEmbeddedServer(options)
    running.add(server)
    const api = apiOf(server.handle, 'http://embedded.invalid')
    await api.post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', widgetCrd)
    return { server, api }
  }
  async function stopped(server: EmbeddedServer): Promise<void> {
    running.delete(server)
    await server.stop()
  }

  it('after a restart has the same objects and kinds, and a watch goes on where it was', async () => {
    const first = await started({ directory })
    await first.api.post(widgets, widget('a'))
    const { body: list } = await first.api.get(widgets)
    await first.api.post(widgets, widget('b'))
    const { body: before } = await first.api.get(widgets)
    await stopped(first.server)
    const { api } = await started({ directory })
    expect((await api.get(widgets)).body).toEqual(before)
    const watch = await api.watch(`${widgets}?watch=true&resourceVersion=${list.metadata.resourceVersion}`)
    const { body: next } = await api.post(widgets, widget('c'))
    expect(Number(next.metadata.resourceVersion)).toBe(Number(before.metadata.resourceVersion) + 1)
    expect((await take(watch.events, 2)).map(({ object }) => object.metadata.name)).toEqual(['b', 'c'])
    watch.stop()
  })

  it('finishes after a restart what it had begun to delete', async () => {
    const first = await started({ directory })
    const { body: owner } = await first.api.post(widgets, widget('owner'))
    const { uid } = owner.metadata
    const reference = { apiVersion: 'test.adloom.dev/v1', kind: 'Widget', name: 'owner', uid }
    await first.api.post(widgets, widget('child', {}, { ownerReferences: [reference] }))
    // Deleted, and the process ends before its housekeeping has had a turn.
    const deleting = first.server.handle(new Request(`http://x${widgets}/owner`, { method: 'DELETE' }))
    const stopping = stopped(first.server)
    await Promise.all([deleting, stopping])
    const { api } = await started({ directory })
    expect((await api.get(`${widgets}/child`)).code).toBe(404)
  })

  it('lets no second server into its directory, and the next one once it is gone', async () => {
    const { server } = await started({ directory })
    expect(() => createEmbeddedServer({ directory })).toThrow(
      `${directory} is in use by another API server (process ${process.pid})`,
    )
    await stopped(server)
    await started({ directory })
  })

  it('keeps its data to its owner', async () => {
    await started({ directory: join(directory, 'store') })
    expect(statSync(join(directory, 'store')).mode & 0o777).toBe(0o700)
    expect(statSync(join(directory, 'store/journal.jsonl')).mode & 0o777).toBe(0o600)
  })

  it('cuts off a watcher that does not read, and no other', async () => {
    const { server, api } = await started()
    const open = () => server.handle(new Request(`http://x${widgets}?watch=true`))
    const slow = await open()
    const quick = await open()
    const counted = (async () => {
      let bytes = 0
      for await (const chunk of quick.body ?? []) bytes += chunk.byteLength
      return bytes
    })()
    await api.post(widgets, widget('big'))
    const text = 'x'.repeat(512 * 1024)
    for (let number = 0; number < 12; number++)
      await api.mergePatch(`${widgets}/big`, { spec: { free: { text, number } } })
    let bytes = 0
    for await (const chunk of slow.body ?? []) bytes += chunk.byteLength
    expect(bytes).toBeLessThan(5 * 1024 * 1024)
    await stopped(server)
    expect(await counted).toBeGreaterThan(6 * 1024 * 1024)
  })

  it('sends bookmarks and ends watches by its clock', async () => {
    const clock = new FakeClock()
    const { api } = await started({ clock })
    const watch = await api.watch(`${widgets}?watch=true&allowWatchBookmarks=true&timeoutSeconds=90`)
    await api.post('/api/v1/namespaces/default/configmaps', { metadata: { name: 'elsewhere' } })
    await clock.advance(60_000)
    const [bookmark] = await take(watch.events, 1)
    const { body } = await api.get(widgets)
    expect(bookmark).toMatchObject({
      type: 'BOOKMARK',
      object: { metadata: { resourceVersion: body.metadata.resourceVersion } },
    })
    await clock.advance(30_000)
    expect((await watch.events.next()).done).toBe(true)
  })

  it('tells a watcher of another life of the server to list anew', async () => {
    const { api } = await started()
    const watch = await api.watch(`${widgets}?watch=true&resourceVersion=100000`)
    const [event] = await take(watch.events, 1)
    expect(event).toMatchObject({ type: 'ERROR', object: { code: 410 } })
    expect((await api.get(`${widgets}?resourceVersion=100000`)).body).toMatchObject({ code: 504, reason: 'Timeout' })
  })

  it('gives a Pod on a node its time, and a Pod on none goes at once', async () => {
    const { api } = await started()
    const pod = (name: string, spec: object = {}) => ({ metadata: { name }, spec: { containers: [], ...spec } })
    const { body: created } = await api.post(pods, pod('waiting'))
    expect(created.status).toEqual({ phase: 'Pending' })
    expect((await api.delete(`${pods}/waiting`)).body.kind).toBe('Pod')
    expect((await api.get(`${pods}/waiting`)).code).toBe(404)
    await api.post(pods, pod('running', { nodeName: 'here', terminationGracePeriodSeconds: 7 }))
    const { body } = await api.delete(`${pods}/running`)
    expect(body.metadata).toMatchObject({ deletionGracePeriodSeconds: 7 })
    await api.delete(`${pods}/running`, { gracePeriodSeconds: 60 })
    expect((await api.get(`${pods}/running`)).body.metadata.deletionGracePeriodSeconds).toBe(7)
    await api.delete(`${pods}/running`, { gracePeriodSeconds: 0 })
    expect((await api.get(`${pods}/running`)).code).toBe(404)
  })

  it('empties a namespace before it goes, also one whose spec was replaced', async () => {
    const { api } = await started()
    const { body } = await api.post('/api/v1/namespaces', { metadata: { name: 'team' } })
    await api.post('/api/v1/namespaces/team/configmaps', { metadata: { name: 'inside' } })
    expect((await api.put('/api/v1/namespaces/team', { ...body, spec: {} })).body.spec).toEqual(body.spec)
    await api.delete('/api/v1/namespaces/team')
    expect((await api.get('/api/v1/namespaces/team')).code).toBe(404)
    expect((await api.get('/api/v1/configmaps')).body.items).toEqual([])
    expect((await api.delete('/api/v1/namespaces/default')).code).toBe(403)
  })

  it('selects Pods by node and phase, and Events by their subject', async () => {
    const { api } = await started()
    for (const nodeName of ['n1', 'n2'])
      await api.post(pods, { metadata: { name: nodeName }, spec: { containers: [], nodeName } })
    await api.mergePatch(`${pods}/n1/status`, { status: { phase: 'Running' } })
    const names = async (selector: string) => {
      const { body } = await api.get(`${pods}?fieldSelector=${encodeURIComponent(selector)}`)
      return body.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name)
    }
    expect(await names('spec.nodeName=n2')).toEqual(['n2'])
    expect(await names('status.phase=Running')).toEqual(['n1'])
    expect(await names('status.phase!=Running,spec.nodeName!=n1')).toEqual(['n2'])
  })

  it('shows one Event in both groups', async () => {
    const { api } = await started()
    const { body } = await api.post('/apis/events.k8s.io/v1/namespaces/default/events', {
      metadata: { name: 'e' },
      regarding: { kind: 'Widget', name: 'w', namespace: 'default' },
      note: 'Done.',
      reason: 'Done',
      type: 'Normal',
    })
    expect([body.apiVersion, body.note]).toEqual(['events.k8s.io/v1', 'Done.'])
    const core = await api.get('/api/v1/namespaces/default/events?fieldSelector=involvedObject.name=w')
    expect(core.body.items).toMatchObject([{ apiVersion: 'v1', message: 'Done.', involvedObject: { name: 'w' } }])
    const other = await api.get('/apis/events.k8s.io/v1/namespaces/default/events?fieldSelector=regarding.name=x')
    expect(other.body.items).toEqual([])
    const patched = await api.mergePatch('/apis/events.k8s.io/v1/namespaces/default/events/e', { note: 'Done twice.' })
    expect(patched.body.note).toBe('Done twice.')
  })

  it('forgets Events an hour after their last sign', async () => {
    const clock = new FakeClock()
    const { api } = await started({ clock })
    const events = '/api/v1/namespaces/default/events'
    await api.post(events, { metadata: { name: 'old' }, reason: 'A' })
    await clock.advance(59 * 60_000)
    await api.post(events, { metadata: { name: 'young' }, reason: 'B' })
    await clock.advance(2 * 60_000)
    await api.post(events, { metadata: { name: 'new' }, reason: 'C' })
    const { body } = await api.get(events)
    expect(body.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name)).toEqual(['new', 'young'])
  })

  it('deletes at once what is created for an owner that is gone, but not across namespaces or unknown kinds', async () => {
    const { api } = await started()
    const reference = (kind: string) => [{ apiVersion: 'test.adloom.dev/v1', kind, name: 'x', uid: 'no-such-uid' }]
    await api.post(widgets, widget('orphan', {}, { ownerReferences: reference('Widget') }))
    await api.post(widgets, widget('kept', {}, { ownerReferences: reference('Unknown') }))
    expect((await api.get(`${widgets}/orphan`)).code).toBe(404)
    expect((await api.get(`${widgets}/kept`)).code).toBe(200)
  })

  it('deletes with a CRD all of its objects, and waits for their finalizers', async () => {
    const { api } = await started()
    const crd = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.test.adloom.dev'
    await api.post(widgets, widget('free'))
    await api.post(widgets, widget('held', {}, { finalizers: ['x.dev/a'] }))
    await api.delete(crd)
    expect((await api.get(`${widgets}/free`)).code).toBe(404)
    expect((await api.get(crd)).body.metadata.finalizers).toEqual(['customresourcecleanup.apiextensions.k8s.io'])
    await api.mergePatch(`${widgets}/held`, { metadata: { finalizers: null } })
    expect((await api.get(crd)).code).toBe(404)
    expect((await api.get(widgets)).code).toBe(404)
  })

  it('refuses a CRD that it could not serve, field by field', async () => {
    const { api } = await started()
    const post = (change: (crd: typeof widgetCrd) => void) => {
      const crd = structuredClone(widgetCrd)
      change(crd)
      return api.post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', crd)
    }
    const misnamed = await post((crd) => Object.assign(crd.metadata, { name: 'other' }))
    expect(misnamed.body.details.causes[0].field).toBe('metadata.name')
    const scope = await post((crd) => Object.assign(crd.spec, { scope: 'Everywhere' }))
    expect(scope.body.message).toContain('spec.scope: Unsupported value: "Everywhere"')
    const path = await post((crd) =>
      Object.assign(crd.spec.versions[0]?.additionalPrinterColumns[0] ?? {}, { jsonPath: '.a[' }),
    )
    expect(path.body.message).toContain('JSONPath .a[: cannot read')
  })

  it('lets an object keep what a tightened schema refuses, while it does not change', async () => {
    const { api } = await started()
    await api.post(widgets, widget('a', { size: 9 }))
    const crd = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.test.adloom.dev'
    const path = '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/size/maximum'
    expect((await api.jsonPatch(crd, [{ op: 'replace', path, value: 5 }])).code).toBe(200)
    expect((await api.mergePatch(`${widgets}/a`, { spec: { mode: 'Careful' } })).code).toBe(200)
    expect((await api.mergePatch(`${widgets}/a`, { spec: { size: 8 } })).code).toBe(422)
  })

  it('keeps managedFields short', async () => {
    const { api } = await started()
    await api.post(widgets, widget('a'))
    for (let number = 1; number <= 15; number++) {
      await api.mergePatch(`${widgets}/a?fieldManager=m${number}`, { spec: { labels: { [`k${number}`]: 'v' } } })
    }
    const { body } = await api.get(`${widgets}/a`)
    const managers = body.metadata.managedFields.map(({ manager }: { manager: string }) => manager)
    expect(managers).toHaveLength(10)
    expect(managers).toContain('ancient-changes')
  })

  it('answers with a Status whatever the request', async () => {
    const { api } = await started()
    expect((await api.get('/nowhere')).body).toMatchObject({ kind: 'Status', code: 404 })
    expect((await api.request('PUT', widgets, {})).body).toMatchObject({ kind: 'Status', code: 405 })
    expect((await api.get(`${widgets}?limit=many`)).body).toMatchObject({ kind: 'Status', code: 400 })
    expect((await api.get(`${widgets}?labelSelector=a%20b%20c`)).body).toMatchObject({ kind: 'Status', code: 400 })
    expect((await api.post(widgets, '[1]')).body).toMatchObject({ kind: 'Status', code: 400 })
    expect((await api.post(widgets, '['.repeat(200_000))).body).toMatchObject({ kind: 'Status' })
    expect((await api.request('POST', widgets, 'x', { 'content-type': 'text/plain' })).code).toBe(415)
    expect((await api.get(`${pods}/a%2Fb`)).code).toBe(404)
    expect((await api.get('/api/v1/namespaces/%E0%A4%A/pods')).code).toBe(404)
  })

  it('says what to do when nobody reads logs', async () => {
    const { api } = await started()
    await api.post(pods, { metadata: { name: 'p' }, spec: { containers: [] } })
    expect((await api.get(`${pods}/p/log`)).body).toMatchObject({
      code: 503,
      message: expect.stringContaining('start one'),
    })
  })

  it('serves with a kubeconfig that only its owner reads', async () => {
    const { server } = await started()
    const kubeconfigPath = join(directory, 'kubeconfig')
    const served = await serve({ handle: server.handle, kubeconfigPath })
    expect(statSync(kubeconfigPath).mode & 0o777).toBe(0o600)
    expect(served.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    await served.stop()
    await expect(fetch(`${served.url}/version`)).rejects.toThrow()
  })
})
