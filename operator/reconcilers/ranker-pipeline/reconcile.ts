import { resourceOf } from '../../../crds/kind.ts'
import { type RankerPipeline, rankerPipeline } from '../../../crds/kinds/ranker-pipeline.ts'
import type { JsonObject } from '../../../workers/artifacts/store.ts'
import { ifThere } from '../../cluster/errors.ts'
import type { ObjectKey } from '../../cluster/objects.ts'
import { formatKey } from '../../cluster/resources.ts'
import { deriveConditions } from '../../control/conditions.ts'
import type { Reconcile, ReconcileContext } from '../../control/controller.ts'
import type { EventRecorder } from '../../control/events.ts'
import { done, requeueAfter } from '../../control/outcome.ts'
import { StatusWriter } from '../../control/status-writer.ts'
import { reconcileRequestAnnotation } from '../names.ts'
import type { RunObject } from '../run/run-kind.ts'
import { buildChild, childDefinitions } from './children.ts'
import type { PipelineAction, PipelinePlan } from './draft.ts'
import type { PipelineMetrics } from './metrics.ts'
import type { ChildKind } from './observation.ts'
import { observe, type PipelineReading } from './observe.ts'
import { planPipeline } from './plan.ts'

export interface PipelineReconcilerOptions extends PipelineReading {
  get(key: ObjectKey): RankerPipeline | undefined
  /** Has another kind's controller look at an object. */
  wake(kind: string, key: string): void
  events: EventRecorder
  metrics: PipelineMetrics
}

/** Reconciler of RankerPipelines: observe, plan (plan.ts), act. Its children go with it by garbage collection. */
export function createPipelineReconciler(options: PipelineReconcilerOptions): Reconcile {
  const writer = new StatusWriter({ resource: resourceOf(rankerPipeline), clock: options.clock })
  return async (key, context) => {
    const pipeline = options.get(key)
    if (!pipeline || pipeline.metadata.deletionTimestamp !== undefined) return done()
    const plan = planPipeline(await observe(pipeline, options))
    const entries = plan.actions.filter(({ do: what }) => what === 'ledger')
    if (entries.length > 0 && (await isStale(pipeline, context))) return requeueAfter(staleMs)
    for (const action of entries) await perform(action, pipeline, options, context)
    await writer.write(context.client, pipeline, nextStatus(pipeline, plan, options.clock.now()))
    tell(pipeline, plan, options)
    for (const action of plan.actions) if (action.do !== 'ledger') await perform(action, pipeline, options, context)
    return plan.requeueAfterMs === undefined ? done() : requeueAfter(plan.requeueAfterMs)
  }
}

/** Until the cache has caught up. */
const staleMs = 200

/** What is in the ledger stays there, so nothing goes in on the word of a cache that lags. */
async function isStale({ metadata }: RankerPipeline, { client }: ReconcileContext): Promise<boolean> {
  const { name, namespace = '', resourceVersion } = metadata
  const current = await client.get(resourceOf(rankerPipeline), { namespace, name })
  return current.metadata.resourceVersion !== resourceVersion
}

function nextStatus({ status, metadata }: RankerPipeline, plan: PipelinePlan, now: number): object {
  const derived = deriveConditions(status?.conditions, metadata.generation ?? 0, plan.readiness, now)
  const requested = metadata.annotations?.[reconcileRequestAnnotation]
  return {
    ...plan.status,
    ...derived,
    state: derived.conditions.find(({ type }) => type === 'Ready')?.reason,
    ...(requested === undefined ? {} : { lastHandledReconcileAt: requested }),
  }
}

function tell(pipeline: RankerPipeline, plan: PipelinePlan, { events, metrics }: PipelineReconcilerOptions): void {
  metrics.count(plan.counts)
  for (const { type, reason, message } of plan.events)
    events.record(pipeline, { type, reason, action: 'Reconcile', note: message })
  const { state, reason, message } = plan.readiness
  if (pipeline.status?.state === reason || plan.events.some((event) => event.reason === reason)) return
  events.record(pipeline, {
    type: state === 'stalled' ? 'Warning' : 'Normal',
    reason,
    action: 'Reconcile',
    note: message,
  })
}

async function perform(
  action: PipelineAction,
  pipeline: RankerPipeline,
  options: PipelineReconcilerOptions,
  { client }: ReconcileContext,
): Promise<void> {
  const { namespace = '', uid = '' } = pipeline.metadata
  const present = (kind: ChildKind, name: string): RunObject | undefined =>
    options.owned(kind, uid).find(({ metadata }) => metadata.name === name)
  switch (action.do) {
    case 'ledger':
      return options.store.ledger.append(namespace, action.entry as unknown as JsonObject)
    case 'wake':
      return options.wake(action.kind, formatKey({ namespace, name: action.name }))
    case 'apply': {
      const child = buildChild(action.kind, pipeline, action.run, action.spec)
      return void (await client.apply(resourceOf(childDefinitions[action.kind]), child, { force: true }))
    }
    case 'delete': {
      const child = present(action.kind, action.name)
      if (!child) return
      const key = { namespace, name: action.name }
      const { uid: childUid = '' } = child.metadata
      const options = { uid: childUid, propagationPolicy: 'Background' } as const
      await ifThere(client.delete(resourceOf(childDefinitions[action.kind]), key, options))
    }
  }
}
