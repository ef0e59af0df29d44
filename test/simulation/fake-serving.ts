import type { Client } from '../../operator/cluster/client.ts'
import type { Clock } from '../../operator/cluster/clock.ts'
import { DEPLOYMENT, keyOf, POD } from '../../operator/cluster/resources.ts'
import type { Pod } from '../../operator/reconcilers/pod-template.ts'
import { type Deployment, modelAnnotation } from '../../operator/reconcilers/ranker-deployment/children.ts'
import { digestOf } from '../../workers/artifacts/digest.ts'

/** How a model behaves once it serves. */
export interface Behaviour {
  /** Share of answers 500. */
  errorRate: number
  /** Share of impressions that are clicked; every answer is shown once. */
  clickThroughRate?: number
  /** Its Pods never get ready. */
  isBroken?: boolean
}

interface ServingPod {
  model: string
  requests: number
  errors: number
  clicks: number
  /** Up to when they are counted, in milliseconds. */
  countedAt: number
}

const requestsPerSecond = 100

/** Pods of Deployments as a controller manager and a node would run them, and the metrics that they would serve. */
export class FakeServing {
  readonly models = new Map<string, Behaviour>()
  readonly #clock: Clock
  readonly #pods = new Map<string, ServingPod>()
  #addresses = 0
  /** Fewest Pods that answered at any look, since somebody set it. */
  fewest = Number.POSITIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** What a Pod of this address answers at /metrics. */
  readonly metrics = async (url: string): Promise<string> => {
    const pod = this.#pods.get(new URL(url).hostname)
    if (!pod) throw new Error('nothing answers there')
    this.#count(pod)
    const { requests, errors, clicks } = pod
    return [
      `adloom_rank_requests_total{code="200"} ${Math.floor(requests - errors)}`,
      `adloom_rank_requests_total{code="500"} ${Math.floor(errors)}`,
      `adloom_events_total{type="impression"} ${Math.floor(requests - errors)}`,
      `adloom_events_total{type="click"} ${Math.floor(clicks)}`,
      '',
    ].join('\n')
  }

  /** Counters only grow, also where a model behaves otherwise from now on. */
  #count(pod: ServingPod): void {
    const { errorRate = 0, clickThroughRate = 0.1 } = this.models.get(pod.model) ?? {}
    const now = this.#clock.now()
    const requests = ((now - pod.countedAt) / 1000) * requestsPerSecond
    pod.requests += requests
    pod.errors += requests * errorRate
    pod.clicks += requests * (1 - errorRate) * clickThroughRate
    pod.countedAt = now
  }

  /** One look: a Pod more of each Deployment that lacks some, and one less of each that has too many. */
  async run(client: Client): Promise<void> {
    const [pods, deployments] = await Promise.all([client.list<Pod>(POD), client.list<Deployment>(DEPLOYMENT)])
    const served = pods.items.filter(({ metadata }) => metadata.annotations?.[modelAnnotation] !== undefined)
    for (const pod of served) await this.#getReady(client, pod)
    for (const deployment of deployments.items) await this.#roll(client, deployment, served)
    this.fewest = Math.min(this.fewest, served.filter(isReady).length)
  }

  async #getReady(client: Client, pod: Pod): Promise<void> {
    const model = pod.metadata.annotations?.[modelAnnotation] ?? ''
    if (isReady(pod) || this.models.get(model)?.isBroken) return
    const podIP = `10.0.0.${++this.#addresses}`
    const status = { phase: 'Running', podIP, conditions: [{ type: 'Ready', status: 'True' }] }
    await client.mergePatch(POD, keyOf(pod), { status }, { subresource: 'status' })
    this.#pods.set(podIP, { model, requests: 0, errors: 0, clicks: 0, countedAt: this.#clock.now() })
  }

  async #roll(client: Client, deployment: Deployment, pods: readonly Pod[]): Promise<void> {
    const { uid = '', name, namespace = '', generation = 0 } = deployment.metadata
    const { template, replicas = 1 } = deployment.spec
    const hash = digestOf(template as Parameters<typeof digestOf>[0]).slice(7, 13)
    const own = pods.filter(({ metadata }) => metadata.ownerReferences?.some((owner) => owner.uid === uid))
    const current = own.filter(({ metadata }) => metadata.labels?.hash === hash)
    const old = own.filter((pod) => !current.includes(pod))
    if (current.length < replicas) {
      const taken = new Set(current.map(({ metadata }) => metadata.name))
      const free = Array.from({ length: replicas }, (_, place) => `${name}-${hash}-${place}`).find(
        (one) => !taken.has(one),
      )
      const { labels, annotations } = template.metadata as {
        labels?: Record<string, string>
        annotations?: Record<string, string>
      }
      const metadata = {
        name: free ?? '',
        namespace,
        labels: { ...labels, hash },
        ...(annotations ? { annotations } : {}),
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name, uid, controller: true }],
      }
      const spec = { containers: [{ name: 'ranker', image: 'adloom' }] }
      await client.create(POD, { apiVersion: 'v1', kind: 'Pod', metadata, spec } as Pod)
    }
    const ready = own.filter(isReady)
    const surplus = [
      ...old.filter((pod) => !isReady(pod)),
      ...(ready.length > replicas ? [...old, ...current.slice(replicas)] : []),
    ]
    const [gone] = surplus
    if (gone) await client.delete(POD, keyOf(gone))
    const status = {
      observedGeneration: generation,
      replicas: own.length,
      updatedReplicas: current.length,
      readyReplicas: ready.length,
      availableReplicas: ready.length,
    }
    if (JSON.stringify(status) !== JSON.stringify(deployment.status))
      await client.mergePatch(DEPLOYMENT, keyOf(deployment), { status }, { subresource: 'status' })
  }
}

const isReady = ({ status }: Pod): boolean => status?.conditions?.some(({ type }) => type === 'Ready') ?? false
