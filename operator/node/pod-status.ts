import type { Container, ContainerStatus, Pod, PodCondition, PodPhase, PodStatus } from './pod.ts'

export interface PodObservation {
  podIP: string | undefined
  startTime: string
  /** Init containers in their order; those not begun yet have their waiting state. */
  initContainers: readonly ContainerStatus[]
  containers: readonly ContainerStatus[]
  /** RFC 3339; for conditions that change now. */
  now: string
}

const HOST_IP = '127.0.0.1'

/** The status of a Pod whose containers stand as observed; conditions of other writers are kept. */
export function podStatus(pod: Pod, observed: PodObservation): PodStatus {
  const { initContainers, containers } = observed
  const phase = podPhase(pod, initContainers, containers)
  return {
    phase,
    conditions: podConditions(pod, observed, phase),
    containerStatuses: [...containers],
    ...(initContainers.length > 0 && { initContainerStatuses: [...initContainers] }),
    ...(observed.podIP !== undefined && { podIP: observed.podIP, podIPs: [{ ip: observed.podIP }] }),
    hostIP: HOST_IP,
    hostIPs: [{ ip: HOST_IP }],
    startTime: observed.startTime,
  }
}

function initialized(initContainers: readonly ContainerStatus[]): boolean {
  return initContainers.every((status) => status.state.terminated?.exitCode === 0)
}

/** Rules of the kubelet's getPhase: a waiting container that has run before counts as running. */
export function podPhase(
  pod: Pod,
  initContainers: readonly ContainerStatus[],
  containers: readonly ContainerStatus[],
): PodPhase {
  const policy = pod.spec.restartPolicy ?? 'Always'
  if (!initialized(initContainers)) {
    const failed = initContainers.some((status) => (status.state.terminated?.exitCode ?? 0) !== 0)
    return failed && policy === 'Never' ? 'Failed' : 'Pending'
  }
  if (containers.some((status) => status.state.waiting && !status.lastState.terminated)) return 'Pending'
  if (containers.some((status) => !status.state.terminated)) return 'Running'
  const leaving = pod.metadata.deletionTimestamp !== undefined
  if (policy === 'Always' && !leaving) return 'Running'
  const failed = containers.some((status) => status.state.terminated?.exitCode !== 0)
  if (failed && policy === 'OnFailure' && !leaving) return 'Running'
  return failed ? 'Failed' : 'Succeeded'
}

function podConditions(pod: Pod, observed: PodObservation, phase: PodPhase): PodCondition[] {
  const unready = observed.containers.filter((status) => !status.ready).map((status) => status.name)
  const containersReady = unready.length === 0 && (phase === 'Running' || phase === 'Pending')
  const notReady: Pick<PodCondition, 'reason' | 'message'> =
    phase === 'Succeeded' || phase === 'Failed'
      ? { reason: phase === 'Succeeded' ? 'PodCompleted' : 'PodFailed' }
      : { reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` }
  const ready = (type: string): PodCondition =>
    containersReady ? { type, status: 'True' } : { type, status: 'False', ...notReady }
  const wanted: PodCondition[] = [
    { type: 'PodScheduled', status: 'True' },
    initialized(observed.initContainers)
      ? { type: 'Initialized', status: 'True' }
      : {
          type: 'Initialized',
          status: 'False',
          reason: 'ContainersNotInitialized',
          message:
            'containers with incomplete status: ' +
            `[${observed.initContainers
              .filter((s) => s.state.terminated?.exitCode !== 0)
              .map((s) => s.name)
              .join(' ')}]`,
        },
    ready('ContainersReady'),
    ready('Ready'),
  ]
  return mergeConditions(pod.status?.conditions ?? [], wanted, observed.now)
}

/** Puts `wanted` over `present` by type; the transition time moves only when a status does. */
export function mergeConditions(
  present: readonly PodCondition[],
  wanted: readonly PodCondition[],
  now: string,
): PodCondition[] {
  const stamped = wanted.map((condition) => {
    const before = present.find((candidate) => candidate.type === condition.type)
    const since = before?.status === condition.status ? before.lastTransitionTime : undefined
    return { ...condition, lastTransitionTime: since ?? now }
  })
  const others = present.filter((condition) => !wanted.some((candidate) => candidate.type === condition.type))
  return [...stamped, ...others]
}

/** A container whose turn has not come. */
export function waitingStatus(container: Container, reason: string): ContainerStatus {
  return {
    name: container.name,
    image: container.image ?? '',
    imageID: '',
    ready: false,
    started: false,
    restartCount: 0,
    state: { waiting: { reason } },
    lastState: {},
  }
}
