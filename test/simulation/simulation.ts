import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { resourceOf } from '../../crds/kind.ts'
import { kinds } from '../../crds/kinds.ts'
import { installDefinitions } from '../../operator/cli/crds.ts'
import { type Client, createClient, type Transport } from '../../operator/cluster/client.ts'
import { ifThere } from '../../operator/cluster/errors.ts'
import type { KubernetesObject } from '../../operator/cluster/objects.ts'
import { OperatorMetrics } from '../../operator/control/metrics.ts'
import { createEmbeddedServer } from '../../operator/embedded/server.ts'
import { Operator } from '../../operator/main.ts'
import type { Pod } from '../../operator/reconcilers/pod-template.ts'
import { openFileStore } from '../../workers/artifacts/file-store.ts'
import type { ArtifactStore } from '../../workers/artifacts/store.ts'
import { FakeClock, seededRandom } from '../support/fake-clock.ts'
import { fakeLog } from '../support/fake-log.ts'
import { runPods } from './fake-kubelet.ts'
import { FakeQueue } from './fake-queue.ts'
import { FakeServing } from './fake-serving.ts'
import { FakeWorkers, workerEngine } from './fake-workers.ts'
import { type Faults, FaultyPorts, type Life, noFaults } from './faulty-ports.ts'

export interface SimulationOptions {
  faults?: Faults
  seed?: number
  /** Engine that the operator assumes before a worker told its own. */
  defaultEngine?: string
  /** Deployments have Pods whose metrics can be read, and a proxy that divides requests. */
  serves?: boolean
}

export const namespace = 'default'

/**
 * The whole operator on an API server, queues, a store and a node that live in one process, on a clock that the test
 * moves. An operator that has crashed is replaced within a second.
 */
export class Simulation {
  readonly clock: FakeClock
  readonly queue: FakeQueue
  readonly store: ArtifactStore
  readonly workers: FakeWorkers
  readonly serving: FakeServing
  /** A user's. */
  readonly client: Client
  /** Every write of the operator, whoever of them made it. */
  readonly writes: string[] = []
  readonly log = fakeLog()
  crashes = 0
  faults: Faults
  /** The operator does not reach the store; workers do. */
  isStoreAway = false
  readonly #options: SimulationOptions
  #server
  readonly #directory: string
  /** Calls that are under way outside of the clock: while there are any, time stands still. */
  #underWay = 0
  #whenNoneIsUnderWay = Promise.withResolvers<void>()
  /** Requests that were no reads. */
  #changes = 0
  #lookedAt: { changes: number; pods: Pod[] } | undefined
  #operator: { operator: Operator; life: Life } | undefined
  #ids = 0
  #isOver = false

