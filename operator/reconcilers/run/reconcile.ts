import { jobId, queueName } from '../../../crds/jobs.ts'
import { resourceOf } from '../../../crds/kind.ts'
import { workerPool } from '../../../crds/kinds/worker-pool.ts'
import type { RunStatus } from '../../../crds/run.ts'
import type { ArtifactStat, ArtifactStore } from '../../../workers/artifacts/store.ts'
import type { Clock } from '../../cluster/clock.ts'
import { ifThere } from '../../cluster/errors.ts'
import type { ObjectKey } from '../../cluster/objects.ts'
import { formatKey, keyOf } from '../../cluster/resources.ts'
import { deriveConditions, type OwnCondition, type Readiness } from '../../control/conditions.ts'
import type { Reconcile, ReconcileContext } from '../../control/controller.ts'
import type { EventRecorder } from '../../control/events.ts'
import { addFinalizer, removeFinalizer } from '../../control/finalizers.ts'
import { done, type Outcome, requeueAfter } from '../../control/outcome.ts'
import { StatusWriter } from '../../control/status-writer.ts'
import { type JobQueue, QueueUnavailableError } from '../../queue/job-queue.ts'
import { reconcileRequestAnnotation, retryAnnotation, runFinalizer } from '../names.ts'
import type { FinishedArtifact, InputState, RunObservation } from './observation.ts'
import { planRun, type RunAction, type RunPlan } from './plan.ts'
import { inputDigestOf, jobSpec, type Lookup, type RunKind, type RunObject } from './run-kind.ts'

export interface RunReconcilerOptions {
  kind: RunKind
  /** Reads the cache of this kind. */
  get(key: ObjectKey): RunObject | undefined
  lookup: Lookup
  /** Has another kind's controller look at an object. */
  wake(kind: string, key: string): void
  queue: JobQueue
  store: ArtifactStore
  events: EventRecorder
  clock: Clock
  /** Engine to assume while no worker of the pool has told its own. */
  defaultEngine: string
}

const queueRetryMs = 5000
/** A store tells nobody when an artifact comes back. */
const missingArtifactMs = 30_000

/** Reconciler of a kind whose work is a job: observe, plan (plan.ts), act. */
export function createRunReconciler(options: RunReconcilerOptions): Reconcile {
  const resource = resourceOf(options.kind.definition)
  const writer = new StatusWriter({ resource, clock: options.clock, progressFields: ['progress'] })

  return async (key, context) => {
    const seen = options.get(key)
    if (!seen) return done()
    const observation = await observe(seen, options)
    const plan = planRun(observation)
    // Only a job has to be taken back when its run is deleted: one that waits or is reused costs no write more.
    const mayHaveJob = plan.status.activeTime !== undefined
    const object = mayHaveJob ? await addFinalizer(context.client, resource, seen, runFinalizer) : seen
    try {
      await act(object, plan, 'before', options, context)
      const delayMs = plan.readiness ? await writeStatus(object, observation, plan, plan.readiness) : undefined
      for (const { type, reason, message } of plan.events)
        options.events.record(object, { type, reason, action: 'Reconcile', note: message })
      await act(object, plan, 'after', options, context)
      return again(plan.requeueAfterMs, delayMs)
    } catch (error) {
      if (!(error instanceof QueueUnavailableError)) throw error
      context.log.warn({ key: formatKey(key), kind: resource.kind, err: error }, 'Queue is unavailable')
      return requeueAfter(queueRetryMs)
    }

    async function writeStatus(target: RunObject, from: RunObservation, next: RunPlan, readiness: Readiness) {
      const status = nextStatus(target, from, next, readiness, options)
      const write = await writer.write(context.client, target, status)
      return write.kind === 'deferred' ? write.delayMs : undefined
    }
  }
}

function again(...delays: (number | undefined)[]): Outcome {
  const soonest = Math.min(...delays.filter((delay) => delay !== undefined))
  return Number.isFinite(soonest) ? requeueAfter(soonest) : done()
}

