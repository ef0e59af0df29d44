import { Agent, createServer, type IncomingHttpHeaders, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Destinations, HttpForwarder } from '../../../operator/node/http-forwarder.ts'
import { parseTrafficSplit, type TrafficSplit } from '../../../operator/node/traffic-split.ts'
import { seededRandom } from '../../support/fake-clock.ts'
import { eventually, silent } from './support.ts'

interface Seen {
  pod: string
  method: string | undefined
  url: string | undefined
  headers: IncomingHttpHeaders
  body: string
}

interface Pods {
  seen: Seen[]
  destinations: Destinations
  add(uid: string, group: string): Promise<Server>
  /** Takes it out of the Service, as the API tells it. */
  remove(uid: string): void
}

/** Servers on the loopback, each a Pod of a group. */
function startPods(split?: TrafficSplit): Pods {
  const seen: Seen[] = []
  const groups = new Map<string, string>()
  const pods: Pods = {
    seen,
    destinations: { backends: [], groups, ...(split ? { split } : {}) },
    async add(uid, group) {
      const server = createServer((incoming, outgoing) => {
        let body = ''
        incoming.on('data', (chunk) => {
          body += chunk
        })
        incoming.on('end', () => {
          const { method, url, headers } = incoming
          seen.push({ pod: uid, method, url, headers, body })
          setTimeout(() => outgoing.writeHead(201, { 'x-pod': uid }).end(`${uid} ${body}`), 2)
        })
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      onTestFinished(() => void server.close())
      groups.set(uid, group)
      const { port } = server.address() as AddressInfo
      pods.destinations = {
        ...pods.destinations,
        backends: [...pods.destinations.backends, { uid, host: '127.0.0.1', port }],
      }
      return server
    },
    remove(uid) {
      const backends = pods.destinations.backends.filter((backend) => backend.uid !== uid)
      pods.destinations = { ...pods.destinations, backends }
    },
  }
  return pods
}

async function startForwarder(pods: Pods): Promise<number> {
  return (await forwarderOf(pods)).port
}

async function forwarderOf(pods: Pods) {
  const forwarder = new HttpForwarder({
    host: '127.0.0.1',
    port: 0,
    destinations: () => pods.destinations,
    random: seededRandom(1),
    log: silent,
  })
  const port = await forwarder.listen()
  onTestFinished(() => forwarder.destroy())
  return { forwarder, port }
}

const agent = new Agent({ keepAlive: true, maxSockets: 4 })

function post(
  port: number,
  body: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; pod: string; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', port, method: 'POST', path: '/v1/rank?a=b', agent, headers },
      (answer) => {
        let text = ''
        answer.on('data', (chunk) => {
          text += chunk
        })
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, pod: String(answer.headers['x-pod']), text }))
        answer.on('error', reject)
      },
    )
    asked.on('error', reject)
    asked.end(body)
  })
}

const weights = (stable: number, canary: number, shadowPercent = 0): TrafficSplit => ({
  label: 'track',
  weights: { stable, canary },
  ...(shadowPercent > 0 ? { shadow: { to: 'canary', percent: shadowPercent } } : {}),
})

