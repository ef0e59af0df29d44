import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Informer, InformerStats } from '../cluster/informer.ts'
import type { KubernetesObject } from '../cluster/objects.ts'
import type { ControllerObserver } from './controller.ts'
import type { WorkQueue } from './workqueue.ts'

/** controller-runtime's buckets, thinned: 5 ms to a minute. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/**
 * What the operator tells Prometheus. Reconciles, queues and leadership have the names that controller-runtime gives
 * them, so that its dashboards and alerts work; what only our informer has is `adloom_informer_*`.
 */
export class OperatorMetrics {
  readonly registry = new Registry()
  /** By name; several where there is an operator for each of several namespaces. */
  readonly #queues = new Map<string, { queue: WorkQueue; workers: number }[]>()
  readonly #informers: Informer<KubernetesObject>[] = []
  readonly #reconciles
  readonly #errors
  readonly #terminal
  readonly #panics
  readonly #staleReads
  readonly #seconds
  readonly #active
  readonly #adds
  readonly #retries
  readonly #waited
  readonly #worked
  readonly #leader

  constructor(options: { processMetrics?: boolean } = {}) {
    const registers = [this.registry]
    const controller = ['controller'] as const
    const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
      new Counter({ name, help, labelNames, registers })
    const histogram = (name: string, help: string, label: 'controller' | 'name') =>
      new Histogram({ name, help, labelNames: [label], buckets: SECONDS, registers })

    this.#reconciles = counter('controller_runtime_reconcile_total', 'Reconciles by how they ended', [
      'controller',
      'result',
    ])
    this.#errors = counter('controller_runtime_reconcile_errors_total', 'Reconciles that failed', controller)
    this.#terminal = counter(
      'controller_runtime_terminal_reconcile_errors_total',
      'Reconciles that ended in a state only a person can change',
      controller,
    )
    this.#panics = counter('controller_runtime_reconcile_panics_total', 'Reconciles ended by a bug', controller)
    this.#staleReads = counter(
      'adloom_controller_stale_reads_total',
      'Reconciles that ran although a write of the controller was not visible yet',
      controller,
    )
    this.#seconds = histogram('controller_runtime_reconcile_time_seconds', 'Time of a reconcile', 'controller')
    this.#active = new Gauge({
      name: 'controller_runtime_active_workers',
      help: 'Reconciles that run now',
      labelNames: controller,
      registers,
    })
    this.#adds = counter('workqueue_adds_total', 'Keys added', ['name'])
    this.#retries = counter('workqueue_retries_total', 'Keys added again after a failure', ['name'])
    this.#waited = histogram('workqueue_queue_duration_seconds', 'Time that a key waited', 'name')
    this.#worked = histogram('workqueue_work_duration_seconds', 'Time that a key was worked on', 'name')
    this.#leader = new Gauge({
      name: 'leader_election_master_status',
      help: '1 while this process leads',
      labelNames: ['name'],
      registers,
    })
    this.#queueGauges()
    this.#informerMetrics()
    if (options.processMetrics) collectDefaultMetrics({ register: this.registry })
  }

  /** For the options of a Controller. */
  observerOf(controller: string): ControllerObserver {
    const name = { name: controller }
    // From the first scrape on, so that a rate over the first failure is not lost.
    for (const metric of [this.#errors, this.#terminal, this.#panics, this.#staleReads]) metric.inc({ controller }, 0)
    return {
      queue: {
        added: () => this.#adds.inc(name),
        retried: () => this.#retries.inc(name),
        taken: (seconds) => this.#waited.observe(name, seconds),
        finished: (seconds) => this.#worked.observe(name, seconds),
      },
      started: () => this.#active.inc({ controller }),
      finished: (result, seconds) => {
        this.#active.dec({ controller })
        this.#seconds.observe({ controller }, seconds)
        this.#reconciles.inc({ controller, result })
        if (result === 'retry' || result === 'panic') this.#errors.inc({ controller })
        if (result === 'panic') this.#panics.inc({ controller })
        if (result === 'stalled') this.#terminal.inc({ controller })
      },
      readStale: () => this.#staleReads.inc({ controller }),
    }
  }

  watchQueue(name: string, queue: WorkQueue, workers: number): void {
    this.#queues.set(name, [...(this.#queues.get(name) ?? []), { queue, workers }])
  }

  watchInformer<T extends KubernetesObject>(informer: Informer<T>): void {
    this.#informers.push(informer as unknown as Informer<KubernetesObject>)
  }

  leads(name: string, leader: boolean): void {
    this.#leader.set({ name }, leader ? 1 : 0)
  }

  #queueGauges(): void {
    type Value = (queue: WorkQueue, workers: number) => number
    const gauges: Record<string, [label: string, help: string, over: (values: number[]) => number, value: Value]> = {
      workqueue_depth: ['name', 'Keys that wait', sum, (queue) => queue.depth],
      workqueue_unfinished_work_seconds: [
        'name',
        'Time spent so far on keys now worked on',
        sum,
        (queue) => sum(queue.runningSeconds()),
      ],
      workqueue_longest_running_processor_seconds: [
        'name',
        'Time spent so far on the key worked on longest',
        (values) => Math.max(...values),
        (queue) => Math.max(0, ...queue.runningSeconds()),
      ],
      controller_runtime_max_concurrent_reconciles: ['controller', 'Workers', sum, (_, workers) => workers],
    }
    for (const [name, [label, help, over, value]] of Object.entries(gauges)) {
      const gauge: Gauge = new Gauge({
        name,
        help,
        labelNames: [label],
        registers: [this.registry],
        collect: () => {
          for (const [queue, all] of this.#queues)
            gauge.set({ [label]: queue }, over(all.map((one) => value(one.queue, one.workers))))
        },
      })
    }
  }

  #informerMetrics(): void {
    const labelNames = ['resource']
    const registers = [this.registry]
    const each = (report: (labels: { resource: string }, stats: InformerStats) => void) => {
      for (const informer of this.#informers) report({ resource: informer.resource.plural }, informer.stats())
    }
    for (const [field, help] of Object.entries(INFORMER_COUNTS)) {
      const counter: Counter = new Counter({
        name: `adloom_informer_${field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}_total`,
        help,
        labelNames,
        registers,
        collect() {
          counter.reset()
          each((labels, stats) => counter.inc(labels, stats[field as keyof typeof INFORMER_COUNTS]))
        },
      })
    }
    const objects: Gauge = new Gauge({
      name: 'adloom_informer_objects',
      help: 'Objects in the cache',
      labelNames,
      registers,
      collect: () => {
        objects.reset()
        each((labels, stats) => objects.inc(labels, stats.objects))
      },
    })
    const age: Gauge = new Gauge({
      name: 'adloom_informer_last_event_age_seconds',
      help: 'Time since the last event, bookmark or list; the longest of several namespaces',
      labelNames,
      registers,
      collect: () => {
        const oldest = new Map<string, number>()
        each(({ resource }, { lastEventAgeMs: ms }) => {
          if (ms !== undefined) oldest.set(resource, Math.max(ms / 1000, oldest.get(resource) ?? 0))
        })
        for (const [resource, seconds] of oldest) age.set({ resource }, seconds)
      },
    })
  }
}

const INFORMER_COUNTS = {
  events: 'Events received',
  lists: 'Full lists read',
  reconnects: 'Watches opened again',
  failures: 'Lists and watches that failed',
  errorEvents: 'ERROR events received',
  unparsableLines: 'Watch lines that were no event',
  staleLists: 'Lists refused for being older than the cache',
  staleEvents: 'Events that came twice or out of order',
  silentWatches: 'Watches that fell silent',
  handlerErrors: 'Event handlers that threw',
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
