import type { Container, Pod } from './pod.ts'

/** Why a Pod cannot run here, as its PodScheduled condition says it. */
export interface Unschedulable {
  reason: 'Unschedulable'
  message: string
}

/** cpu, memory and the like are recorded and not enforced: processes share the machine. */
const NATIVE_RESOURCES = /^(cpu|memory|ephemeral-storage|pods|hugepages-.+)$/

/**
 * What the node lacks of what a Pod asks for. nodeSelector, affinity and tolerations are not evaluated; of requests only
 * the extended resources (such as nvidia.com/gpu) are counted. `others` are the Pods that run here already.
 */
export function admission(
  pod: Pod,
  others: readonly Pod[],
  extendedResources: Record<string, number>,
): Unschedulable | undefined {
  for (const [resource, wanted] of Object.entries(extendedRequests(pod))) {
    const capacity = extendedResources[resource] ?? 0
    const used = others.reduce((sum, other) => sum + (extendedRequests(other)[resource] ?? 0), 0)
    if (wanted <= capacity - used) continue
    const message =
      capacity === 0
        ? `the local node has no ${resource}; leave the request out, or use a node that has it`
        : `Insufficient ${resource}: ${wanted} wanted, ${capacity - used} of ${capacity} free`
    return { reason: 'Unschedulable', message }
  }
  return undefined
}

/** Where all Pods share 127.0.0.1, a port can be listened on once: a Pod that wants a taken one waits. */
export function portConflict(pod: Pod, others: readonly Pod[]): Unschedulable | undefined {
  for (const port of ports(pod)) {
    const holder = others.find((other) => ports(other).includes(port))
    if (!holder) continue
    return {
      reason: 'Unschedulable',
      message:
        `port ${port} of 127.0.0.1 belongs to Pod ${holder.metadata.name}, and this system offers no further loopback ` +
        'addresses; use another containerPort or fewer replicas (Linux has no such limit)',
    }
  }
  return undefined
}

function ports(pod: Pod): number[] {
  return pod.spec.containers.flatMap((container) => (container.ports ?? []).map((port) => port.containerPort))
}

/** As the scheduler counts: the sum over containers, or the largest init container if that is more. */
function extendedRequests(pod: Pod): Record<string, number> {
  const total: Record<string, number> = {}
  for (const container of pod.spec.containers) {
    for (const [resource, amount] of extended(container)) total[resource] = (total[resource] ?? 0) + amount
  }
  for (const container of pod.spec.initContainers ?? []) {
    for (const [resource, amount] of extended(container)) total[resource] = Math.max(total[resource] ?? 0, amount)
  }
  return total
}

function extended(container: Container): [string, number][] {
  const amounts = { ...container.resources?.limits, ...container.resources?.requests }
  return Object.entries(amounts)
    .filter(([resource]) => !NATIVE_RESOURCES.test(resource))
    .map(([resource, amount]) => [resource, Number(amount)])
}
