import { queueName } from '../crds/jobs.ts'
import { resourceOf } from '../crds/kind.ts'
import { type RankerDeployment, rankerDeployment } from '../crds/kinds/ranker-deployment.ts'
import { type RankerPipeline, rankerPipeline } from '../crds/kinds/ranker-pipeline.ts'
import { type WorkerPool, workerPool } from '../crds/kinds/worker-pool.ts'
import type { ArtifactStore } from '../workers/artifacts/store.ts'
import type { Client } from './cluster/client.ts'
import type { Clock, Random } from './cluster/clock.ts'
import { Informer } from './cluster/informer.ts'
import type { Log } from './cluster/log.ts'
import type { KubernetesObject, Resource } from './cluster/objects.ts'
import { DEPLOYMENT, formatKey, keyOf, POD, SERVICE } from './cluster/resources.ts'
import { Controller, type Reconcile } from './control/controller.ts'
import { EventRecorder } from './control/events.ts'
import type { OperatorMetrics } from './control/metrics.ts'
import { mapped, owned, primary, type Trigger } from './control/triggers.ts'
import type { JobQueue } from './queue/job-queue.ts'
import { ArtifactCollector } from './reconcilers/artifact-collector.ts'
import { datasetRun } from './reconcilers/dataset.ts'
import { evaluationRun } from './reconcilers/evaluation.ts'
import { fieldManager, labels } from './reconcilers/names.ts'
import { type Pod, type PodSettings, podProblem } from './reconcilers/pod-template.ts'
import type { Deployment, Service } from './reconcilers/ranker-deployment/children.ts'
import { createRankerDeploymentReconciler } from './reconcilers/ranker-deployment/reconcile.ts'
import { PipelineMetrics } from './reconcilers/ranker-pipeline/metrics.ts'
import { childKinds } from './reconcilers/ranker-pipeline/observation.ts'
import { createPipelineReconciler } from './reconcilers/ranker-pipeline/reconcile.ts'
import { followedPipelines, followersChanged, pipelineIndex } from './reconcilers/ranker-pipeline/wiring.ts'
import { createRunReconciler } from './reconcilers/run/reconcile.ts'
import type { Lookup, RunKind, RunObject } from './reconcilers/run/run-kind.ts'
import { tokenizerBuildRun } from './reconcilers/tokenizer-build.ts'
import { trainingRunRun } from './reconcilers/training-run.ts'
import { createWorkerPoolReconciler } from './reconcilers/worker-pool/reconcile.ts'
import { type ReadText, Scraper } from './rollout/scraper.ts'

export interface OperatorOptions {
  client: Client
  queue: JobQueue
  store: ArtifactStore
  clock: Clock
  random: Random
  log: Log
  metrics: OperatorMetrics
  /** This process, in events. */
  instance: string
  newId(): string
  /** Only objects of this namespace; all where absent. */
  namespace?: string
  pods: PodSettings
  defaultEngine: string
  /** Reads metrics of Pods and asks Prometheus; absent: an analysis cannot measure, and says so. */
  readMetrics?: ReadText
  /** Something proxies Services by the annotation adloom.dev/traffic, as the local node does. */
  weightedServices?: boolean
  resyncMs?: number
  collectPeriodMs?: number
  artifactRetentionMs?: number
}

const runKinds = [datasetRun, tokenizerBuildRun, trainingRunRun, evaluationRun] as unknown as readonly RunKind[]
/** A reconcile mostly waits for answers to three writes in a row: so many at a time for a hundred runs a second. */
const runWorkers = 16
const dependencyIndex = 'dependency'
const uidIndex = 'uid'
const rankerIndex = 'ranker'

/** Wires the reconcilers of one operator process to the API, the queue and the store. */
export class Operator {
  readonly #options: OperatorOptions
  readonly #informers = new Map<string, Informer<KubernetesObject>>()
  readonly #controllers = new Map<string, Controller>()
  readonly #events: EventRecorder
  readonly #collector: ArtifactCollector
  readonly #scraper: Scraper | undefined
  #forget: (() => void) | undefined

