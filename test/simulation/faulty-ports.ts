import type { Transport } from '../../operator/cluster/client.ts'
import { type JobQueue, QueueUnavailableError } from '../../operator/queue/job-queue.ts'
import type { ArtifactStore } from '../../workers/artifacts/store.ts'

/**
 * What happens at a write of the operator. `crash`: it is carried out, and the operator is gone. `lost answer`: it is
 * carried out, and the operator is told that it failed. A number: an API server refuses with that status; a write to
 * something else fails.
 */
export type Verdict = 'pass' | 'crash' | 'lost answer' | number

export interface Faults {
  /** Of the n-th write of all operators of a simulation, from 1. */
  onWrite(n: number, what: string): Verdict
  /** Of a GET that is no watch. */
  onRead?(what: string): Verdict
  /** Of a watch that is opened. */
  onWatch?(what: string): Verdict
  /** How often the next event of a watch is delivered: 0 breaks the watch, 2 repeats the event. */
  onEvent?(): 0 | 1 | 2
}

export const noFaults: Faults = { onWrite: () => 'pass' }

/** What the operator has in its hands, all of it by way of the faults. */
export interface Ports {
  transport: Transport
  queue: JobQueue
  store: ArtifactStore
}

/** The life of one operator process: it ends with a crash. */
export interface Life {
  isOver: boolean
}

const gone = () => Object.assign(new Error('this operator has crashed'), { code: 'ECONNRESET' })
const reset = () => Object.assign(new Error('the answer was lost'), { code: 'ECONNRESET' })

export class FaultyPorts implements Ports {
  readonly #inner: Ports
  readonly #faults: () => Faults
  readonly #life: Life
  readonly #log: string[]

  /** @param log gets a line for every write */
  constructor(inner: Ports, faults: () => Faults, life: Life, log: string[]) {
    this.#inner = inner
    this.#faults = faults
    this.#life = life
    this.#log = log
  }

  readonly transport: Transport = async (request) => {
    if (this.#life.isOver) throw gone()
    const { pathname, searchParams } = new URL(request.url)
    const send = () => this.#inner.transport(request)
    if (searchParams.get('watch') === 'true') return this.#watch(pathname, send)
    const what = `${request.method} ${pathname.replace('/apis/adloom.dev/v1alpha1', '')}`
    if (request.method === 'GET') return this.#answer(this.#faults().onRead?.(what) ?? 'pass', send)
    return this.#answer(this.#note(what), send)
  }

  get queue(): JobQueue {
    const { queue } = this.#inner
    const write =
      <A extends unknown[]>(name: string, call: (...args: A) => Promise<void>) =>
      (...args: A): Promise<void> =>
        this.#effect(`${name} ${describe(args)}`, () => call(...args), unavailable)
    const read =
      <A extends unknown[], T>(call: (...args: A) => Promise<T>) =>
      async (...args: A): Promise<T> => {
        if (this.#life.isOver) throw unavailable()
        return call(...args)
      }
    return {
      enqueue: write('enqueue', (name, payload) => queue.enqueue(name, payload)),
      cancel: write('cancel', (name, id, reason) => queue.cancel(name, id, reason)),
      remove: write('remove', (name, id) => queue.remove(name, id)),
      drain: write('drain', (name, pod) => queue.drain(name, pod)),
      forgetWorker: write('forget', (name, pod) => queue.forgetWorker(name, pod)),
      job: read((name, id) => queue.job(name, id)),
      backlog: read((name) => queue.backlog(name)),
      workers: read((name) => queue.workers(name)),
      engine: read((name) => queue.engine(name)),
      onChange: (listener) => queue.onChange(listener),
      follow: (name) => queue.follow(name),
      close: async () => undefined,
    }
  }

  get store(): ArtifactStore {
    const { store } = this.#inner
    const failed = () => Object.assign(new Error('the disk said nothing'), { code: 'EIO' })
    return {
      ...store,
      recordInput: (namespace, input, digest) =>
        this.#effect('record', () => store.recordInput(namespace, input, digest), failed),
      ledger: {
        ...store.ledger,
        append: (namespace, entry) =>
          this.#effect(`ledger ${entry.type}`, () => store.ledger.append(namespace, entry), failed),
      },
    }
  }

  #note(what: string): Verdict {
    this.#log.push(what)
    return this.#faults().onWrite(this.#log.length, what)
  }

  async #effect(what: string, call: () => Promise<void>, error: () => Error): Promise<void> {
    if (this.#life.isOver) throw error()
    const verdict = this.#note(what)
    if (verdict === 'pass' || typeof verdict === 'string') await call()
    if (verdict === 'crash') this.#life.isOver = true
    if (verdict !== 'pass') throw error()
  }

  async #answer(verdict: Verdict, send: () => Promise<Response>): Promise<Response> {
    if (typeof verdict === 'number') return refusal(verdict)
    const response = await send()
    if (verdict === 'crash') this.#life.isOver = true
    if (verdict !== 'pass') throw reset()
    return response
  }

  async #watch(what: string, send: () => Promise<Response>): Promise<Response> {
    const verdict = this.#faults().onWatch?.(what) ?? 'pass'
    if (verdict !== 'pass') return this.#answer(verdict, send)
    const response = await send()
    const { onEvent } = this.#faults()
    if (!onEvent || !response.ok || !response.body) return response
    const faulty = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        const times = onEvent()
        if (times === 0) controller.error(reset())
        else for (let time = 0; time < times; time++) controller.enqueue(chunk)
      },
    })
    return new Response(response.body.pipeThrough(faulty))
  }
}

const unavailable = () => new QueueUnavailableError('answer', 'the answer was lost')

const describe = ([queue, what]: unknown[]): string =>
  `${queue} ${typeof what === 'object' && what !== null && 'kind' in what ? what.kind : ''}`.trim()

/** As an API server says no; 429 and 503 ask for patience. */
function refusal(status: number): Response {
  const reasons: Record<number, string> = { 409: 'Conflict', 429: 'TooManyRequests', 410: 'Expired' }
  const reason = reasons[status] ?? 'InternalError'
  const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: status, reason, message: 'as told' }
  const headers = status === 429 || status === 503 ? { 'retry-after': '2' } : {}
  return Response.json(body, { status, headers })
}
