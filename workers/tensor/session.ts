// An ONNX Runtime session. Its `run` blocks the JavaScript thread that calls it although it returns a promise:
// a thread that has other duties uses SessionThread.

import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { ElementType, TensorData } from './graph.ts'
import type { ExternalWeights } from './onnx-writer.ts'
import { sizeOf } from './shapes.ts'

export interface SessionOptions {
  /** Threads of the operators. Each session has a pool of its own, so let one work at a time. */
  readonly threads: number
  /** Where it computes; CPU where absent. What a GPU cannot do is done on the CPU all the same. */
  readonly provider?: 'CPU' | 'CUDA'
  /** Writes a Chrome trace to a file whose name starts so, when the session is released. */
  readonly profilePrefix?: string
  /** The file that the model refers to, where it was written so. */
  readonly weights?: ExternalWeights
}

export type Tensors = Readonly<Record<string, TensorData>>

const toTensor = ({ type, shape, data }: TensorData): Tensor => {
  if (type === 'float32') return new Tensor('float32', data as Float32Array, shape)
  if (type === 'int32') return new Tensor('int32', data as Int32Array, shape)
  if (type === 'int64') return new Tensor('int64', data as BigInt64Array, shape)
  return new Tensor('bool', data as Uint8Array, shape)
}

const fromTensor = (tensor: Tensor): TensorData => ({
  type: tensor.type as ElementType,
  shape: tensor.dims,
  data: tensor.data as TensorData['data'],
})

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

export class Session {
  readonly #session: InferenceSession
  readonly #profiled: boolean
  #released = false

  private constructor(session: InferenceSession, profiled: boolean) {
    this.#session = session
    this.#profiled = profiled
  }

  /** @throws what ONNX Runtime has against the model */
  static async create(model: Uint8Array, options: SessionOptions): Promise<Session> {
    const { threads, provider = 'CPU', profilePrefix, weights } = options
    const session = await InferenceSession.create(model, {
      executionProviders: provider === 'CUDA' ? ['cuda', 'cpu'] : ['cpu'],
      intraOpNumThreads: threads,
      // Plans one block for all activations of a run; without it a step needs a third less memory and no more time.
      enableMemPattern: false,
      // Threads that wait by spinning take the cores from everyone else: steps took half as long again on busy ones.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
      interOpNumThreads: 1,
      logSeverityLevel: 3,
      ...(weights === undefined ? {} : { externalData: [{ path: weights.location, data: bytesOf(weights.data) }] }),
      ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
    })
    return new Session(session, profilePrefix !== undefined)
  }

  get inputNames(): readonly string[] {
    return this.#session.inputNames
  }

  get outputNames(): readonly string[] {
    return this.#session.outputNames
  }

  /**
   * Runs the graph. Outputs named in `into` are written into those arrays, the others into new ones. Blocks the thread
   * while it computes.
   */
  async run(inputs: Tensors, into: Tensors = {}): Promise<Record<string, TensorData>> {
    if (this.#released) throw new Error('This session has been released')
    const feeds = Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, toTensor(tensor)]))
    const fetches = Object.fromEntries(
      this.outputNames.map((name) => [name, into[name] === undefined ? null : toTensor(into[name])]),
    )
    const results = await this.#session.run(feeds, fetches)
    return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, into[name] ?? fromTensor(tensor)]))
  }

  /** Gives the native memory back; a second call does nothing. */
  async release(): Promise<void> {
    if (this.#released) return
    this.#released = true
    if (this.#profiled) this.#session.endProfiling()
    await this.#session.release()
  }
}

/** A tensor from plain numbers or a typed array. */
export const float32 = (shape: readonly number[], data: Float32Array | readonly number[]): TensorData => ({
  type: 'float32',
  shape: checked(shape, data.length),
  data: data instanceof Float32Array ? data : Float32Array.from(data),
})

export const int32 = (shape: readonly number[], data: Int32Array | readonly number[]): TensorData => ({
  type: 'int32',
  shape: checked(shape, data.length),
  data: data instanceof Int32Array ? data : Int32Array.from(data),
})

export const int64 = (shape: readonly number[], data: BigInt64Array | readonly number[]): TensorData => ({
  type: 'int64',
  shape: checked(shape, data.length),
  data: data instanceof BigInt64Array ? data : BigInt64Array.from(data, BigInt),
})

export const bool = (shape: readonly number[], data: Uint8Array): TensorData => ({
  type: 'bool',
  shape: checked(shape, data.length),
  data,
})

const checked = (shape: readonly number[], length: number): readonly number[] => {
  if (sizeOf(shape) !== length)
    throw new Error(`A tensor of shape [${shape.join(', ')}] needs ${sizeOf(shape)} elements, not ${length}`)
  return shape
}