  constructor(options: OperatorOptions) {
    const { client, clock, log } = options
    this.#options = options
    const { readMetrics } = options
    this.#scraper =
      readMetrics &&
      new Scraper({ read: readMetrics, clock, log, wake: (key) => this.#wake(rankerDeployment.kind, key) })
    this.#events = new EventRecorder({
      client,
      clock,
      log,
      reportingController: `adloom.dev/${fieldManager}`,
      reportingInstance: options.instance,
      newId: options.newId,
    })
    this.#collector = new ArtifactCollector({
      store: options.store,
      clock,
      log,
      periodMs: options.collectPeriodMs ?? 3_600_000,
      retentionMs: options.artifactRetentionMs ?? 7 * 86_400_000,
      referrers: () => this.#referrers(),
    })
    for (const kind of runKinds) this.#inform(resourceOf(kind.definition), runIndexes(kind))
    this.#inform(resourceOf(workerPool))
    this.#inform<RankerDeployment>(resourceOf(rankerDeployment), {
      [dependencyIndex]: (object) => rankerDependencies(object).map((name) => scoped(object, name)),
      [pipelineIndex]: (object) => followedPipelines(object).map(formatKey),
    })
    this.#inform<RankerPipeline>(resourceOf(rankerPipeline), {
      [dependencyIndex]: ({ metadata, spec }) => [`${metadata.namespace}/Dataset/${spec.datasetRef.name}`],
    })
    // Only children of ours: a cluster's other Pods are none of our business, nor our memory's.
    const ours = `${labels.managedBy}=${fieldManager}`
    this.#inform(POD, { [rankerIndex]: (pod) => [scoped(pod, pod.metadata.labels?.[labels.ranker] ?? '')] }, ours)
    this.#inform(DEPLOYMENT, {}, ours)
    this.#inform(SERVICE, {}, ours)
    for (const kind of runKinds) this.#controlRuns(kind)
    this.#controlPools()
    this.#controlRankers()
    this.#controlPipelines()
  }

  start(): void {
    for (const informer of this.#informers.values()) informer.start()
    for (const controller of this.#controllers.values()) controller.start()
    this.#forget = this.#options.queue.onChange((queue, id) => this.#queueChanged(queue, id))
    this.#collector.start()
  }

  /** What it still waits for before it works; empty when it does. */
  waitsFor(): string[] {
    return [...this.#informers.values()]
      .filter((informer) => !informer.hasSynced())
      .map((informer) => `the first list of ${informer.resource.plural}`)
  }

  async stop(): Promise<void> {
    this.#forget?.()
    this.#scraper?.stop()
    await this.#collector.stop()
    await Promise.all([...this.#controllers.values()].map((controller) => controller.stop()))
    await Promise.all([...this.#informers.values()].map((informer) => informer.stop()))
    await this.#events.stop()
  }

  #inform<T extends KubernetesObject>(
    resource: Resource,
    indexes: Record<string, (object: T) => readonly string[]> = {},
    labelSelector?: string,
  ): void {
    const { client, clock, random, log, namespace, resyncMs = 300_000, metrics } = this.#options
    const informer = new Informer<T>({
      client,
      resource,
      clock,
      random,
      log,
      indexes,
      resyncMs,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
    })
    metrics.watchInformer(informer)
    this.#informers.set(resource.kind, informer as unknown as Informer<KubernetesObject>)
  }

  /** The informer of a kind that the constructor made; its objects have the shape of the kind. */
  #informer<T extends KubernetesObject>(kind: string): Informer<T> {
    const informer = this.#informers.get(kind)
    if (!informer) throw new Error(`nothing informs of ${kind}`)
    return informer as unknown as Informer<T>
  }

  readonly #lookup: Lookup = <T extends KubernetesObject>(kind: string, namespace: string, name: string) =>
    // A kind that nothing informs of is not served here.
    (this.#informers.get(kind) as unknown as Informer<T> | undefined)?.get({ namespace, name })

  readonly #wake = (kind: string, key: string) => this.#controllers.get(kind)?.enqueue(key)

  #control(kind: string, reconcile: Reconcile, triggers: Trigger[], workers: number): void {
    const { client, clock, random, log, metrics } = this.#options
    const controller = new Controller({
      name: kind,
      reconcile,
      triggers,
      client,
      clock,
      random,
      log,
      workers,
      observer: metrics.observerOf(kind),
    })
    metrics.watchQueue(kind, controller.queue, workers)
    this.#controllers.set(kind, controller)
  }

  #controlRuns(kind: RunKind): void {
    const { queue, store, clock, defaultEngine } = this.#options
    const { kind: name } = kind.definition
    const informer = this.#informer<RunObject>(name)
    const reconcile = createRunReconciler({
      kind,
      get: (key) => informer.get(key),
      lookup: this.#lookup,
      wake: this.#wake,
      queue,
      store,
      events: this.#events,
      clock,
      defaultEngine,
    })
    const inputs = runKinds.map(({ definition }) => this.#dependents(definition.kind, informer))
    this.#control(name, reconcile, [primary(informer), ...inputs], runWorkers)
  }

  #controlPools(): void {
    const { queue, clock, pods: podSettings } = this.#options
    const informer = this.#informer<WorkerPool>(workerPool.kind)
    const pods = this.#informer<Pod>(POD.kind)
    const reconcile = createWorkerPoolReconciler({
      get: (key) => informer.get(key),
      podsOf: (uid) => pods.byOwner(uid),
      queue,
      events: this.#events,
      clock,
      pods: podSettings,
    })
    this.#control(workerPool.kind, reconcile, [primary(informer), owned(pods, resourceOf(workerPool))], 2)
  }

  #controlRankers(): void {
    const { store, clock, pods: podSettings } = this.#options
    const informer = this.#informer<RankerDeployment>(rankerDeployment.kind)
    const deployments = this.#informer<Deployment>(DEPLOYMENT.kind)
    const services = this.#informer<Service>(SERVICE.kind)
    const pods = this.#informer<Pod>(POD.kind)
    const resource = resourceOf(rankerDeployment)
    const reconcile = createRankerDeploymentReconciler({
      get: (key) => informer.get(key),
      deployment: (key) => deployments.get(key),
      service: (key) => services.get(key),
      pods: (namespace, ranker) => pods.byIndex(rankerIndex, `${namespace}/${ranker}`),
      lookup: this.#lookup,
      wake: this.#wake,
      store,
      events: this.#events,
      clock,
      podSettings,
      hasWeightedServices: this.#options.weightedServices ?? false,
      ...(this.#scraper ? { scraper: this.#scraper } : {}),
    })
    const triggers = [
      primary(informer),
      owned(deployments, resource),
      owned(services, resource),
      // A Pod that falls over again and again changes nothing of its Deployment.
      mapped(pods, rankerOf, (before, after) => podProblem(before) !== podProblem(after)),
      this.#dependents('TrainingRun', informer),
      this.#dependents('Evaluation', informer),
      this.#followers(informer),
    ]
    this.#control(rankerDeployment.kind, reconcile, triggers, 2)
  }

  #controlPipelines(): void {
    const { store, clock, metrics } = this.#options
    const informer = this.#informer<RankerPipeline>(rankerPipeline.kind)
    const rankers = this.#informer<RankerDeployment>(rankerDeployment.kind)
    const reconcile = createPipelineReconciler({
      get: (key) => informer.get(key),
      lookup: this.#lookup,
      owned: (kind, uid) => this.#informer<RunObject>(kind).byOwner(uid),
      followers: (key) => rankers.byIndex(pipelineIndex, formatKey(key)),
      wake: this.#wake,
      store,
      events: this.#events,
      clock,
      metrics: PipelineMetrics.of(metrics.registry).watch(() => informer.list().map(({ status }) => status?.state)),
    })
    const triggers = [
      primary(informer),
      this.#dependents('Dataset', informer),
      ...childKinds.map((kind) => owned(this.#informer<RunObject>(kind), resourceOf(rankerPipeline), gotSomewhere)),
      mapped(rankers, followedPipelines, followersChanged),
    ]
    // One at a time: they write to the ledger of their namespace.
    this.#control(rankerPipeline.kind, reconcile, triggers, 1)
  }

  /** Has those looked at again that refer to an object of `kind` which got somewhere; its progress is no news. */
  #dependents(
    kind: string,
    dependents: Informer<RunObject> | Informer<RankerDeployment> | Informer<RankerPipeline>,
  ): Trigger {
    return mapped(
      this.#informer<RunObject>(kind),
      (object) => dependents.byIndex(dependencyIndex, scoped(object, `${kind}/${object.metadata.name}`)).map(keyOf),
      gotSomewhere,
    )
  }

  /** Has those looked at again that follow a pipeline whose champion is another one now, or was promoted again. */
  #followers(rankers: Informer<RankerDeployment>): Trigger {
    return mapped(
      this.#informer<RankerPipeline>(rankerPipeline.kind),
      (object) => rankers.byIndex(pipelineIndex, formatKey(keyOf(object))).map(keyOf),
      ({ status: before }, { status: after }) =>
        before?.champion?.digest !== after?.champion?.digest ||
        before?.champion?.promotedAt !== after?.champion?.promotedAt,
    )
  }

  #queueChanged(queue: string, id: string): void {
    const uid = id.slice(0, id.lastIndexOf('-'))
    for (const { definition } of runKinds) {
      for (const object of this.#informer(definition.kind).byIndex(uidIndex, uid))
        this.#wake(definition.kind, formatKey(keyOf(object)))
    }
    for (const pool of this.#informer<WorkerPool>(workerPool.kind).list()) {
      const { namespace = '', name } = pool.metadata
      if (queueName(namespace, name) === queue) this.#wake(workerPool.kind, formatKey(keyOf(pool)))
    }
  }

  /** Nothing may be collected on the word of a cache that has not seen everything. */
  #referrers(): KubernetesObject[] | undefined {
    if (this.waitsFor().length > 0 || this.#options.namespace !== undefined) return undefined
    return [...runKinds.map(({ definition }) => definition.kind), rankerDeployment.kind, rankerPipeline.kind].flatMap(
      (kind) => this.#informer(kind).list(),
    )
  }
}

const gotSomewhere = (before: RunObject, after: RunObject): boolean =>
  before.status?.state !== after.status?.state ||
  before.status?.artifact?.digest !== after.status?.artifact?.digest ||
  before.status?.observedGeneration !== after.status?.observedGeneration ||
  before.metadata.generation !== after.metadata.generation

const scoped = (object: KubernetesObject, name: string): string => `${object.metadata.namespace}/${name}`

function runIndexes(kind: RunKind): Record<string, (object: RunObject) => string[]> {
  return {
    [uidIndex]: (object) => [object.metadata.uid ?? ''],
    [dependencyIndex]: (object) =>
      kind.dependencies(object).map((dependency) => scoped(object, `${dependency.kind}/${dependency.name}`)),
  }
}

function rankerDependencies({ spec }: RankerDeployment): string[] {
  return [
    ...(spec.model.trainingRunRef ? [`TrainingRun/${spec.model.trainingRunRef.name}`] : []),
    ...(spec.evaluationRef ? [`Evaluation/${spec.evaluationRef.name}`] : []),
  ]
}

function rankerOf({ metadata }: Pod): { namespace: string; name: string }[] {
  const name = metadata.labels?.[labels.ranker]
  return name === undefined ? [] : [{ namespace: metadata.namespace ?? '', name }]
}
