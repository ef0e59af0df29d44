import { isDeepStrictEqual } from 'node:util'
import type { Client } from '../cluster/client.ts'
import { type Clock, sleep } from '../cluster/clock.ts'
import { InvalidError, NotFoundError } from '../cluster/errors.ts'
import type { Log } from '../cluster/log.ts'
import type { Resource } from '../cluster/objects.ts'

interface StatusTarget {
  namespace: string
  name: string
  uid: string
}

interface StatusWriterContext {
  client: Pick<Client, 'mergePatch'>
  clock: Clock
  log: Log
}

const FIRST_RETRY_MILLISECONDS = 200
const LAST_RETRY_MILLISECONDS = 5000

/**
 * Brings one object's status to the last value asked for: one request at a time, values in between are left out, an
 * equal value is not written, and failed requests are repeated until the object is gone or close() is called.
 */
export class StatusWriter<Status> {
  readonly #context: StatusWriterContext
  readonly #resource: Resource
  readonly #target: StatusTarget
  readonly #closed = new AbortController()
  #written: Status | undefined
  #wanted: Status | undefined
  #running: Promise<void> | undefined

  constructor(context: StatusWriterContext, resource: Resource, target: StatusTarget, present?: Status) {
    this.#context = context
    this.#resource = resource
    this.#target = target
    this.#written = present
  }

  write(status: Status): void {
    this.#wanted = status
    this.#running ??= this.#flush().finally(() => {
      this.#running = undefined
    })
  }

  /** Resolves when the last value is written, or can no longer be. */
  async settled(): Promise<void> {
    while (this.#running) await this.#running
  }

  /** Ends repeats; a request under way may still arrive. */
  close(): void {
    this.#closed.abort()
  }

  async #flush(): Promise<void> {
    let retryMilliseconds = FIRST_RETRY_MILLISECONDS
    // A turn of the event loop, in which changes that belong together come together.
    await Promise.resolve()
    while (!this.#closed.signal.aborted && !isDeepStrictEqual(this.#wanted, this.#written)) {
      const status = this.#wanted
      try {
        const { namespace, name, uid } = this.#target
        const patch = { metadata: { uid }, status }
        await this.#context.client.mergePatch(this.#resource, { namespace, name }, patch, { subresource: 'status' })
        this.#written = status
      } catch (error) {
        // Neither gets better by itself. A conflict may: a patch is refused when others write the object at the time, or
        // when its name belongs to another uid now, and then the owner closes this writer.
        if (error instanceof NotFoundError || error instanceof InvalidError) {
          const fields = { err: error, ...this.#target }
          if (error instanceof InvalidError) this.#context.log.error(fields, 'Status was refused')
          this.#written = status
          continue
        }
        this.#context.log.warn({ err: error, ...this.#target }, 'Status is not written yet')
        await sleep(this.#context.clock, retryMilliseconds, this.#closed.signal)
        retryMilliseconds = Math.min(LAST_RETRY_MILLISECONDS, retryMilliseconds * 2)
      }
    }
  }
}
