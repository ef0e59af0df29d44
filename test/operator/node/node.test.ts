import { existsSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { NotFoundError } from '../../../operator/cluster/errors.ts'
import { CONFIG_MAP, POD, SECRET } from '../../../operator/cluster/resources.ts'
import type { Pod } from '../../../operator/node/pod.ts'
import {
  alive,
  eventually,
  isReady,
  makePod,
  podWhere,
  script,
  startNode,
  temporaryDirectory,
  textOf,
} from './support.ts'
import { type TestApi, testApi } from './test-api.ts'

const server = `
const server = require('node:http').createServer((request, response) => {
  response.statusCode = request.url === '/ready' && !globalThis.ready ? 503 : 200
  if (request.url === '/turn') globalThis.ready = !globalThis.ready
  response.end(process.pid + '')
})
server.listen(Number(process.env.PORT), process.env.POD_IP)
`
const podIP = { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }
const port = { name: 'PORT', value: '18080' }

function fetchText(host: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ host, port: 18080, path, agent: false }, (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve(text))
    })
      .on('error', reject)
      .end()
  })
}

const gone = (api: TestApi, name: string) =>
  eventually(() =>
    api.get(POD, { namespace: 'default', name }).then(
      () => false,
      (error) => error instanceof NotFoundError,
    ),
  )

