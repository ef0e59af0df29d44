import type { KubernetesObject } from '../cluster/objects.ts'
import { isServing, type Pod, resolvePort } from './pod.ts'

/** The part of core/v1 Service that the proxy reads and writes. */
export interface Service extends KubernetesObject {
  spec: {
    type?: string
    selector?: Record<string, string>
    ports?: ServicePort[]
  }
  status?: { loadBalancer?: LoadBalancerStatus }
}

export interface ServicePort {
  name?: string
  port: number
  targetPort?: number | string
  protocol?: string
  /** `http`: requests are proxied one by one (KEP-2433). */
  appProtocol?: string
}

export interface LoadBalancerStatus {
  ingress?: { ip: string; ports?: { port: number; protocol: string }[] }[]
}

/** One Pod as a place to send a connection to. */
export interface Backend {
  uid: string
  host: string
  port: number
}

/** Where connections to a port of a Service may go now: ready Pods of its selector that are not on their way out. */
export function readyBackends(service: Service, port: ServicePort, pods: readonly Pod[]): Backend[] {
  const selector = Object.entries(service.spec.selector ?? {})
  if (selector.length === 0) return []
  return pods.flatMap((pod) => {
    const { labels = {}, uid = '' } = pod.metadata
    const host = pod.status?.podIP
    const target = resolvePort(port.targetPort ?? port.port, pod.spec.containers)
    const chosen = isServing(pod) && selector.every(([key, value]) => labels[key] === value)
    return chosen && host !== undefined && target !== undefined ? [{ uid, host, port: target }] : []
  })
}

/** Chooses a backend for each connection, never one that this connection has tried. */
export interface Balancer {
  pick(backends: readonly Backend[], tried: ReadonlySet<string>): Backend | undefined
}

/** In turn, by uid, so that it goes on where it was when Pods come and go. */
export class RoundRobin implements Balancer {
  #last = ''

  pick(backends: readonly Backend[], tried: ReadonlySet<string>): Backend | undefined {
    const candidates = backends.filter(({ uid }) => !tried.has(uid)).sort((a, b) => (a.uid < b.uid ? -1 : 1))
    const chosen = candidates.find(({ uid }) => uid > this.#last) ?? candidates[0]
    if (chosen) this.#last = chosen.uid
    return chosen
  }
}
