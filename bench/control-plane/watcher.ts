import type { Client } from '../../operator/cluster/client.ts'
import { systemClock } from '../../operator/cluster/clock.ts'
import { Informer } from '../../operator/cluster/informer.ts'
import type { KubernetesObject, Resource } from '../../operator/cluster/objects.ts'
import { formatKey, keyOf } from '../../operator/cluster/resources.ts'
import { namespace } from './objects.ts'

export interface BenchObject extends KubernetesObject {
  status?: { observedGeneration?: number; state?: string }
}

/** A user who watches all objects of some resources. */
export class Watcher {
  readonly #informers: Informer<BenchObject>[]
  readonly #listeners = new Set<(object: BenchObject, isGone: boolean) => void>()

  constructor(client: Client, resources: readonly Resource[]) {
    const log = { debug: () => {}, info: () => {}, warn: console.error, error: console.error }
    this.#informers = resources.map(
      (resource) => new Informer({ client, resource, clock: systemClock, random: Math.random, log, namespace }),
    )
    const tell = (isGone: boolean) => (object: BenchObject) => {
      for (const listener of this.#listeners) listener(object, isGone)
    }
    for (const informer of this.#informers) {
      const present = tell(false)
      informer.addHandler({ added: present, updated: (_, after) => present(after), deleted: tell(true) })
    }
  }

  async start(): Promise<void> {
    for (const informer of this.#informers) informer.start()
    await Promise.all(this.#informers.map((informer) => informer.whenSynced()))
  }

  async stop(): Promise<void> {
    await Promise.all(this.#informers.map((informer) => informer.stop()))
  }

  /**
   * Resolves with the time (of performance.now) at which it has been so, once, of each of the objects.
   *
   * @throws when it is not so within the limit.
   */
  untilAll(
    what: string,
    objects: readonly KubernetesObject[],
    isSo: (object: BenchObject, isGone: boolean) => boolean,
    limitSeconds = 600,
  ): Promise<number> {
    const name = (object: KubernetesObject) => `${object.kind} ${formatKey(keyOf(object))}`
    const missing = new Set(objects.map(name))
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    const listener = (object: BenchObject, isGone: boolean) => {
      if (isSo(object, isGone) && missing.delete(name(object)) && missing.size === 0) resolve(performance.now())
    }
    const [first] = missing
    const timer = setTimeout(
      () => reject(new Error(`${what}: ${missing.size} are left after ${limitSeconds} s, such as ${first}`)),
      limitSeconds * 1000,
    )
    this.#listeners.add(listener)
    return promise.finally(() => {
      clearTimeout(timer)
      this.#listeners.delete(listener)
    })
  }
}

export const isObserved = ({ status, metadata }: BenchObject): boolean =>
  status?.observedGeneration === metadata.generation
export const hasSucceeded = ({ status }: BenchObject): boolean => status?.state === 'Succeeded'