describe('a Pod of the local node', () => {
  it('is bound, runs, and turns ready and unready with its probe, two on one port', async () => {
    const api = testApi()
    await startNode(api)
    const probe = { httpGet: { path: '/ready', port: 'http' }, periodSeconds: 0.05, failureThreshold: 1 }
    const container = script(server, {
      env: [podIP, port],
      ports: [{ name: 'http', containerPort: 18080 }],
      readinessProbe: probe,
    })
    await api.create(POD, makePod('a', [container]))
    await api.create(POD, makePod('b', [container]))
    const a = await podWhere(api, 'a', (pod) => pod.status?.phase === 'Running')
    const b = await podWhere(api, 'b', (pod) => pod.status?.phase === 'Running')
    expect(a.spec.nodeName).toBe('local')
    expect(a.status?.podIP).not.toBe(b.status?.podIP)
    expect(isReady(a)).toBe(false)
    expect(a.status?.containerStatuses?.[0]).toMatchObject({ started: true, ready: false, restartCount: 0 })
    const address = a.status?.podIP ?? ''
    await eventually(() => fetchText(address, '/turn').catch(() => undefined))
    await podWhere(api, 'a', isReady)
    expect(isReady(await api.get<Pod>(POD, { namespace: 'default', name: 'b' }))).toBe(false)
    await fetchText(address, '/turn')
    await podWhere(api, 'a', (pod) => !isReady(pod))
  })

  it('sees only what it was given, with fields, Secrets, ConfigMaps and volumes in place', async () => {
    const api = testApi()
    await api.create(SECRET, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace: 'default', name: 'login' },
      data: { password: Buffer.from('sesame').toString('base64') },
    } as never)
    await api.create(CONFIG_MAP, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: 'default', name: 'settings' },
      data: { 'a.txt': 'from the map' },
    } as never)
    const node = await startNode(api, { environment: { PASSED: 'on' } })
    const source = `
      const { readFileSync, writeFileSync } = require('node:fs')
      writeFileSync(process.argv[1] + '/x', 'scratch')
      console.log(JSON.stringify({ env: process.env, map: readFileSync(process.env.FILE, 'utf8'), args: process.argv }))`
    const pod = makePod(
      'env',
      [
        script(source, {
          args: ['/scratch', '$(NAME)-$(ABSENT)', '$$(NAME)'],
          env: [
            { name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            { name: 'TEAM', valueFrom: { fieldRef: { fieldPath: "metadata.labels['team']" } } },
            { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'login', key: 'password' } } },
            { name: 'OPTIONAL', valueFrom: { secretKeyRef: { name: 'none', key: 'x', optional: true } } },
            { name: 'FILE', value: '/config/a.txt' },
          ],
          volumeMounts: [
            { name: 'scratch', mountPath: '/scratch' },
            { name: 'config', mountPath: '/config' },
          ],
        }),
      ],
      {
        restartPolicy: 'Never',
        volumes: [
          { name: 'scratch', emptyDir: {} },
          { name: 'config', configMap: { name: 'settings' } },
        ],
      },
    )
    pod.metadata.labels = { team: 'ads' }
    await api.create(POD, pod)
    await podWhere(api, 'env', (found) => found.status?.phase === 'Succeeded')
    const log = JSON.parse(await textOf(node.readLog({ namespace: 'default', pod: 'env' })))
    expect(log.map).toBe('from the map')
    expect(log.args.slice(2)).toEqual(['env-$(ABSENT)', '$(NAME)'])
    const { FILE, PATH, HOME, TMPDIR, PWD, ADLOOM_LISTEN_HOST, ...rest } = log.env
    expect(rest).toEqual({ NAME: 'env', TEAM: 'ads', PASSWORD: 'sesame', PASSED: 'on' })
    expect([PATH, HOME, TMPDIR, ADLOOM_LISTEN_HOST].every((value) => typeof value === 'string')).toBe(true)
    const folder = log.args[1]
    expect(existsSync(join(folder, 'x'))).toBe(true)
    await api.delete(POD, { namespace: 'default', name: 'env' })
    await gone(api, 'env')
    await eventually(() => !existsSync(folder))
  })

  it('says what to do when it has no command, a foreign mount, or an absent Secret', async () => {
    const api = testApi()
    await startNode(api)
    const mount = { volumeMounts: [{ name: 'data', mountPath: '/elsewhere' }] }
    const data = { volumes: [{ name: 'data', hostPath: { path: '/tmp' } }] }
    await api.create(POD, makePod('image', [{ name: 'main', image: 'example.com/ranker:1' }]))
    await api.create(POD, makePod('mount', [script('', mount)], data))
    const secret = { valueFrom: { secretKeyRef: { name: 'none', key: 'x' } } }
    await api.create(POD, makePod('secret', [script('', { env: [{ name: 'A', ...secret }] })]))
    const waiting = async (name: string) => {
      const pod = await podWhere(api, name, (found) => {
        const reason = found.status?.containerStatuses?.[0]?.state.waiting?.reason
        return reason !== undefined && reason !== 'ContainerCreating'
      })
      expect(pod.status?.phase).toBe('Pending')
      return pod.status?.containerStatuses?.[0]?.state.waiting
    }
    expect(await waiting('image')).toMatchObject({ reason: 'NoCommand', message: expect.stringMatching(/set command/) })
    expect(await waiting('mount')).toMatchObject({
      reason: 'UnsupportedVolume',
      message: expect.stringMatching(/set mountPath to \/tmp/),
    })
    expect(await waiting('secret')).toMatchObject({
      reason: 'CreateContainerConfigError',
      message: expect.stringMatching(/Secret none does not exist/),
    })
  })

  it('stays Pending where the node lacks a resource, until another Pod frees it', async () => {
    const api = testApi()
    await startNode(api, { extendedResources: { 'example.com/gpu': 1 } })
    const gpu = { resources: { limits: { 'example.com/gpu': '1' } } }
    const sleep = script('setInterval(() => {}, 1000)', gpu)
    await api.create(POD, makePod('first', [sleep]))
    await api.create(POD, makePod('second', [sleep]))
    await podWhere(api, 'first', isReady)
    const second = await podWhere(api, 'second', (pod) => pod.status?.conditions !== undefined)
    expect(second.spec.nodeName).toBeUndefined()
    expect(second.status?.conditions).toMatchObject([
      { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: expect.stringMatching(/0 of 1 free/) },
    ])
    await api.delete(POD, { namespace: 'default', name: 'first' })
    const bound = await podWhere(api, 'second', isReady)
    expect(bound.status?.conditions?.find(({ type }) => type === 'PodScheduled')?.status).toBe('True')
  })

  it('is left alone when another scheduler is named or another node has it', async () => {
    const api = testApi()
    await startNode(api)
    await api.create(POD, makePod('foreign', [script('')], { schedulerName: 'other' }))
    await api.create(POD, makePod('elsewhere', [script('')], { nodeName: 'remote' }))
    await api.create(POD, makePod('ours', [script('')], { restartPolicy: 'Never' }))
    await podWhere(api, 'ours', (pod) => pod.status?.phase === 'Succeeded')
    expect(api.writes.filter((write) => /foreign|elsewhere/.test(write))).toEqual([])
    const foreign = await podWhere(api, 'foreign', () => true)
    expect(foreign.spec.nodeName).toBeUndefined()
  })

  it('restarts by its policy, counts, and remembers how the last run ended', async () => {
    const api = testApi()
    const node = await startNode(api)
    const crash = 'console.log("run"); process.exit(3)'
    await api.create(POD, makePod('always', [script(crash)]))
    await api.create(POD, makePod('never', [script(crash)], { restartPolicy: 'Never' }))
    await api.create(POD, makePod('killed', [script('process.kill(process.pid, 9)')], { restartPolicy: 'Never' }))
    const always = await podWhere(api, 'always', (pod) => (pod.status?.containerStatuses?.[0]?.restartCount ?? 0) >= 2)
    expect(always.status?.phase).toBe('Running')
    expect(always.status?.containerStatuses?.[0]?.lastState.terminated).toMatchObject({ exitCode: 3, reason: 'Error' })
    const backoff = await podWhere(
      api,
      'always',
      (pod) => pod.status?.containerStatuses?.[0]?.state.waiting?.reason === 'CrashLoopBackOff',
    )
    expect(isReady(backoff)).toBe(false)
    const never = await podWhere(api, 'never', (pod) => pod.status?.phase === 'Failed')
    expect(never.status?.containerStatuses?.[0]).toMatchObject({
      restartCount: 0,
      state: { terminated: { exitCode: 3 } },
    })
    const killed = await podWhere(api, 'killed', (pod) => pod.status?.phase === 'Failed')
    expect(killed.status?.containerStatuses?.[0]?.state.terminated).toMatchObject({ exitCode: 137, signal: 9 })
    const log = { namespace: 'default', pod: 'always' }
    expect(await textOf(node.readLog({ ...log, previous: true }))).toBe('run\n')
  })

  it('runs init containers in turn before the others', async () => {
    const api = testApi()
    const node = await startNode(api)
    const say = (name: string) => script(`console.log('${name}'); process.exit(0)`, { name })
    await api.create(
      POD,
      makePod('init', [say('main')], { restartPolicy: 'Never', initContainers: [say('one'), say('two')] }),
    )
    const pod = await podWhere(api, 'init', (found) => found.status?.phase === 'Succeeded')
    expect(pod.status?.initContainerStatuses?.map((status) => status.state.terminated?.exitCode)).toEqual([0, 0])
    expect(await textOf(node.readLog({ namespace: 'default', pod: 'init', container: 'two' }))).toBe('two\n')
  })

  it('is restarted when its liveness probe fails', async () => {
    const api = testApi()
    await startNode(api)
    const livenessProbe = { exec: { command: ['false'] }, periodSeconds: 0.05, failureThreshold: 2 }
    await api.create(POD, makePod('sick', [script('setInterval(() => {}, 1000)', { livenessProbe })]))
    const pod = await podWhere(api, 'sick', (found) => (found.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0)
    expect(pod.status?.containerStatuses?.[0]?.lastState.terminated?.message).toMatch(
      /liveness probe failed: exit code 1/,
    )
  })

  it('gets SIGTERM and its grace, then SIGKILL, with everything that it started', async () => {
    const api = testApi()
    const node = await startNode(api)
    const stubborn = `
      process.on('SIGTERM', () => console.log('term'))
      const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
      console.log(child.pid)
      setInterval(() => {}, 1000)`
    const polite = `process.on('SIGTERM', () => { console.log('bye'); process.exit(0) }); setInterval(() => {}, 1000); console.log('up')`
    await api.create(POD, makePod('stubborn', [script(stubborn)], { terminationGracePeriodSeconds: 1 }))
    await api.create(POD, makePod('polite', [script(polite)]))
    const log = (pod: string) => textOf(node.readLog({ namespace: 'default', pod })).catch(() => '')
    const child = Number(await eventually(async () => (await log('stubborn')).trim() || undefined))
    await eventually(async () => (await log('polite')) === 'up\n')
    expect(alive(child)).toBe(true)
    await api.delete(POD, { namespace: 'default', name: 'stubborn' })
    await api.delete(POD, { namespace: 'default', name: 'polite' })
    await gone(api, 'polite')
    await gone(api, 'stubborn')
    expect(await log('polite')).toBe('up\nbye\n')
    expect(await log('stubborn')).toBe(`${child}\nterm\n`)
    await eventually(() => !alive(child))
  })

  it('settles: nothing is written once it runs, and it comes back after a restart of the node', async () => {
    const api = testApi()
    const directory = await temporaryDirectory()
    const first = await startNode(api, { directory })
    await api.create(POD, makePod('stay', [script('setInterval(() => {}, 1000); console.log(process.pid)')]))
    const ready = await podWhere(api, 'stay', isReady)
    const pid = Number(
      await eventually(async () => (await textOf(first.readLog({ namespace: 'default', pod: 'stay' }))) || undefined),
    )
    const writes = api.writes.length
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(api.writes.length).toBe(writes)
    await first.stop()
    expect(alive(pid)).toBe(false)
    const stopped = await api.get<Pod>(POD, { namespace: 'default', name: 'stay' })
    expect(isReady(stopped)).toBe(false)
    expect(stopped.status?.phase).toBe('Running')
    await startNode(api, { directory })
    const again = await podWhere(api, 'stay', isReady)
    expect(again.status?.containerStatuses?.[0]?.restartCount).toBe(1)
    expect(again.status?.containerStatuses?.[0]?.lastState.terminated).toMatchObject({ exitCode: 255 })
    expect(again.status?.podIP).toBe(ready.status?.podIP)
    expect(again.status?.startTime).toBe(ready.status?.startTime)
  })
})
