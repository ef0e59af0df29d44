// A loaded model, wherever it computes.

import { Session, type SessionOptions, type Tensors } from './session.ts'
import { SessionThread } from './session-thread.ts'

export type Runner = Pick<Session, 'release'> & { run(inputs: Tensors): ReturnType<Session['run']> }

export interface RunnerOptions extends SessionOptions {
  /** For callers whose event loop must not stand still. */
  readonly ownThread?: boolean
}

export const openRunner = (model: Uint8Array, { ownThread = false, ...options }: RunnerOptions): Promise<Runner> =>
  ownThread ? SessionThread.create(model, options) : Session.create(model, options)

/** A copy that threads share: it goes over to a thread without being copied at each run. */
export function sharedFloats(values: Float32Array): Float32Array {
  const copy = new Float32Array(new SharedArrayBuffer(values.byteLength))
  copy.set(values)
  return copy
}