export async function observe(object: RunObject, options: RunReconcilerOptions): Promise<RunObservation> {
  const { kind, store, queue, clock } = options
  const { spec, metadata } = object
  const namespace = metadata.namespace ?? ''
  const status: RunStatus = object.status ?? { observedGeneration: -1 }
  const queueKey = queueName(namespace, spec.workerPoolRef.name)
  const inputs = await observeInputs(object, status, options)
  const engine = status.engine ?? (await queue.engine(queueKey).catch(() => undefined)) ?? options.defaultEngine
  const inputDigest = inputs.state === 'Ready' ? inputDigestOf(kind, object, inputs.digests, engine) : undefined
  const job = await observeJob(queueOfAttempt(object), object, status, queue)
  const delivered =
    job.state === 'Completed' ? finishedArtifact(await store.stat(job.result.artifact.digest)) : undefined
  const reusable =
    inputDigest !== undefined && kind.inputsAreKnown(object) && status.completionTime === undefined
      ? finishedArtifact(await store.findByInput(namespace, inputDigest))
      : undefined
  const retryRequest = metadata.annotations?.[retryAnnotation]
  return {
    now: clock.now(),
    deleting: metadata.deletionTimestamp !== undefined,
    status,
    suspend: spec.suspend,
    backoffLimit: spec.backoffLimit,
    ...(spec.activeDeadlineSeconds === undefined ? {} : { activeDeadlineSeconds: spec.activeDeadlineSeconds }),
    ...(spec.ttlSecondsAfterFinished === undefined ? {} : { ttlSecondsAfterFinished: spec.ttlSecondsAfterFinished }),
    ...(retryRequest === undefined ? {} : { retryRequest }),
    inputs,
    engine,
    ...(inputDigest === undefined ? {} : { inputDigest }),
    specChanged: specChanged(object, status, kind),
    ...(status.artifact ? { artifactPresent: (await store.stat(status.artifact.digest)) !== undefined } : {}),
    ...(reusable ? { reusable } : {}),
    job,
    ...(delivered ? { delivered } : {}),
    poolExists: options.lookup('WorkerPool', namespace, spec.workerPoolRef.name) !== undefined,
    poolName: spec.workerPoolRef.name,
    pollPeriodSeconds: kind.pollPeriodSeconds(object),
  }
}

/** The queue that has the job of `status.attempt`, also when the run has been given to another pool since. */
function queueOfAttempt({ metadata, spec, status }: RunObject): string {
  return queueName(metadata.namespace ?? '', status?.pool ?? spec.workerPoolRef.name)
}

/** A started run keeps the inputs that it pinned. None starts, or goes on, with an input that the store lacks. */
async function observeInputs(object: RunObject, status: RunStatus, options: RunReconcilerOptions): Promise<InputState> {
  const { kind, store, lookup } = options
  const isPinned = status.inputs !== undefined && status.inputDigest !== undefined
  const inputs: InputState = isPinned ? { state: 'Ready', digests: status.inputs ?? {} } : kind.resolve(object, lookup)
  if (inputs.state !== 'Ready' || status.completionTime !== undefined) return inputs
  for (const [role, digest] of Object.entries(inputs.digests)) {
    if (await store.stat(digest)) continue
    const present = kind.resolve(object, lookup)
    if (present.state === 'Ready' && present.digests[role] !== digest) {
      const message = `artifact ${digest} (${role}) is not whole in the store, and ${present.digests[role]} has taken its place; create the run again to work on that`
      return { state: 'Lost', message }
    }
    const message = `artifact ${digest} (${role}) is not whole in the store; this goes on once what made it has made it again`
    return { state: 'Waiting', message, waitingFor: kind.dependencies(object), lookAgainMs: missingArtifactMs }
  }
  return inputs
}

/** A real API server refuses such a change (CEL); the embedded one leaves it to us. */
function specChanged(object: RunObject, status: RunStatus, kind: RunKind): boolean {
  if (!kind.bounded || status.startTime === undefined || !status.inputs || !status.engine || !status.inputDigest)
    return false
  return inputDigestOf(kind, object, status.inputs, status.engine) !== status.inputDigest
}

async function observeJob(
  queue: string,
  object: RunObject,
  status: RunStatus,
  jobs: JobQueue,
): Promise<RunObservation['job']> {
  const finished = status.completionTime !== undefined && status.activeTime === undefined
  if (status.attempt === undefined || finished) return { state: 'Absent' }
  jobs.follow(queue)
  try {
    return await jobs.job(queue, jobId(object.metadata.uid ?? '', status.attempt))
  } catch (error) {
    if (!(error instanceof QueueUnavailableError)) throw error
    return { state: 'Unknown', message: error.message }
  }
}

function finishedArtifact(found: ArtifactStat | undefined): FinishedArtifact | undefined {
  return found && { digest: found.digest, sizeBytes: found.sizeBytes, summary: found.manifest.metadata.summary }
}