describe('requests', () => {
  test('pass as they are, but for what belongs to a connection', async () => {
    const pods = startPods()
    await pods.add('a', '')
    const port = await startForwarder(pods)
    expect(await post(port, 'body', { 'x-mine': '1', connection: 'x-hop', 'x-hop': '2' })).toEqual({
      status: 201,
      pod: 'a',
      text: 'a body',
    })
    expect(pods.seen).toMatchObject([{ method: 'POST', url: '/v1/rank?a=b', body: 'body', headers: { 'x-mine': '1' } }])
    expect(pods.seen[0]?.headers).not.toHaveProperty('x-hop')
  })

  test('are divided by weight, each by itself though connections are kept', async () => {
    const pods = startPods(weights(80, 20))
    await pods.add('a', 'stable')
    await pods.add('b', 'stable')
    await pods.add('c', 'canary')
    const port = await startForwarder(pods)
    const asked = 600
    for (let batch = 0; batch < asked / 4; batch++) await Promise.all([0, 1, 2, 3].map((one) => post(port, `${one}`)))
    const of = (pod: string) => pods.seen.filter((one) => one.pod === pod).length
    // Within 3 standard deviations of the binomial distribution; the seed is fixed.
    expect(Math.abs(of('c') - asked * 0.2)).toBeLessThan(3 * Math.sqrt(asked * 0.2 * 0.8))
    expect(Math.abs(of('a') - of('b'))).toBeLessThanOrEqual(1)
  })

  test('of a weight of 0 are none, and those of a group without Pods go to the others', async () => {
    const pods = startPods(weights(100, 0))
    await pods.add('c', 'canary')
    const port = await startForwarder(pods)
    expect((await post(port, '')).status).toBe(503)
    pods.destinations = { ...pods.destinations, split: weights(90, 10) }
    for (let one = 0; one < 20; one++) expect((await post(port, '')).pod).toBe('c')
  })

  test('are copied to the shadow, whose answers nobody sees', async () => {
    const pods = startPods(weights(100, 0, 50))
    await pods.add('a', 'stable')
    await pods.add('c', 'canary')
    const port = await startForwarder(pods)
    const asked = 200
    for (let one = 0; one < asked; one++) expect((await post(port, `body ${one}`)).pod).toBe('a')
    const copies = () => pods.seen.filter(({ pod }) => pod === 'c')
    await eventually(() => Math.abs(copies().length - asked / 2) < 3 * Math.sqrt(asked / 4))
    expect(copies().every(({ body, method }) => /^body \d+$/.test(body) && method === 'POST')).toBe(true)
  })

  test('are answered though the shadow is broken', async () => {
    const pods = startPods(weights(100, 0, 100))
    await pods.add('a', 'stable')
    const shadow = await pods.add('c', 'canary')
    const port = await startForwarder(pods)
    shadow.close()
    for (let one = 0; one < 10; one++) expect((await post(port, `${one}`)).status).toBe(201)
  })

  test('do not fail while Pods come and go', async () => {
    const pods = startPods(weights(50, 50))
    await pods.add('a', 'stable')
    let present = await pods.add('c0', 'canary')
    // One that is gone before the Service knows takes no connection.
    const gone = await pods.add('gone', 'canary')
    await new Promise((resolve) => gone.close(resolve))
    const { forwarder, port } = await forwarderOf(pods)
    let isOver = false
    const answers: number[] = []
    const clients = Promise.all(
      [0, 1, 2, 3].map(async (client) => {
        while (!isOver) answers.push((await post(port, `${client}`)).status)
      }),
    )
    for (let turn = 1; turn <= 10; turn++) {
      const before = answers.length
      const next = await pods.add(`c${turn}`, 'canary')
      await eventually(() => answers.length > before + 40)
      pods.remove(`c${turn - 1}`)
      await forwarder.whenIdle(`c${turn - 1}`)
      present.close()
      present = next
    }
    isOver = true
    await clients
    expect(answers.length).toBeGreaterThan(400)
    expect(new Set(answers)).toEqual(new Set([201]))
    expect(new Set(pods.seen.map(({ pod }) => pod)).size).toBe(12)
  })

  test('that a Pod breaks off are 502, and not sent twice', async () => {
    const pods = startPods()
    const seen: string[] = []
    const broken = createServer((incoming) => {
      seen.push(incoming.url ?? '')
      incoming.socket.destroy()
    })
    await new Promise<void>((resolve) => broken.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void broken.close())
    await pods.add('b', '')
    const { port: brokenPort } = broken.address() as AddressInfo
    pods.destinations = {
      ...pods.destinations,
      backends: [{ uid: 'a', host: '127.0.0.1', port: brokenPort }, ...pods.destinations.backends],
    }
    const port = await startForwarder(pods)
    expect((await post(port, 'x')).status).toBe(502)
    expect([seen.length, pods.seen.length]).toEqual([1, 0])
    expect((await post(port, 'x')).status).toBe(201)
  })

  test('go to another Pod than the one that broke off, and to it where there is no other', async () => {
    const pods = startPods()
    const broken = createServer((incoming) => incoming.socket.destroy())
    await new Promise<void>((resolve) => broken.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void broken.close())
    const { port: brokenPort } = broken.address() as AddressInfo
    pods.destinations = { ...pods.destinations, backends: [{ uid: 'a', host: '127.0.0.1', port: brokenPort }] }
    const port = await startForwarder(pods)
    expect((await post(port, 'x')).status).toBe(502)
    expect((await post(port, 'x')).status).toBe(502)
    await pods.add('b', '')
    const answers = await Promise.all(Array.from({ length: 8 }, () => post(port, 'x')))
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(201))
  })

  test('of a long body pass in chunks', async () => {
    const pods = startPods(weights(100, 0, 100))
    await pods.add('a', 'stable')
    await pods.add('c', 'canary')
    const port = await startForwarder(pods)
    const body = 'x'.repeat(3 << 20)
    expect((await post(port, body, { 'transfer-encoding': 'chunked' })).text).toBe(`a ${body}`)
    expect((await post(port, 'short', { 'transfer-encoding': 'chunked' })).text).toBe('a short')
    // Too long to be kept for a copy.
    await eventually(() => pods.seen.some(({ pod }) => pod === 'c'))
    expect(pods.seen.filter(({ pod }) => pod === 'c').map((one) => one.body)).toEqual(['short'])
  })
})

describe('the annotation', () => {
  test.each([
    [JSON.stringify(weights(90, 10, 5)), weights(90, 10, 5)],
    [undefined, undefined],
    ['{', undefined],
    ['null', undefined],
    ['{"label":"track"}', undefined],
    ['{"label":"track","weights":{"a":"1"}}', undefined],
    ['{"label":"track","weights":{"a":-1}}', undefined],
    ['{"label":"track","weights":{"a":1},"shadow":{"to":"a"}}', undefined],
  ])('%s', (text, expected) => {
    expect(parseTrafficSplit(text)).toEqual(expected)
  })
})
