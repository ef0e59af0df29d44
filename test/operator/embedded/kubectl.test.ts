import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Transport } from '../../../operator/cluster/client.ts'
import { serve } from '../../../operator/embedded/serve.ts'
import { createEmbeddedServer } from '../../../operator/embedded/server.ts'
import { type Api, apiOf, eventually } from '../../contract/api.ts'
import { widget, widgetCrd } from '../../contract/widget.ts'
import { type Kubectl, kubectl } from '../../support/kubectl.ts'

/** What a person does, with the real kubectl over loopback. */
describe('kubectl', () => {
  const directory = mkdtempSync(join(tmpdir(), 'adloom-kubectl-'))
  const widgets = '/apis/test.adloom.dev/v1/namespaces/default/widgets'
  const server = createEmbeddedServer()
  const api: Api = apiOf(server.handle, 'http://embedded.invalid')
  const requests: string[] = []
  const recorded: Transport = (request) => {
    requests.push(request.url)
    return server.handle(request)
  }
  let k: Kubectl
  let stop = async () => {}
  let names = 0

  beforeAll(async () => {
    const kubeconfigPath = join(directory, 'kubeconfig')
    const served = await serve({ handle: recorded, kubeconfigPath })
    stop = served.stop
    k = kubectl(kubeconfigPath, join(directory, 'home'))
    await ok(k('create', '-f', file('crd.json', widgetCrd)))
  })
  afterAll(async () => {
    await stop()
    await server.stop()
    rmSync(directory, { recursive: true })
  })

  function file(name: string, content: unknown): string {
    const path = join(directory, name)
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
    return path
  }
  async function ok(result: ReturnType<Kubectl>): Promise<string> {
    const { code, stdout, stderr } = await result
    expect(code, stderr).toBe(0)
    return stdout
  }
  async function created(spec: object = {}, metadata: object = {}): Promise<string> {
    const name = `k${++names}`
    expect((await api.post(widgets, widget(name, spec, metadata))).code).toBe(201)
    return name
  }
  const read = async (name: string) => (await api.get(`${widgets}/${name}`)).body

  it('get shows the printer columns, by plural, short name, category and wide', async () => {
    const name = await created({ size: 4 })
    await api.mergePatch(`${widgets}/${name}/status`, { status: { conditions: [{ type: 'Ready', status: 'True' }] } })
    for (const kind of ['widgets', 'wdg', 'Widget', 'widgets.test.adloom.dev']) {
      const lines = (await ok(k('get', kind, name))).split('\n')
      expect(lines[0]?.trim().split(/\s+/)).toEqual(['NAME', 'SIZE', 'READY', 'AGE'])
      expect(lines[1]?.trim().split(/\s+/)).toEqual([name, '4', 'True', expect.stringMatching(/^\d+s$/)])
    }
    expect(await ok(k('get', 'gadgets', '-o', 'wide'))).toMatch(/NAME +SIZE +READY +MODE +AGE/)
    expect(await ok(k('get', 'wdg', name, '-o', 'yaml'))).toContain('size: 4')
    expect(await ok(k('get', 'wdg', '-A', '--no-headers', '-o', 'name'))).toContain(`widget.test.adloom.dev/${name}`)
  })

  it('get -w follows changes as table rows', async () => {
    const name = await created()
    const { lines, stop: end } = k.follow('get', 'wdg', '-w', '--field-selector', `metadata.name=${name}`)
    const rows: string[][] = []
    for await (const line of lines) {
      rows.push(line.trim().split(/\s+/).slice(0, 2))
      if (rows.length === 2) await api.mergePatch(`${widgets}/${name}`, { spec: { size: 7 } })
      if (rows.length === 3) end()
    }
    expect(rows).toEqual([
      ['NAME', 'SIZE'],
      [name, '1'],
      [name, '7'],
    ])
  })

  it('apply --server-side creates, changes, leaves alone, and names conflicts', async () => {
    const name = `k${++names}`
    const apply = (spec: object, ...more: string[]) =>
      k('apply', '--server-side', '-f', file(`${name}.json`, widget(name, spec)), ...more)
    expect(await ok(apply({ size: 2 }))).toBe(`widget.test.adloom.dev/${name} serverside-applied\n`)
    const { resourceVersion } = (await read(name)).metadata
    await ok(apply({ size: 2 }))
    expect((await read(name)).metadata.resourceVersion).toBe(resourceVersion)
    await ok(
      k(
        'apply',
        '--server-side',
        '--field-manager=other',
        '--force-conflicts',
        '-f',
        file('other.json', widget(name, { size: 5 })),
      ),
    )
    const refused = await apply({ size: 2 })
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('Apply failed with 1 conflict: conflict with "other": .spec.size')
    await ok(apply({ size: 2 }, '--force-conflicts'))
    expect((await read(name)).spec.size).toBe(2)
  })

  it('apply without --server-side creates, patches what changed, and removes what left', async () => {
    const name = `k${++names}`
    const apply = async (spec: object) => ok(k('apply', '-f', file(`${name}.json`, widget(name, spec))))
    expect(await apply({ order: ['a'], labels: { a: '1' } })).toContain('created')
    expect(await apply({ order: ['a'], labels: { a: '1' } })).toContain('unchanged')
    expect(await apply({ order: ['b'], size: 3 })).toContain('configured')
    expect((await read(name)).spec).toEqual({ size: 3, mode: 'Fast', order: ['b'] })
  })

  it('apply refuses a misspelt field and a bad value, in the server’s words', async () => {
    const unknown = await k('apply', '-f', file('unknown.json', widget('unknown', { colour: 'red' })))
    expect(unknown.code).toBe(1)
    expect(unknown.stderr).toContain('unknown field "spec.colour"')
    const bad = await k('apply', '-f', file('bad.json', widget('bad', { size: 99 })))
    expect(bad.stderr).toContain('The Widget "bad" is invalid: spec.size: Invalid value: 99')
  })

  it('diff tells what an apply would change, and changes nothing', async () => {
    const name = await created({ size: 1 })
    const path = file(`${name}.json`, widget(name, { size: 6 }))
    for (const mode of ['--server-side=false', '--server-side=true']) {
      const { code, stdout } = await k('diff', mode, `--force-conflicts=${mode.endsWith('true')}`, '-f', path)
      expect(code).toBe(1)
      expect(stdout).toMatch(/-\s+size: 1\n\+\s+size: 6/)
    }
    expect((await read(name)).spec.size).toBe(1)
  })

  it('edit writes what the editor left', async () => {
    const name = await created({ size: 1 })
    const editor = file('editor.sh', '#!/bin/sh\nsed -i "s/size: 1/size: 8/" "$1"\n')
    await ok(k.withEnv({ EDITOR: `sh ${editor}` }, 'edit', 'wdg', name))
    expect((await read(name)).spec.size).toBe(8)
  })

  it('annotate, label and patch', async () => {
    const name = await created()
    await ok(k('annotate', 'wdg', name, 'adloom.dev/retry=now'))
    await ok(k('label', 'wdg', name, 'tier=front'))
    await ok(k('label', 'wdg', name, 'tier=back', '--overwrite'))
    await ok(k('patch', 'wdg', name, '--type=merge', '-p', '{"spec":{"size":2}}'))
    await ok(k('patch', 'wdg', name, '--type=json', '-p', '[{"op":"add","path":"/spec/order","value":["x"]}]'))
    await ok(k('patch', 'wdg', name, '--subresource=status', '--type=merge', '-p', '{"status":{"phase":"Up"}}'))
    const { metadata, spec, status } = await read(name)
    expect(metadata).toMatchObject({ annotations: { 'adloom.dev/retry': 'now' }, labels: { tier: 'back' } })
    expect([spec.size, spec.order, status.phase]).toEqual([2, ['x'], 'Up'])
  })

  it('scale', async () => {
    const name = await created({ replicas: 1 })
    await ok(k('scale', 'wdg', name, '--replicas=4', '--current-replicas=1'))
    expect((await read(name)).spec.replicas).toBe(4)
  })

  it('wait --for=condition sees it come', async () => {
    const name = await created()
    const waiting = ok(k('wait', '--for=condition=Ready', `wdg/${name}`, '--timeout=30s'))
    await eventually('kubectl watches', async () => requests.some((url) => url.includes(`%3D${name}&`)) || undefined)
    const status = { observedGeneration: 1, conditions: [{ type: 'Ready', status: 'True' }] }
    await api.mergePatch(`${widgets}/${name}/status`, { status })
    expect(await waiting).toContain('condition met')
  })

  it('delete waits for finalizers, and wait --for=delete sees it', async () => {
    const name = await created({}, { finalizers: ['x.dev/a'] })
    const waiting = ok(k('wait', '--for=delete', `wdg/${name}`, '--timeout=30s'))
    const deleting = ok(k('delete', 'wdg', name, '--timeout=30s'))
    await eventually('it is being deleted', async () => (await read(name)).metadata.deletionTimestamp)
    await api.mergePatch(`${widgets}/${name}`, { metadata: { finalizers: null } })
    expect(await deleting).toContain('deleted')
    await waiting
    expect((await k('get', 'wdg', name)).stderr).toContain('Error from server (NotFound): widgets.test.adloom.dev')
  })

  it('describe shows the events, in either form of the Event API', async () => {
    const name = await created()
    const { uid } = (await read(name)).metadata
    const subject = { kind: 'Widget', apiVersion: 'test.adloom.dev/v1', namespace: 'default', name, uid }
    await api.post('/apis/events.k8s.io/v1/namespaces/default/events', {
      metadata: { name: `${name}.1` },
      regarding: subject,
      reason: 'Started',
      note: 'It has started.',
      type: 'Normal',
      action: 'Start',
      eventTime: new Date().toISOString().replace('Z', '000Z'),
      reportingController: 'adloom.dev/test',
      reportingInstance: 'test-1',
    })
    await api.post('/api/v1/namespaces/default/events', {
      metadata: { name: `${name}.2` },
      involvedObject: subject,
      reason: 'Stopped',
      message: 'It has stopped.',
      type: 'Warning',
      source: { component: 'test' },
      firstTimestamp: '2026-01-01T00:00:00Z',
      lastTimestamp: '2026-01-01T00:00:00Z',
      count: 3,
    })
    const text = await ok(k('describe', 'wdg', name))
    expect(text).toMatch(/Normal +Started +.*adloom\.dev\/test +It has started\./)
    expect(text).toMatch(/Warning +Stopped +.*x3 over.* +test +It has stopped\./)
    expect(await ok(k('get', 'events'))).toContain(`widget/${name}`)
    expect(await ok(k('events', '--for', `widget/${name}`))).toContain('It has started.')
  })

  it('explain and api-resources know the kind', async () => {
    const text = await ok(k('explain', 'wdg.spec.size'))
    expect(text).toContain('FIELD: size <integer>')
    expect(text).toContain('How large the widget is.')
    expect(await ok(k('explain', 'widgets', '--recursive'))).toMatch(/parts\s+<\[\]Object>[\s\S]*colour\s+<string>/)
    expect(await ok(k('explain', 'pods'))).toContain('KIND:       Pod')
    expect(await ok(k('api-resources', '--api-group=test.adloom.dev'))).toMatch(
      /widgets +wdg +test\.adloom\.dev\/v1 +true +Widget/,
    )
  })

  it('logs come from the node', async () => {
    server.onPodLog(
      ({ name, container, tailLines }) => new Response(`log of ${name}, ${container}, ${tailLines ?? 'all'}\n`),
    )
    const pod = { metadata: { name: 'talker' }, spec: { containers: [{ name: 'main', image: 'x' }], nodeName: 'here' } }
    await ok(k('create', '-f', file('pod.json', { apiVersion: 'v1', kind: 'Pod', ...pod })))
    expect(await ok(k('logs', 'talker'))).toBe('log of talker, main, all\n')
    expect(await ok(k('logs', '-f', 'talker', '-c', 'main', '--tail=5'))).toBe('log of talker, main, 5\n')
    expect(await ok(k('get', 'pods', 'talker', '--no-headers'))).toMatch(/^talker +0\/1 +Pending +0 +\d+s/)
    expect(await ok(k('describe', 'pod', 'talker'))).toContain('Image:')
  })

  it('built-in kinds: client-side apply patches a Deployment strategically; get, scale, rollout of it', async () => {
    const container = (image: string) => ({ name: 'main', image, env: [{ name: 'A', value: '1' }] })
    const deployment = (image: string, ...more: object[]) => ({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'site' },
      spec: {
        selector: { matchLabels: { app: 'site' } },
        template: { metadata: { labels: { app: 'site' } }, spec: { containers: [container(image), ...more] } },
      },
    })
    await ok(k('apply', '-f', file('site.json', deployment('one', { name: 'side', image: 'x' }))))
    await ok(k('apply', '-f', file('site.json', deployment('two'))))
    const { body } = await api.get('/apis/apps/v1/namespaces/default/deployments/site')
    expect(body.spec.template.spec.containers).toEqual([container('two')])
    await ok(k('set', 'env', 'deployment/site', 'B=2'))
    await ok(k('scale', 'deployment', 'site', '--replicas=3'))
    const { body: scaled } = await api.get('/apis/apps/v1/namespaces/default/deployments/site')
    expect([scaled.spec.replicas, scaled.spec.template.spec.containers[0].env]).toEqual([
      3,
      [
        { name: 'A', value: '1' },
        { name: 'B', value: '2' },
      ],
    ])
    expect(await ok(k('get', 'deploy'))).toMatch(/NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nsite +0\/3/)
  })

  it('create, get and delete of namespaces, secrets and config maps', async () => {
    await ok(k('apply', '-f', file('team.json', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } })))
    const refused = await k('create', 'configmap', 'settings', '-n', 'team', '--from-literal=a=1')
    expect(refused.stderr).toContain('does not read protobuf: add --dry-run=client -o yaml')
    const generated = async (...args: string[]) => {
      const yaml = await ok(k('create', ...args, '-n', 'team', '--dry-run=client', '-o', 'yaml'))
      await ok(k.withInput(yaml, 'apply', '-f', '-'))
    }
    await generated('configmap', 'settings', '--from-literal=a=1')
    await generated('secret', 'generic', 'key', '--from-literal=password=geheim')
    expect(await ok(k('get', 'secret', 'key', '-n', 'team', '-o', 'jsonpath={.data.password}'))).toBe('Z2VoZWlt')
    expect(await ok(k('get', 'cm,secret', '-n', 'team'))).toMatch(/configmap\/settings +1[\s\S]*secret\/key +Opaque +1/)
    await ok(k('delete', 'namespace', 'team', '--timeout=30s'))
    expect((await api.get('/api/v1/namespaces/team/configmaps/settings')).code).toBe(404)
  })

  it('a warning says that CEL rules are not evaluated', async () => {
    const crd = structuredClone(widgetCrd)
    Object.assign(crd.metadata, { name: 'gauges.test.adloom.dev' })
    Object.assign(crd.spec.names, {
      plural: 'gauges',
      singular: 'gauge',
      kind: 'Gauge',
      shortNames: [],
      categories: [],
    })
    const schema = crd.spec.versions[0]?.schema.openAPIV3Schema
    Object.assign(schema?.properties.spec ?? {}, { 'x-kubernetes-validations': [{ rule: 'self.size > 1' }] })
    const { code, stderr } = await k('create', '-f', file('gauge.json', crd))
    expect(code).toBe(0)
    expect(stderr).toContain(
      'Warning: this API server does not evaluate x-kubernetes-validations (CEL); a cluster does',
    )
    await ok(k('delete', 'crd', 'gauges.test.adloom.dev', '--timeout=30s'))
    expect((await api.get('/apis/test.adloom.dev/v1/namespaces/default/gauges')).code).toBe(404)
  })

  it('without the token nothing is served', async () => {
    const served = await serve({ handle: server.handle })
    expect((await fetch(`${served.url}/version`)).status).toBe(401)
    expect((await fetch(`${served.url}/${'x'.repeat(served.token.length)}/version`)).status).toBe(401)
    const headers = { authorization: `Bearer ${served.token}` }
    expect((await fetch(`${served.url}/version`, { headers })).status).toBe(200)
    expect((await fetch(`${served.url}/${served.token}/version`)).status).toBe(200)
    expect((await fetch(`${served.url}/${served.token}/version`, { headers })).status).toBe(200)
    await served.stop()
  })
})
