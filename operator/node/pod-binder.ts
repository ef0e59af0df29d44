import type { Client } from '../cluster/client.ts'
import { type Clock, timestamp } from '../cluster/clock.ts'
import { ConflictError, NotFoundError } from '../cluster/errors.ts'
import type { Log } from '../cluster/log.ts'
import type { KubernetesObject } from '../cluster/objects.ts'
import { keyOf, POD } from '../cluster/resources.ts'
import { BINDING, type Pod, type PodStatus } from './pod.ts'
import type { Unschedulable } from './pod-admission.ts'
import { mergeConditions } from './pod-status.ts'
import { StatusWriter } from './status-writer.ts'

interface BinderContext {
  client: Pick<Client, 'create' | 'mergePatch'>
  clock: Clock
  log: Log
  nodeName: string
  /** Has every Pod without a node considered again. */
  reconsider(): void
}

interface Binding extends KubernetesObject {
  target: { apiVersion: string; kind: string; name: string }
}

const RETRY_MILLISECONDS = 1000

/** Binds Pods that have no node, and says of the others why they wait. */
export class PodBinder {
  readonly #context: BinderContext
  /** Pods whose binding was sent and has not been seen yet. */
  readonly #binding = new Map<string, Pod>()
  readonly #waiting = new Map<string, StatusWriter<PodStatus>>()
  #stopped = false

  constructor(context: BinderContext) {
    this.#context = context
  }

  consider(pod: Pod, obstacle: Unschedulable | undefined): void {
    if (this.#stopped || !isOurs(pod)) return
    if (obstacle) this.#explain(pod, obstacle)
    else void this.#bind(pod)
  }

  /** What these ask for is taken already. */
  reservations(): Pod[] {
    return [...this.#binding.values()]
  }

  /** The Pod has a node now, or is gone. */
  forget(uid: string): void {
    this.#binding.delete(uid)
    this.#explained(uid)
  }

  #explained(uid: string): void {
    this.#waiting.get(uid)?.close()
    this.#waiting.delete(uid)
  }

  stop(): void {
    this.#stopped = true
    for (const uid of [...this.#waiting.keys()]) this.forget(uid)
  }

  async #bind(pod: Pod): Promise<void> {
    const uid = pod.metadata.uid ?? ''
    if (this.#binding.has(uid)) return
    this.#binding.set(uid, pod)
    this.#explained(uid)
    const { client, clock, log, nodeName } = this.#context
    try {
      await bind(client, pod, nodeName)
    } catch (error) {
      this.#binding.delete(uid)
      if (error instanceof NotFoundError) return
      // A conflict may mean another node, which the informer will tell, or only that the Pod has just been written.
      if (!(error instanceof ConflictError)) log.warn({ err: error, pod: pod.metadata.name }, 'Pod is not bound yet')
      clock.after(RETRY_MILLISECONDS, () => {
        if (!this.#stopped) this.#context.reconsider()
      })
    }
  }

  #explain(pod: Pod, { reason, message }: Unschedulable): void {
    const { namespace = '', name, uid = '' } = pod.metadata
    const wanted = [{ type: 'PodScheduled', status: 'False' as const, reason, message }]
    const conditions = mergeConditions(pod.status?.conditions ?? [], wanted, timestamp(this.#context.clock.now()))
    const present = pod.status && { phase: pod.status.phase ?? 'Pending', conditions: pod.status.conditions ?? [] }
    const writer =
      this.#waiting.get(uid) ?? new StatusWriter<PodStatus>(this.#context, POD, { namespace, name, uid }, present)
    this.#waiting.set(uid, writer)
    writer.write({ phase: 'Pending', conditions })
  }
}

/** Not another scheduler's, not gated, not on its way out. */
function isOurs(pod: Pod): boolean {
  const { schedulerName, schedulingGates } = pod.spec
  const ours = schedulerName === undefined || schedulerName === '' || schedulerName === 'default-scheduler'
  return ours && !schedulingGates?.length && pod.metadata.deletionTimestamp === undefined
}

/** A server without bindings lets spec.nodeName be patched; resourceVersion keeps two nodes from taking one Pod. */
async function bind(client: BinderContext['client'], pod: Pod, nodeName: string): Promise<void> {
  const { name, namespace = '', uid, resourceVersion } = pod.metadata
  const binding: Binding = {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name, namespace, ...(uid !== undefined && { uid }) },
    target: { apiVersion: 'v1', kind: 'Node', name: nodeName },
  }
  try {
    await client.create(BINDING, binding)
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error
    await client.mergePatch(POD, keyOf(pod), { metadata: { uid, resourceVersion }, spec: { nodeName } })
  }
}
