import type { Client } from '../cluster/client.ts'
import { type Clock, type Random, sleep } from '../cluster/clock.ts'
import type { Informer } from '../cluster/informer.ts'
import type { Log } from '../cluster/log.ts'
import { SERVICE } from '../cluster/resources.ts'
import { type Destinations, HttpForwarder } from './http-forwarder.ts'
import { canBindLoopbackRange, LoopbackAddresses } from './loopback-addresses.ts'
import type { Pod } from './pod.ts'
import {
  type Backend,
  type LoadBalancerStatus,
  RoundRobin,
  readyBackends,
  type Service,
  type ServicePort,
} from './service-backends.ts'
import { ServiceListener } from './service-listener.ts'
import { StatusWriter } from './status-writer.ts'
import { groupsOf, parseTrafficSplit, TRAFFIC_ANNOTATION } from './traffic-split.ts'

export interface ServiceProxyOptions {
  client: Pick<Client, 'mergePatch'>
  clock: Clock
  log: Log
  /** Divides requests by weight. */
  random?: Random
  /** Started and stopped by their owner. */
  services: Informer<Service>
  pods: Informer<Pod>
}

/** Where a Service answers on this machine. */
export interface ServiceAddress {
  host: string
  /** `port` is what is listened on: the Service's own port, unless that could not be had. */
  ports: { name: string | undefined; servicePort: number; port: number }[]
}

interface ProxiedPort {
  servicePort: ServicePort
  listener: ServiceListener | HttpForwarder
  port: number
}

interface ProxiedService {
  service: Service
  host: string
  ports: Map<number, ProxiedPort>
  writer: StatusWriter<{ loadBalancer: LoadBalancerStatus }>
  /** Changes of one Service are carried out one after the other. */
  work: Promise<void>
}

/** Longer than a connection on the loopback takes from being chosen to being accepted. */
const SETTLE_MILLISECONDS = 50
const DRAIN_MILLISECONDS = 10_000

/**
 * Makes Services with a selector reachable on a loopback address of their own, each on its own ports, and says in
 * status.loadBalancer.ingress where. (A real API server takes that for type LoadBalancer only; serviceAddress always
 * knows.) Requests to a port whose appProtocol is http are divided one by one, by the weights of traffic-split.ts;
 * other connections go to a Pod as a whole. Where a system binds 127.0.0.1 only, all share it and get free ports.
 */
export class ServiceProxy {
  readonly #options: ServiceProxyOptions
  readonly #addresses = new LoopbackAddresses('services')
  readonly #proxied = new Map<string, ProxiedService>()
  readonly #draining = new Set<string>()
  #disconnects: (() => void)[] = []
  #ownAddresses = true

  constructor(options: ServiceProxyOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    this.#ownAddresses = await canBindLoopbackRange()
    const { services, pods } = this.#options
    this.#disconnects = [
      services.addHandler({
        added: (service) => this.#sync(service),
        updated: (_, service) => this.#sync(service),
        deleted: (service) => this.#remove(service),
      }),
      pods.addHandler({ deleted: (pod) => this.#draining.delete(pod.metadata.uid ?? '') }),
    ]
  }

  /** Ends all connections. */
  async stop(): Promise<void> {
    for (const disconnect of this.#disconnects.splice(0)) disconnect()
    const all = [...this.#proxied.values()]
    this.#proxied.clear()
    await Promise.all(
      all.map(async (proxied) => {
        proxied.writer.close()
        await proxied.work
        for (const { listener } of proxied.ports.values()) listener.destroy()
      }),
    )
  }

  /** undefined for a Service that is not proxied, or not listening yet. */
  serviceAddress(namespace: string, name: string): ServiceAddress | undefined {
    const { services } = this.#options
    const uid = services.get({ namespace, name })?.metadata.uid ?? ''
    const proxied = this.#proxied.get(uid)
    if (!proxied || proxied.ports.size === 0) return undefined
    const ports = [...proxied.ports.values()].map(({ servicePort, port }) => ({
      name: servicePort.name,
      servicePort: servicePort.port,
      port,
    }))
    return { host: proxied.host, ports }
  }

  /**
   * Sends the Pod no new connection from now on, and resolves when those it was just chosen for have arrived, and its HTTP
   * requests are answered, for ten seconds at most. Given to the node as `beforeStop`: the API tells of a deletion too late
   * for that.
   */
  async drain(pod: Pod): Promise<void> {
    const { uid = '' } = pod.metadata
    const { clock } = this.#options
    this.#draining.add(uid)
    if (this.#proxied.size === 0) return
    await sleep(clock, SETTLE_MILLISECONDS)
    const listeners = [...this.#proxied.values()].flatMap(({ ports }) => [...ports.values()])
    const idle = listeners.map(({ listener }) =>
      listener instanceof HttpForwarder ? listener.whenIdle(uid) : undefined,
    )
    const over = new AbortController()
    await Promise.race([Promise.all(idle), sleep(clock, DRAIN_MILLISECONDS, over.signal)])
    over.abort()
  }

  #sync(service: Service): void {
    const { uid = '', namespace = '', name } = service.metadata
    if (!isProxied(service)) {
      this.#remove(service)
      return
    }
    const proxied = this.#proxied.get(uid) ?? {
      service,
      host: this.#ownAddresses ? this.#addresses.allocate(uid) : '127.0.0.1',
      ports: new Map(),
      writer: new StatusWriter(this.#options, SERVICE, { namespace, name, uid }, published(service)),
      work: Promise.resolve(),
    }
    proxied.service = service
    this.#proxied.set(uid, proxied)
    this.#then(proxied, () => this.#listen(proxied))
  }

  #remove(service: Service): void {
    const uid = service.metadata.uid ?? ''
    const proxied = this.#proxied.get(uid)
    if (!proxied) return
    this.#proxied.delete(uid)
    this.#addresses.release(uid)
    proxied.writer.close()
    this.#then(proxied, async () => {
      for (const { listener } of proxied.ports.values()) listener.close()
    })
  }

  #then(proxied: ProxiedService, work: () => Promise<void>): void {
    proxied.work = proxied.work.then(work).catch((error) => {
      this.#options.log.error({ err: error, service: proxied.service.metadata.name }, 'Service is not reachable')
    })
  }