  private constructor(options: SimulationOptions, directory: string) {
    this.#options = options
    this.#directory = directory
    this.faults = options.faults ?? noFaults
    this.clock = new FakeClock('2026-01-01T00:00:00Z', () => this.#settle())
    this.#server = createEmbeddedServer({ clock: this.clock })
    this.queue = new FakeQueue(this.clock)
    this.store = this.#trackStore(openFileStore(directory), () => undefined)
    this.workers = new FakeWorkers({ queue: this.queue, store: this.store, clock: this.clock })
    this.serving = new FakeServing(this.clock)
    this.client = createClient({ transport: this.#transport, fieldManager: 'user', userAgent: 'user' })
  }

  static async start(options: SimulationOptions = {}): Promise<Simulation> {
    const simulation = new Simulation(options, await mkdtemp(join(tmpdir(), 'adloom-simulation-')))
    await installDefinitions(simulation.client)
    simulation.#startOperator()
    simulation.#tick()
    return simulation
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await this.#stopOperator()
    await this.#server.stop()
    await rm(this.#directory, { recursive: true, force: true })
  }

  /** Everything but the store is lost: another API server, with nothing in it, and another operator. */
  async loseCluster(): Promise<void> {
    await this.#stopOperator()
    await this.#server.stop()
    this.queue.wipe()
    this.#server = createEmbeddedServer({ clock: this.clock })
    await installDefinitions(this.client)
    this.#startOperator()
  }

  /** A crash, then a new operator. */
  async restartOperator(): Promise<void> {
    if (this.#operator) this.#operator.life.isOver = true
    await this.#replaceOperator()
  }

  async pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      await this.clock.advance(1000)
      if (this.#operator?.life.isOver) await this.#replaceOperator()
    }
  }

  /** Lets time pass until it is so. */
  async until(what: string, isSo: () => Promise<boolean>, limitSeconds = 900): Promise<void> {
    for (let second = 0; second < limitSeconds; second++) {
      if (await isSo()) return
      await this.pass(1)
    }
    throw new Error(`waited ${limitSeconds} s in vain until ${what}`)
  }

  async apply(...objects: KubernetesObject[]): Promise<void> {
    for (const object of objects) await this.client.apply(resourceNamed(object.kind), object, { force: true })
  }

  async find<T extends KubernetesObject>(kind: string, name: string): Promise<T | undefined> {
    return ifThere(this.client.get<T>(resourceNamed(kind), { namespace, name }))
  }

  #startOperator(): void {
    const life = { isOver: false }
    const store = this.#trackStore(this.store, () => {
      if (this.isStoreAway) throw new Error('EIO: the store is away')
    })
    const inner = { transport: this.#transport, queue: this.queue, store }
    const ports = new FaultyPorts(inner, () => this.faults, life, this.writes)
    const operator = new Operator({
      client: createClient({
        transport: ports.transport,
        fieldManager: 'adloom-operator',
        userAgent: 'adloom',
      }),
      queue: ports.queue,
      store: ports.store,
      clock: this.clock,
      random: seededRandom((this.#options.seed ?? 1) + this.crashes),
      log: this.log,
      metrics: new OperatorMetrics({ processMetrics: false }),
      instance: `operator-${this.crashes}`,
      newId: () => `event${++this.#ids}`,
      pods: { image: 'adloom:simulated', storeUri: 'file:///store', environment: [] },
      defaultEngine: this.#options.defaultEngine ?? workerEngine,
      ...(this.#options.serves
        ? { weightedServices: true, readMetrics: (url: string) => this.#track(() => this.serving.metrics(url)) }
        : {}),
    })
    operator.start()
    this.#operator = { operator, life }
  }

  async #stopOperator(): Promise<void> {
    const stopping = this.#operator?.operator.stop()
    this.#operator = undefined
    await stopping
  }

  async #replaceOperator(): Promise<void> {
    this.crashes++
    await this.#stopOperator()
    this.#startOperator()
  }

  /** Once a second Pods get ready and workers do a step. */
  #tick(): void {
    this.clock.after(1000, () => {
      if (this.#isOver) return
      const { serves = false } = this.#options
      void this.#track(async () => {
        await this.workers.work(await this.#runPods(serves))
        if (serves) await this.serving.run(this.client)
      })
      this.#tick()
    })
  }

  /** A look at what nobody has changed would see the same. */
  async #runPods(serves: boolean): Promise<Pod[]> {
    const changes = this.#changes
    if (this.#lookedAt?.changes !== changes) this.#lookedAt = { changes, pods: await runPods(this.client, serves) }
    return this.#lookedAt.pods
  }

  readonly #transport: Transport = (request) => {
    if (request.method !== 'GET') this.#changes++
    return this.#track(() => this.#server.handle(request))
  }

  async #track<T>(call: () => Promise<T>): Promise<T> {
    this.#underWay++
    try {
      return await call()
    } finally {
      if (--this.#underWay === 0) {
        this.#whenNoneIsUnderWay.resolve()
        this.#whenNoneIsUnderWay = Promise.withResolvers()
      }
    }
  }

  #trackStore(store: ArtifactStore, check: () => void): ArtifactStore {
    const ask = <T>(call: () => Promise<T>) =>
      this.#track(async () => {
        check()
        return call()
      })
    return {
      ...store,
      stat: (digest) => ask(() => store.stat(digest)),
      findByInput: (...input) => ask(() => store.findByInput(...input)),
      recordInput: (...entry) => ask(() => store.recordInput(...entry)),
      publish: (...request) => ask(() => store.publish(...request)),
      quarantine: (digest) => ask(() => store.quarantine(digest)),
      collectGarbage: (request) => ask(() => store.collectGarbage(request)),
      ledger: {
        namespaces: () => ask(() => store.ledger.namespaces()),
        append: (...entry) => ask(() => store.ledger.append(...entry)),
        read: (of) => ask(() => store.ledger.read(of)),
      },
    }
  }

  /** Until nothing has been under way for some turns of the event loop: what streams carry takes a few. */
  async #settle(): Promise<void> {
    for (let calm = 0; calm < calmTurns; ) {
      await new Promise((resolve) => setImmediate(resolve))
      const isCalm = this.#underWay === 0
      // Files are waited for here, not asked for turn after turn: that took a tenth of the CPU time.
      if (!isCalm) await this.#whenNoneIsUnderWay.promise
      calm = isCalm ? calm + 1 : 0
    }
  }
}

const calmTurns = 4
const resources = new Map(kinds.map((kind) => [kind.kind, resourceOf(kind)]))

export function resourceNamed(kind: string) {
  const resource = resources.get(kind)
  if (!resource) throw new Error(`${kind} is no kind of ours`)
  return resource
}
