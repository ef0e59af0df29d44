import { queueName } from '../../../crds/jobs.ts'
import { resourceOf } from '../../../crds/kind.ts'
import { type WorkerPool, workerPool } from '../../../crds/kinds/worker-pool.ts'
import type { Clock } from '../../cluster/clock.ts'
import { AlreadyExistsError, NotFoundError } from '../../cluster/errors.ts'
import type { ObjectKey } from '../../cluster/objects.ts'
import { formatKey, POD } from '../../cluster/resources.ts'
import { deriveConditions, type Readiness } from '../../control/conditions.ts'
import type { Reconcile, ReconcileContext } from '../../control/controller.ts'
import type { EventRecorder } from '../../control/events.ts'
import { done, requeueAfter } from '../../control/outcome.ts'
import { StatusWriter } from '../../control/status-writer.ts'
import { type JobQueue, QueueUnavailableError } from '../../queue/job-queue.ts'
import { reconcileRequestAnnotation } from '../names.ts'
import { isPodReady, type Pod, type PodSettings, podProblem } from '../pod-template.ts'
import { type PoolAction, type PoolObservation, type PoolPlan, planPool, type SeenPod } from './plan.ts'
import { buildPod, podName, poolSelector, templateHash, templateHashLabel } from './pods.ts'

export interface WorkerPoolReconcilerOptions {
  get(key: ObjectKey): WorkerPool | undefined
  podsOf(uid: string): Pod[]
  queue: JobQueue
  events: EventRecorder
  clock: Clock
  pods: PodSettings
}

const queueRetryMs = 5000

export function createWorkerPoolReconciler(options: WorkerPoolReconcilerOptions): Reconcile {
  const resource = resourceOf(workerPool)
  const writer = new StatusWriter({
    resource,
    clock: options.clock,
    progressFields: ['backlog', 'busyReplicas'],
  })
  return async (key, context) => {
    const pool = options.get(key)
    // Pods of a pool that is deleted go by garbage collection; what they worked on returns to the queue.
    if (!pool || pool.metadata.deletionTimestamp !== undefined) return done()
    const queue = queueName(key.namespace ?? '', key.name)
    const observation = await observe(pool, queue, options)
    if ('unavailable' in observation) {
      const message = `${observation.unavailable}; Pods stay as they are until it answers`
      const readiness: Readiness = { state: 'reconciling', reason: 'QueueUnavailable', message }
      await writer.write(context.client, pool, nextStatus(pool, { readiness }, options))
      return requeueAfter(queueRetryMs)
    }
    const plan = planPool(observation, (ordinal) => podName(key.name, ordinal))
    for (const action of plan.actions) await perform(action, pool, queue, options, context)
    const write = await writer.write(context.client, pool, nextStatus(pool, plan, options))
    return requeueAfter(Math.min(plan.requeueAfterMs, write.kind === 'deferred' ? write.delayMs : plan.requeueAfterMs))
  }
}

async function observe(
  pool: WorkerPool,
  queue: string,
  options: WorkerPoolReconcilerOptions,
): Promise<PoolObservation | { unavailable: string }> {
  const { spec, metadata } = pool
  try {
    options.queue.follow(queue)
    const [backlog, workers] = await Promise.all([options.queue.backlog(queue), options.queue.workers(queue)])
    return {
      now: options.clock.now(),
      minReplicas: spec.minReplicas,
      maxReplicas: spec.maxReplicas,
      idleSeconds: spec.idleSeconds,
      suspend: spec.suspend,
      templateHash: templateHash(pool, options.pods),
      backlog,
      pods: options.podsOf(metadata.uid ?? '').map((pod): SeenPod => {
        const worker = workers.find((candidate) => candidate.pod === pod.metadata.name)
        const problem = podProblem(pod)
        return {
          name: pod.metadata.name,
          phase: pod.status?.phase ?? 'Pending',
          ready: isPodReady(pod),
          deleting: pod.metadata.deletionTimestamp !== undefined,
          templateHash: pod.metadata.labels?.[templateHashLabel] ?? '',
          ...(problem === undefined ? {} : { problem }),
          ...(worker ? { worker } : {}),
        }
      }),
    }
  } catch (error) {
    if (!(error instanceof QueueUnavailableError)) throw error
    return { unavailable: error.message }
  }
}

async function perform(
  { do: verb, pod }: PoolAction,
  pool: WorkerPool,
  queue: string,
  options: WorkerPoolReconcilerOptions,
  { client, log }: ReconcileContext,
): Promise<void> {
  const { namespace = '' } = pool.metadata
  if (verb === 'drain') return options.queue.drain(queue, pod)
  if (verb === 'create') {
    try {
      // What an earlier Pod of this name left behind must not be taken for this one's.
      await options.queue.forgetWorker(queue, pod)
      await client.create(POD, buildPod(pool, pod, options.pods))
      options.events.record(pool, { type: 'Normal', reason: 'CreatedPod', action: 'Scale', note: `Created Pod ${pod}` })
    } catch (error) {
      if (!(error instanceof AlreadyExistsError)) throw error
      log.debug({ pod: formatKey({ namespace, name: pod }) }, 'Pod was there already')
    }
    return
  }
  const uid = options.podsOf(pool.metadata.uid ?? '').find(({ metadata }) => metadata.name === pod)?.metadata.uid
  try {
    await client.delete(POD, { namespace, name: pod }, uid === undefined ? {} : { uid })
    options.events.record(pool, { type: 'Normal', reason: 'DeletedPod', action: 'Scale', note: `Deleted Pod ${pod}` })
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error
  }
}

function nextStatus(
  pool: WorkerPool,
  plan: Pick<PoolPlan, 'readiness'> & Partial<Pick<PoolPlan, 'counts'>>,
  { clock }: WorkerPoolReconcilerOptions,
): object {
  const generation = pool.metadata.generation ?? 0
  const derived = deriveConditions(pool.status?.conditions, generation, plan.readiness, clock.now())
  const requested = pool.metadata.annotations?.[reconcileRequestAnnotation]
  return {
    ...pool.status,
    ...plan.counts,
    ...derived,
    selector: Object.entries(poolSelector(pool.metadata.name))
      .map((pair) => pair.join('='))
      .join(),
    state: derived.conditions.find(({ type }) => type === 'Ready')?.reason,
    ...(requested === undefined ? {} : { lastHandledReconcileAt: requested }),
  }
}