  async #listen(proxied: ProxiedService): Promise<void> {
    const wanted = (proxied.service.spec.ports ?? []).filter(isTcp)
    for (const [number, { listener }] of proxied.ports) {
      if (
        wanted.some(
          ({ port, appProtocol }) => port === number && isHttp(appProtocol) === listener instanceof HttpForwarder,
        )
      )
        continue
      proxied.ports.delete(number)
      listener.close()
    }
    for (const servicePort of wanted) {
      const present = proxied.ports.get(servicePort.port)
      if (present) present.servicePort = servicePort
      else await this.#open(proxied, servicePort)
    }
    const ports = [...proxied.ports.values()].map(({ port }) => ({ port, protocol: 'TCP' }))
    proxied.writer.write({ loadBalancer: { ingress: [{ ip: proxied.host, ports }] } })
  }

  async #open(proxied: ProxiedService, servicePort: ServicePort): Promise<void> {
    const { log, random = Math.random } = this.#options
    const where = { host: proxied.host, port: this.#ownAddresses ? servicePort.port : 0, log }
    const backends = () => this.#backends(proxied, servicePort)
    const listener = isHttp(servicePort.appProtocol)
      ? new HttpForwarder({ ...where, random, destinations: () => this.#destinations(proxied, servicePort) })
      : new ServiceListener({ ...where, balancer: new RoundRobin(), backends })
    proxied.ports.set(servicePort.port, { servicePort, listener, port: await listener.listen() })
  }

  #backends(proxied: ProxiedService, opened: ServicePort): Backend[] {
    const { namespace } = proxied.service.metadata
    const current = proxied.ports.get(opened.port)?.servicePort ?? opened
    const usable = this.#options.pods.list(namespace).filter((pod) => !this.#draining.has(pod.metadata.uid ?? ''))
    return readyBackends(proxied.service, current, usable)
  }

  #destinations(proxied: ProxiedService, opened: ServicePort): Destinations {
    const { annotations, namespace } = proxied.service.metadata
    const split = parseTrafficSplit(annotations?.[TRAFFIC_ANNOTATION])
    const backends = this.#backends(proxied, opened)
    if (!split) return { backends, groups: new Map() }
    return { backends, split, groups: groupsOf(this.#options.pods.list(namespace), split.label) }
  }
}

/** As Kubernetes names it, or as a name of IANA. */
const isHttp = (appProtocol: string | undefined): boolean =>
  appProtocol === 'http' || appProtocol === 'kubernetes.io/http'

function isProxied({ metadata, spec }: Service): boolean {
  const selects = Object.keys(spec.selector ?? {}).length > 0
  return selects && spec.type !== 'ExternalName' && metadata.deletionTimestamp === undefined
}

function isTcp(port: ServicePort): boolean {
  return port.protocol === undefined || port.protocol === 'TCP'
}

function published(service: Service): { loadBalancer: LoadBalancerStatus } | undefined {
  return service.status?.loadBalancer && { loadBalancer: service.status.loadBalancer }
}
