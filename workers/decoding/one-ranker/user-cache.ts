// What the model made of users, kept while their histories stay. The least recently used go first.

import { hash } from 'node:crypto'
import type { TensorData } from '../../tensor/graph.ts'
import type { Tensors } from '../../tensor/session.ts'

/** What is known of one user, row by row of what the encoding graph puts out. */
export type EncodedUser = Readonly<Record<string, Float32Array>>

interface Kept {
  readonly user: EncodedUser
  readonly bytes: number
}

export class UserCache {
  readonly #most: number
  /** The least recently used first. */
  readonly #kept = new Map<string, Kept>()
  #bytes = 0

  /** @param mostBytes of all users together; 0 keeps none */
  constructor(mostBytes: number) {
    this.#most = mostBytes
  }

  get keepsAny(): boolean {
    return this.#most > 0
  }

  get size(): number {
    return this.#kept.size
  }

  get bytes(): number {
    return this.#bytes
  }

  get(key: string): EncodedUser | undefined {
    const kept = this.#kept.get(key)
    if (kept === undefined) return undefined
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    return kept.user
  }

  /** A user that is larger than all that may be kept is not. */
  set(key: string, user: EncodedUser): void {
    this.#drop(key)
    const bytes = Object.values(user).reduce((sum, { byteLength }) => sum + byteLength, 0)
    if (bytes > this.#most) return
    this.#kept.set(key, { user, bytes })
    this.#bytes += bytes
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.#most) return
      this.#drop(oldest)
    }
  }

  #drop(key: string): void {
    this.#bytes -= this.#kept.get(key)?.bytes ?? 0
    this.#kept.delete(key)
  }
}

/** By row of a batch of histories: the same for the same history as the model reads it, times and request included. */
export function historyKeys(histories: Tensors): string[] {
  const tensors = Object.keys(histories)
    .sort()
    .map((name) => histories[name])
  const [{ shape }] = tensors
  return Array.from({ length: shape[0] ?? 0 }, (_, row) =>
    hash('sha256', Buffer.concat(tensors.map((tensor) => rowBytes(tensor, row))), 'base64'),
  )
}

const rowBytes = ({ data, shape }: TensorData, row: number): Uint8Array => {
  const bytes = data.byteLength / shape[0]
  return new Uint8Array(data.buffer, data.byteOffset + row * bytes, bytes)
}
