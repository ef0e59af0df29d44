import type { Condition, KubernetesObject } from '../../operator/cluster/objects.ts'
import { DEPLOYMENT, POD, SERVICE } from '../../operator/cluster/resources.ts'
import { namespace, resourceNamed, type Simulation } from './simulation.ts'

export interface Observed extends KubernetesObject {
  status?: {
    state?: string
    conditions?: Condition[]
    artifact?: { digest: string; reused: boolean }
    attempt?: number
    failures?: number
    inputs?: Record<string, string>
    servedDigest?: string
    [field: string]: unknown
  }
}

const object = (kind: string, spec: object): KubernetesObject & { spec: object } => ({
  apiVersion: 'adloom.dev/v1alpha1',
  kind,
  metadata: { name: 'chain', namespace },
  spec,
})

const itself = { name: 'chain' }
const pool = { workerPoolRef: itself }

export const workerPool = object('WorkerPool', { maxReplicas: 2, idleSeconds: 5 })
export const dataset = object('Dataset', { source: { simulation: { users: 10, items: 10 } }, ...pool })
export const tokenizerBuild = object('TokenizerBuild', { datasetRef: itself, features: { text: {} }, ...pool })
export const trainingRun = object('TrainingRun', { datasetRef: itself, tokenizerRef: itself, ...pool })
export const evaluation = object('Evaluation', { datasetRef: itself, model: { trainingRunRef: itself }, ...pool })
export const rankerDeployment = object('RankerDeployment', {
  model: { trainingRunRef: itself },
  evaluationRef: itself,
  replicas: 1,
})

/** In the order in which nothing is there yet that it refers to. */
export const chain = [rankerDeployment, evaluation, trainingRun, tokenizerBuild, dataset, workerPool]
export const runKinds = ['Dataset', 'TokenizerBuild', 'TrainingRun', 'Evaluation'] as const
export const runsOnce = runKinds.map((kind) => `${kind} chain`)

export const isReady = (found: Observed | undefined): boolean =>
  found?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false

/** Jobs that somebody works on or will; one that is over is only kept, and goes by itself in the end. */
const openJobs = ({ queue }: Simulation): string[] => queue.jobsLeft().filter((job) => /^(Waiting|Active)/.test(job))

/** Everything is there, and no worker is left. */
export async function isSettled(simulation: Simulation): Promise<boolean> {
  for (const { kind, metadata } of chain) {
    const found = await simulation.find<Observed>(kind, metadata.name)
    const { observedGeneration } = (found?.status ?? {}) as { observedGeneration?: number }
    if (!isReady(found) || observedGeneration !== found?.metadata.generation) return false
  }
  return isIdle(simulation)
}

/** No worker is left, and nothing for one to do. */
export async function isIdle(simulation: Simulation): Promise<boolean> {
  const { items } = await simulation.client.list(POD, { namespace })
  return items.length === 0 && openJobs(simulation).length === 0
}

/** Everything in the namespace as text, without what differs from one time to the next. */
export async function snapshot(
  simulation: Simulation,
  kinds: readonly string[] = chain.map(({ kind }) => kind),
): Promise<Record<string, unknown>> {
  const resources = [...kinds.map(resourceNamed), POD, DEPLOYMENT, SERVICE]
  const entries: [string, unknown][] = []
  for (const resource of resources) {
    const { items } = await simulation.client.list(resource, { namespace })
    for (const item of items) entries.push([`${resource.kind} ${item.metadata.name}`, normalise(item)])
  }
  return { ...Object.fromEntries(entries.sort()), jobs: openJobs(simulation) }
}

const changing = new Set(['uid', 'resourceVersion', 'creationTimestamp', 'managedFields', 'startToken', 'clusterIP'])

function normalise(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normalise)
  if (typeof value === 'string') return /^\d{4}-\d\d-\d\dT/.test(value) ? 'a time' : value
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value).filter(([name]) => !changing.has(name))
  return Object.fromEntries(fields.map(([name, field]) => [name, normalise(field)]).sort())
}
