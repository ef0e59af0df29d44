import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createClient, type Transport } from '../../../operator/cluster/client.ts'
import { Informer } from '../../../operator/cluster/informer.ts'
import type { KubernetesObject } from '../../../operator/cluster/objects.ts'
import { CONFIG_MAP, formatKey } from '../../../operator/cluster/resources.ts'
import { createEmbeddedServer } from '../../../operator/embedded/server.ts'
import { FakeClock, seededRandom, settle } from '../../support/fake-clock.ts'
import { fakeLog } from '../../support/fake-log.ts'

type Fault = 'reset' | 'close' | 'garbage' | 'half a line' | 'error 500' | 'error 410' | 'repeat'
const FAULTS: Fault[] = ['reset', 'close', 'garbage', 'half a line', 'error 500', 'error 410', 'repeat']

interface OpenStream {
  controller?: TransformStreamDefaultController<Uint8Array>
  last?: Uint8Array
}

/** Passes everything on, until it is told to break the watch that is open or to refuse the next requests. */
class FaultyNetwork {
  readonly #inner: Transport
  #open: OpenStream = {}
  refusals = 0

  constructor(inner: Transport) {
    this.#inner = inner
  }

  readonly transport: Transport = async (request) => {
    if (this.refusals > 0) {
      this.refusals--
      throw Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
    }
    const response = await this.#inner(request)
    if (!request.url.includes('watch=true') || !response.ok) return response
    const open: OpenStream = {}
    const stream = new TransformStream<Uint8Array, Uint8Array>({
      start: (controller) => {
        open.controller = controller
      },
      transform: (chunk, controller) => {
        open.last = chunk
        controller.enqueue(chunk)
      },
    })
    this.#open = open
    return new Response(response.body?.pipeThrough(stream) ?? null)
  }

  strike(fault: Fault): void {
    const { controller, last } = this.#open
    if (!controller) return
    const say = (text: string) => controller.enqueue(new TextEncoder().encode(text))
    const error = (code: number) => say(`${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code } })}\n`)
    try {
      if (fault === 'repeat') controller.enqueue(last ?? new Uint8Array())
      else {
        this.#open = {}
        if (fault === 'reset') controller.error(Object.assign(new Error('read'), { code: 'ECONNRESET' }))
        if (fault === 'garbage') say('<html>502</html>\n')
        if (fault === 'half a line') say('{"type":"MOD')
        if (fault === 'error 500') error(500)
        if (fault === 'error 410') error(410)
        if (fault === 'close' || fault === 'half a line') controller.terminate()
      }
    } catch {
      // The informer had left this watch by itself.
    }
  }
}

const step = fc.oneof(
  fc.record({ write: fc.constantFrom('a', 'b', 'c'), text: fc.nat({ max: 3 }).map(String) }),
  fc.record({ remove: fc.constantFrom('a', 'b', 'c') }),
  fc.record({ strike: fc.constantFrom(...FAULTS) }),
  fc.record({ refuse: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ pass: fc.constantFrom(0, 10, 1000, 40_000) }),
)

it('ends with what the server has, and told of every step on the way once and in order, whatever broke', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), fc.nat(), async (steps, seed) => {
      const embedded = createEmbeddedServer()
      const network = new FaultyNetwork((request) => embedded.handle(request))
      const clock = new FakeClock()
      const options = { fieldManager: 'test', userAgent: 'test' }
      const writer = createClient({ transport: (request) => embedded.handle(request), ...options })
      const client = createClient({ transport: network.transport, ...options })
      const shared = { client, resource: CONFIG_MAP, namespace: 'default' }
      const informer = new Informer<KubernetesObject>({ ...shared, clock, random: seededRandom(seed), log: fakeLog() })
      const told = new Map<string, string>()
      const versionOf = ({ metadata }: KubernetesObject) => `${metadata.uid} ${metadata.resourceVersion}`
      informer.addHandler({
        added(object) {
          if (told.has(object.metadata.name)) throw new Error('added twice')
          told.set(object.metadata.name, versionOf(object))
        },
        updated(before, after) {
          if (told.get(after.metadata.name) !== versionOf(before)) throw new Error('updated from what was not told')
          if (before.metadata.uid !== after.metadata.uid) throw new Error('updated into another object')
          if (Number(before.metadata.resourceVersion) >= Number(after.metadata.resourceVersion)) throw new Error('back')
          told.set(after.metadata.name, versionOf(after))
        },
        deleted(last) {
          if (!told.delete(last.metadata.name)) throw new Error('deleted what was not there')
        },
      })
      informer.start()
      for (const one of steps) {
        if ('write' in one) {
          const metadata = { namespace: 'default', name: one.write }
          const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { text: one.text } }
          await writer.apply(CONFIG_MAP, object, { force: true })
        } else if ('remove' in one) {
          await writer.delete(CONFIG_MAP, { namespace: 'default', name: one.remove }).catch(() => {})
        } else if ('strike' in one) network.strike(one.strike)
        else if ('refuse' in one) network.refusals += one.refuse
        else await clock.advance(one.pass)
        await settle(2)
      }
      network.refusals = 0
      await clock.advance(120_000)
      const { items } = await writer.list(CONFIG_MAP, { namespace: 'default' })
      const wanted = items.map((object) => `${formatKey(object.metadata)} ${versionOf(object)}`).sort()
      const cached = informer.list().map((object) => `${formatKey(object.metadata)} ${versionOf(object)}`)
      expect(cached.sort()).toEqual(wanted)
      expect([...told].map(([name, version]) => `default/${name} ${version}`).sort()).toEqual(wanted)
      expect(informer.stats().handlerErrors).toBe(0)
      await informer.stop()
      await settle()
      expect(clock.pendingTimers).toBe(0)
      await embedded.stop()
    }),
    { numRuns: 60 },
  )
})
