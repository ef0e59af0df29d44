import type { WorkerRegistration } from '../../../crds/jobs.ts'
import type { Readiness } from '../../control/conditions.ts'
import type { Backlog } from '../../queue/job-queue.ts'

/** A Pod of the pool, with what its worker last said. */
export interface SeenPod {
  name: string
  phase: string
  ready: boolean
  deleting: boolean
  templateHash: string
  problem?: string
  worker?: WorkerRegistration
}

export interface PoolObservation {
  /** Milliseconds since 1970. */
  now: number
  minReplicas: number
  maxReplicas: number
  idleSeconds: number
  suspend: boolean
  templateHash: string
  backlog: Backlog
  pods: SeenPod[]
}

export type PoolAction = { do: 'create' | 'drain' | 'delete'; pod: string }

export interface PoolPlan {
  actions: PoolAction[]
  readiness: Readiness
  counts: { replicas: number; readyReplicas: number; busyReplicas: number; backlog: number }
  requeueAfterMs: number
}

/** While there is work or a worker, the pool is looked at this often; the workers tell of themselves in Redis only. */
const activeMs = 2000
const restingMs = 10_000

const isOver = (pod: SeenPod): boolean => pod.phase === 'Failed' || pod.phase === 'Succeeded'
const isBusy = ({ worker }: SeenPod): boolean => worker?.state === 'Busy' || worker?.state === 'Draining'
const isLeaving = ({ worker }: SeenPod): boolean => worker?.state === 'Draining' || worker?.state === 'Drained'

/**
 * How many Pods, and which. A Pod goes only when its worker has acknowledged to drain, or when no worker ever started in
 * it; so scaling in never ends work.
 */
export function planPool(observation: PoolObservation, podName: (ordinal: number) => string): PoolPlan {
  const { backlog, suspend, minReplicas, maxReplicas, templateHash, pods } = observation
  const jobs = backlog.waiting + backlog.active
  const wanted = suspend ? 0 : Math.min(maxReplicas, Math.max(minReplicas, jobs))
  const present = pods.filter((pod) => !pod.deleting)
  const over = present.filter((pod) => isOver(pod) || pod.worker?.state === 'Drained')
  const current = present.filter((pod) => !over.includes(pod) && !isLeaving(pod) && pod.templateHash === templateHash)
  const outdated = present.filter((pod) => !over.includes(pod) && pod.templateHash !== templateHash)
  const surplus = chooseSurplus(current, wanted, observation)
  const staying = current.length - surplus.length
  const actions: PoolAction[] = [
    ...over.map((pod) => remove(pod)),
    ...outdated.filter((pod) => !isLeaving(pod)).flatMap(retire),
    ...surplus.flatMap(retire),
    ...newNames(wanted - staying, pods, podName).map((pod): PoolAction => ({ do: 'create', pod })),
  ]
  return {
    actions,
    readiness: readinessOf(observation, wanted),
    counts: {
      replicas: present.length,
      readyReplicas: present.filter(({ ready }) => ready).length,
      busyReplicas: present.filter(isBusy).length,
      backlog: jobs,
    },
    requeueAfterMs: jobs > 0 || pods.length > 0 ? activeMs : restingMs,
  }
}

const remove = ({ name }: SeenPod): PoolAction => ({ do: 'delete', pod: name })

/** A worker that never started cannot acknowledge; the mark is for the case that it starts just now. */
function retire(pod: SeenPod): PoolAction[] {
  const neverStarted = pod.worker === undefined && pod.phase === 'Pending'
  return [{ do: 'drain', pod: pod.name }, ...(neverStarted ? [remove(pod)] : [])]
}

/** The longest idle first, once they have been idle for idleSeconds; suspension does not wait for that. */
function chooseSurplus(current: SeenPod[], wanted: number, { now, idleSeconds, suspend }: PoolObservation): SeenPod[] {
  const excess = current.length - wanted
  if (excess <= 0) return []
  if (suspend) return current
  const idleSince = ({ worker, phase }: SeenPod) => worker?.since ?? (phase === 'Pending' ? 0 : now)
  return current
    .filter((pod) => !isBusy(pod) && now - idleSince(pod) >= idleSeconds * 1000)
    .sort((a, b) => idleSince(a) - idleSince(b))
    .slice(0, excess)
}

/** Fixed names make a create that is repeated after a crash find what it made. */
function newNames(count: number, pods: SeenPod[], podName: (ordinal: number) => string): string[] {
  const taken = new Set(pods.map(({ name }) => name))
  const names: string[] = []
  for (let ordinal = 0; names.length < count; ordinal++) {
    const name = podName(ordinal)
    if (!taken.has(name)) names.push(name)
  }
  return names
}

function readinessOf({ suspend, pods, backlog }: PoolObservation, wanted: number): Readiness {
  if (suspend) {
    const message = 'suspended; set spec.suspend to false to take jobs again'
    return {
      state: 'held',
      reason: 'Suspended',
      message,
      own: [{ type: 'Suspended', status: 'True', reason: 'Suspended', message, negative: true }],
    }
  }
  const ready = pods.filter((pod) => pod.ready && !pod.deleting).length
  if (ready >= wanted) {
    const working = backlog.active + backlog.waiting > 0
    return working
      ? { state: 'ready', reason: 'Working', message: 'workers take jobs' }
      : { state: 'ready', reason: 'Idle', message: 'no jobs; Pods are started when there are' }
  }
  const problem = pods.find((pod) => pod.problem !== undefined)
  if (problem)
    return { state: 'reconciling', reason: 'PodsNotReady', message: `Pod ${problem.name}: ${problem.problem}` }
  return { state: 'reconciling', reason: 'Scaling', message: 'Pods are starting' }
}
