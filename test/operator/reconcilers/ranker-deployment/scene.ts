import { resourceOf } from '../../../../crds/kind.ts'
import { type RankerDeployment, rankerDeployment } from '../../../../crds/kinds/ranker-deployment.ts'
import type { Client } from '../../../../operator/cluster/client.ts'
import { ifThere } from '../../../../operator/cluster/errors.ts'
import type { KubernetesObject, ObjectKey, Resource } from '../../../../operator/cluster/objects.ts'
import { DEPLOYMENT, SERVICE } from '../../../../operator/cluster/resources.ts'
import type { EventRecorder } from '../../../../operator/control/events.ts'
import type { Deployment, Service } from '../../../../operator/reconcilers/ranker-deployment/children.ts'
import { createRankerDeploymentReconciler } from '../../../../operator/reconcilers/ranker-deployment/reconcile.ts'
import type { ArtifactStore } from '../../../../workers/artifacts/store.ts'
import { FakeClock } from '../../../support/fake-clock.ts'
import { fakeLog } from '../../../support/fake-log.ts'
import { lookupIn } from '../support.ts'

const RANKER_DEPLOYMENT = resourceOf(rankerDeployment)

/** More looks than any change needs. */
const maxLooks = 12

/**
 * A ranker on an API server, its reconciler run by hand. No node is there: all Pods that a Deployment asks for are taken
 * for available.
 */
export class RankerScene {
  readonly clock = new FakeClock()
  readonly writes: string[] = []
  readonly #client: Client
  readonly #key: { namespace: string; name: string }
  readonly #known = new Map<string, KubernetesObject>()
  readonly #reconcile

  /** @param client of the operator */
  constructor(client: Client, key: { namespace: string; name: string }) {
    this.#client = this.#noting(client)
    this.#key = key
    const find = (resource: Resource) => (one: ObjectKey) => this.#known.get(`${resource.kind} ${one.name}`)
    this.#reconcile = createRankerDeploymentReconciler({
      get: find(RANKER_DEPLOYMENT) as () => RankerDeployment | undefined,
      deployment: find(DEPLOYMENT) as (key: ObjectKey) => Deployment | undefined,
      service: find(SERVICE) as (key: ObjectKey) => Service | undefined,
      pods: () => [],
      lookup: lookupIn([]),
      wake: () => undefined,
      store: { stat: async () => ({}) } as unknown as ArtifactStore,
      events: { record: () => undefined } as unknown as EventRecorder,
      clock: this.clock,
      podSettings: { image: 'adloom:1', storeUri: 'file:///store', environment: [] },
      hasWeightedServices: false,
    })
  }

  async create(spec: object): Promise<void> {
    const metadata = { ...this.#key }
    const ranker = { apiVersion: 'adloom.dev/v1alpha1', kind: 'RankerDeployment', metadata, spec }
    await this.#client.create(RANKER_DEPLOYMENT, ranker)
    await this.settle()
  }

  async change(patch: object): Promise<void> {
    await this.#client.mergePatch(RANKER_DEPLOYMENT, this.#key, patch)
    await this.settle()
  }

  /** Looks until there is nothing to write. */
  async settle(): Promise<void> {
    for (let look = 0; look < maxLooks; look++) {
      const before = this.writes.length
      await this.#look()
      await this.clock.advance(2000)
      await this.#reconcile(this.#key, { client: this.#client, log: fakeLog(), signal: new AbortController().signal })
      if (this.writes.length === before) return
    }
    throw new Error(`still writes after ${maxLooks} looks: ${this.writes.slice(-4).join(', ')}`)
  }

  async status(): Promise<Partial<NonNullable<RankerDeployment['status']>>> {
    return (await this.#client.get<RankerDeployment>(RANKER_DEPLOYMENT, this.#key)).status ?? {}
  }

  /** A child by the end of its name; undefined where there is none. */
  async child<T extends KubernetesObject>(resource: Resource, suffix = ''): Promise<T | undefined> {
    const { namespace, name } = this.#key
    return ifThere(this.#client.get<T>(resource, { namespace, name: `${name}${suffix}` }))
  }

  async #look(): Promise<void> {
    this.#known.clear()
    for (const resource of [RANKER_DEPLOYMENT, DEPLOYMENT, SERVICE]) {
      const { items } = await this.#client.list(resource, { namespace: this.#key.namespace })
      for (const item of items)
        this.#known.set(
          `${resource.kind} ${item.metadata.name}`,
          resource === DEPLOYMENT ? available(item as Deployment) : item,
        )
    }
  }

  #noting(client: Client): Client {
    const note = (verb: string, { kind }: Resource, key: ObjectKey) => this.writes.push(`${verb} ${kind} ${key.name}`)
    return {
      ...client,
      apply: (resource, object, options) => {
        note('apply', resource, object.metadata)
        return client.apply(resource, object, options)
      },
      delete: (resource, key, options) => {
        note('delete', resource, key)
        return client.delete(resource, key, options)
      },
    }
  }
}

function available(deployment: Deployment): Deployment {
  const { replicas = 1 } = deployment.spec
  const counts = {
    replicas,
    updatedReplicas: replicas,
    readyReplicas: replicas,
    availableReplicas: replicas,
  }
  const { generation = 0 } = deployment.metadata
  return { ...deployment, status: { observedGeneration: generation, ...counts, conditions: [] } }
}