function nextStatus(
  object: RunObject,
  observation: RunObservation,
  plan: RunPlan,
  readiness: Readiness,
  { kind }: RunReconcilerOptions,
): object {
  const described = plan.finished ? kind.describe(plan.finished, plan.status, observation.now) : {}
  const status = { ...plan.status, ...described } as RunStatus
  const own = [...(readiness.own ?? []), ...boundedCondition(kind, status, readiness)]
  if (readiness.state === 'ready') own.push(...(kind.ownConditions?.(object, status) ?? []))
  const derived = deriveConditions(
    object.status?.conditions,
    object.metadata.generation ?? 0,
    { ...readiness, own },
    observation.now,
  )
  const requested = object.metadata.annotations?.[reconcileRequestAnnotation]
  return {
    ...status,
    ...derived,
    state: derived.conditions.find(({ type }) => type === 'Ready')?.reason,
    ...(requested === undefined ? {} : { lastHandledReconcileAt: requested }),
  }
}

/** API conventions: a run that is still active is Unknown, and Succeeded=True stays. */
function boundedCondition(kind: RunKind, status: RunStatus, { state, reason, message }: Readiness): OwnCondition[] {
  if (!kind.bounded) return []
  if (state === 'ready') return [{ type: 'Succeeded', status: 'True', reason, message }]
  if (status.failure?.final) return [{ type: 'Succeeded', status: 'False', reason, message }]
  return [{ type: 'Succeeded', status: 'Unknown', reason, message }]
}

/**
 * What stops work or keeps a result comes before the status write, what starts work or forgets after it: whichever
 * write is the last before a crash, the next look finds out what is missing.
 */
const beforeStatus: ReadonlySet<RunAction['do']> = new Set(['record', 'cancel'])

async function act(
  object: RunObject,
  plan: RunPlan,
  when: 'before' | 'after',
  options: RunReconcilerOptions,
  context: ReconcileContext,
): Promise<void> {
  for (const action of plan.actions) {
    if (beforeStatus.has(action.do) === (when === 'before')) await perform(action, object, plan, options, context)
  }
}

async function perform(
  action: RunAction,
  object: RunObject,
  { status }: RunPlan,
  options: RunReconcilerOptions,
  { client }: ReconcileContext,
): Promise<void> {
  const { kind, queue, store } = options
  const { metadata, spec } = object
  const namespace = metadata.namespace ?? ''
  const uid = metadata.uid ?? ''
  const resource = resourceOf(kind.definition)
  switch (action.do) {
    case 'enqueue': {
      const pool = spec.workerPoolRef.name
      const queueKey = queueName(namespace, pool)
      queue.follow(queueKey)
      await queue.enqueue(queueKey, {
        kind: kind.jobKind,
        namespace,
        name: metadata.name,
        uid,
        attempt: action.attempt,
        inputDigest: status.inputDigest ?? '',
        engine: status.engine ?? '',
        spec: jobSpec(kind, object),
        inputs: status.inputs ?? {},
      })
      // A pool without Pods has nothing else to tell it that there is work.
      return options.wake(workerPool.kind, formatKey({ namespace, name: pool }))
    }
    case 'cancel':
      return cancel(
        queue,
        queueOfAttempt(object),
        jobId(uid, action.attempt),
        action.reason,
        metadata.deletionTimestamp,
      )
    case 'remove':
      return queue.remove(queueOfAttempt(object), jobId(uid, action.attempt))
    case 'record':
      return store.recordInput(namespace, action.inputDigest, action.artifact.digest)
    case 'deleteObject':
      return void (await ifThere(client.delete(resource, keyOf(object), { uid, propagationPolicy: 'Background' })))
    case 'dropFinalizer':
      return removeFinalizer(client, resource, object, runFinalizer)
    case 'wake':
      return options.wake(action.kind, formatKey({ namespace, name: action.name }))
  }
}

/** A deletion ends also when Redis is gone: a worker that cannot ask whether the job is still its own writes nothing. */
async function cancel(
  queue: JobQueue,
  queueKey: string,
  id: string,
  reason: string,
  deletionTimestamp: string | undefined,
): Promise<void> {
  try {
    await queue.cancel(queueKey, id, reason)
  } catch (error) {
    if (deletionTimestamp === undefined || !(error instanceof QueueUnavailableError)) throw error
  }
}
