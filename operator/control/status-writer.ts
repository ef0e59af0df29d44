import { isDeepStrictEqual } from 'node:util'
import type { Client } from '../cluster/client.ts'
import type { Clock } from '../cluster/clock.ts'
import { NotFoundError } from '../cluster/errors.ts'
import type { KubernetesObject, Resource } from '../cluster/objects.ts'
import { apiVersionOf } from '../cluster/resources.ts'

export type StatusWrite<T> =
  | { kind: 'written'; object: T }
  /** The object says so already: no request was made. */
  | { kind: 'unchanged' }
  /** Only progress moved, and too soon: reconcile again after `delayMs`, with what is newest then. */
  | { kind: 'deferred'; delayMs: number }

export interface StatusWriterOptions {
  resource: Resource
  clock: Clock
  /** Fields of status that move all the time. A write that changes nothing else is throttled. */
  progressFields?: readonly string[]
  minProgressMs?: number
}

const MIN_PROGRESS_MS = 2000

export interface WithStatus extends KubernetesObject {
  status?: object
}

/** The object is there no more, though the cache still has it: there is nothing left to reconcile. */
export class ObjectGoneError extends Error {
  override readonly name = 'ObjectGoneError'
}

/**
 * Writes status by server-side apply to `/status`, only when it differs from what the object has: a settled object
 * costs nothing. What the caller leaves out is removed.
 *
 * The writer keeps no value back: a deferred one is dropped, because the reconcile that comes after the delay reads a
 * newer one. So the last value is never lost and an old one never overtakes a new one.
 */
export class StatusWriter {
  readonly #options: StatusWriterOptions
  readonly #writtenAt = new Map<string, number>()

  constructor(options: StatusWriterOptions) {
    this.#options = options
  }

  /**
   * @throws ConflictError when the object is not any more what the status was made from: requeue
   * @throws ObjectGoneError
   */
  async write<T extends WithStatus>(client: Client, object: T, status: object): Promise<StatusWrite<T>> {
    const { resource } = this.#options
    if (sameStatus(object.status ?? {}, status)) return { kind: 'unchanged' }
    const uid = object.metadata.uid ?? ''
    const delayMs = this.#tooSoon(object, status)
    if (delayMs > 0) return { kind: 'deferred', delayMs }
    const { name, namespace, resourceVersion } = object.metadata
    const body = {
      apiVersion: apiVersionOf(resource),
      kind: resource.kind,
      // The version refuses the write if the object has changed, or the name has been taken by another one: an API
      // server heeds no uid in an apply to the status of a custom resource (seen on 1.37).
      metadata: {
        name,
        ...(namespace !== undefined && { namespace }),
        ...(resourceVersion !== undefined && { resourceVersion }),
      },
      status,
    }
    try {
      const written = await client.apply(resource, body, { subresource: 'status', force: true })
      this.#noteWrite(uid)
      return { kind: 'written', object: written as T }
    } catch (error) {
      if (error instanceof NotFoundError) throw new ObjectGoneError(error.message, { cause: error })
      throw error
    }
  }

  /** Forgets on the way what is too long ago to matter: nobody tells when an object is gone. */
  #noteWrite(uid: string): void {
    const { clock, minProgressMs = MIN_PROGRESS_MS } = this.#options
    const now = clock.monotonic()
    this.#writtenAt.delete(uid)
    for (const [other, at] of this.#writtenAt) {
      if (at + minProgressMs > now) break
      this.#writtenAt.delete(other)
    }
    this.#writtenAt.set(uid, now)
  }

  #tooSoon(object: WithStatus, status: object): number {
    const { clock, progressFields = [], minProgressMs = MIN_PROGRESS_MS } = this.#options
    if (!sameStatus(without(object.status ?? {}, progressFields), without(status, progressFields))) return 0
    const at = this.#writtenAt.get(object.metadata.uid ?? '')
    return at === undefined ? 0 : Math.max(0, at + minProgressMs - clock.monotonic())
  }
}

/** Equal as JSON, whatever the order of keys and of conditions. */
export function sameStatus(a: object, b: object): boolean {
  return isDeepStrictEqual(canonical(a), canonical(b))
}

function canonical(status: object): unknown {
  const plain = JSON.parse(JSON.stringify(status)) as { conditions?: { type: string }[] }
  if (!Array.isArray(plain.conditions)) return plain
  return { ...plain, conditions: plain.conditions.toSorted((a, b) => (a.type < b.type ? -1 : 1)) }
}

function without(status: object, fields: readonly string[]): object {
  return Object.fromEntries(Object.entries(status).filter(([name]) => !fields.includes(name)))
}
