// A session in a thread of its own, for callers whose event loop must not stand still while ONNX Runtime computes.
// Tensors on a SharedArrayBuffer go over without a copy; others are cloned.

import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { TensorData } from './graph.ts'
import type { SessionOptions, Tensors } from './session.ts'

export interface ThreadStart {
  readonly model: Uint8Array
  readonly options: SessionOptions
}

export type ThreadRequest =
  | { readonly kind: 'run'; readonly id: number; readonly inputs: Tensors }
  | { readonly kind: 'release' }

export type ThreadResponse =
  | { readonly kind: 'ready'; readonly inputNames: readonly string[]; readonly outputNames: readonly string[] }
  | { readonly kind: 'result'; readonly id: number; readonly outputs: Record<string, TensorData> }
  | { readonly kind: 'failure'; readonly id: number; readonly message: string }

type Outputs = Record<string, TensorData>

// Sources run as .ts; the published package is transpiled to .js.
const workerFile = new URL(`./session-worker${extname(import.meta.url)}`, import.meta.url)

export class SessionThread {
  readonly inputNames: readonly string[]
  readonly outputNames: readonly string[]
  readonly #worker: Worker
  readonly #pending = new Map<number, PromiseWithResolvers<Outputs>>()
  readonly #exited: Promise<void>
  #asked = 0
  #gone: Error | undefined

  private constructor(worker: Worker, names: { inputNames: readonly string[]; outputNames: readonly string[] }) {
    this.#worker = worker
    this.inputNames = names.inputNames
    this.outputNames = names.outputNames
    this.#exited = new Promise((resolve) => worker.once('exit', () => resolve()))
    worker.on('message', (response: ThreadResponse) => this.#settle(response))
    worker.on('error', (error) => this.#fail(new Error(`The session's thread failed: ${String(error)}`)))
    worker.once('exit', () => this.#fail(new Error('The session has been released')))
  }

  /** Starts the thread and loads the model there. @throws what ONNX Runtime has against the model */
  static async create(model: Uint8Array, options: SessionOptions): Promise<SessionThread> {
    const start: ThreadStart = { model, options }
    const worker = new Worker(workerFile, { workerData: start })
    const { promise, resolve, reject } = Promise.withResolvers<Extract<ThreadResponse, { kind: 'ready' }>>()
    const exited = () => reject(new Error("The session's thread ended before the model was loaded"))
    worker.once('error', reject)
    worker.once('exit', exited)
    worker.once('message', resolve)
    const ready = await promise
    worker.off('error', reject)
    worker.off('exit', exited)
    return new SessionThread(worker, ready)
  }

  /** Runs the graph in the thread. Runs take turns in the order of their asking. */
  run(inputs: Tensors): Promise<Outputs> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone)
    const id = this.#asked++
    const settled = Promise.withResolvers<Outputs>()
    this.#pending.set(id, settled)
    const request: ThreadRequest = { kind: 'run', id, inputs }
    this.#worker.postMessage(request)
    return settled.promise
  }

  /** Lets the runs asked for finish, frees the session and ends the thread. A second call waits for the same end. */
  async release(): Promise<void> {
    if (this.#gone === undefined) {
      this.#gone = new Error('This session has been released')
      const request: ThreadRequest = { kind: 'release' }
      this.#worker.postMessage(request)
    }
    await this.#exited
  }

  #settle(response: ThreadResponse): void {
    if (response.kind === 'ready') return
    const settled = this.#pending.get(response.id)
    this.#pending.delete(response.id)
    if (response.kind === 'result') settled?.resolve(response.outputs)
    else settled?.reject(new Error(response.message))
  }

  #fail(error: Error): void {
    this.#gone ??= error
    for (const settled of this.#pending.values()) settled.reject(error)
    this.#pending.clear()
  }
}
