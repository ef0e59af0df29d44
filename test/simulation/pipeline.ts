import type { PipelineStatus } from '../../crds/pipeline-status.ts'
import type { KubernetesObject } from '../../operator/cluster/objects.ts'
import { dataset, isIdle, isReady, type Observed, runKinds, snapshot, workerPool } from './chain.ts'
import { namespace, type Simulation } from './simulation.ts'

export interface SeenPipeline extends KubernetesObject {
  spec: Record<string, unknown>
  status?: PipelineStatus
}

export const pipelineNamed = (spec: Record<string, unknown> = {}): KubernetesObject & { spec: object } => ({
  apiVersion: 'adloom.dev/v1alpha1',
  kind: 'RankerPipeline',
  metadata: { name: 'ads', namespace },
  spec: { datasetRef: { name: 'chain' }, ...templates, ...spec },
})

const pool = { workerPoolRef: { name: 'chain' } }
export const templates = {
  tokenizerTemplate: { features: { text: {} }, ...pool },
  trainingTemplate: { ...pool },
  evaluationTemplate: { ...pool },
}

/** The Dataset with other logs in it: a revision of its own. */
export const datasetWith = (users: number) => ({
  ...dataset,
  spec: { ...dataset.spec, source: { simulation: { users, items: 10 } } },
})

export const beginnings = [pipelineNamed(), dataset, workerPool]

export async function look(simulation: Simulation): Promise<PipelineStatus> {
  const found = await simulation.find<SeenPipeline>('RankerPipeline', 'ads')
  return found?.status ?? { observedGeneration: -1 }
}

/** Runs as `name state`, the newest first. */
export const runsOf = ({ runs = [] }: PipelineStatus): string[] => runs.map(({ name, state }) => `${name} ${state}`)

/** Nothing is on: no run, no Pod, no job. */
export async function isSettled(simulation: Simulation): Promise<boolean> {
  const found = await simulation.find<SeenPipeline>('RankerPipeline', 'ads')
  const { status } = found ?? {}
  if (!status || status.observedGeneration !== found?.metadata.generation) return false
  if (status.runs?.some(({ state }) => state === 'Running') || status.pending) return false
  const data = await simulation.find<Observed>('Dataset', 'chain')
  if (data?.status?.observedGeneration !== data?.metadata.generation) return false
  return isReady(data) && status.trained?.dataset === data?.status?.artifact?.digest && isIdle(simulation)
}

/** Everything in the namespace as text, without what differs from one time to the next. */
export const snapshotOf = (simulation: Simulation): Promise<Record<string, unknown>> =>
  snapshot(simulation, [...runKinds, 'WorkerPool', 'RankerPipeline'])
