import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import { join } from 'node:path'
import type { Client } from '../cluster/client.ts'
import { type Clock, type Random, sleep } from '../cluster/clock.ts'
import { Informer } from '../cluster/informer.ts'
import type { Log } from '../cluster/log.ts'
import type { KubernetesObject } from '../cluster/objects.ts'
import { CONFIG_MAP, POD } from '../cluster/resources.ts'
import { configSource } from './config-source.ts'
import { defaultLogSettings, LogArchive, type LogRequest, type LogSettings } from './log-archive.ts'
import { canBindLoopbackRange, LoopbackAddresses } from './loopback-addresses.ts'
import { keepNodeRegistered } from './node-registration.ts'
import type { Pod } from './pod.ts'
import { admission, portConflict } from './pod-admission.ts'
import { PodBinder } from './pod-binder.ts'
import { type PodContext, PodRunner, podDirectory } from './pod-runner.ts'
import { runProbe } from './probe.ts'
import { launchProcess } from './process-launcher.ts'
import { ProcessRecords } from './process-records.ts'
import { type BackoffSettings, kubeletBackoff } from './restart-backoff.ts'

export interface LocalNodeOptions {
  client: Client
  clock: Clock
  random: Random
  log: Log
  /** The Node that Pods are bound to. */
  name: string
  /** Volumes, logs and process records lie here; one running node per folder. */
  directory: string
  /** Only Pods of this namespace; all where absent. */
  namespace?: string
  /** First words of a command that stand for something else here than in an image: `{node: [process.execPath]}`. */
  commandAliases?: Record<string, readonly string[]>
  /** What every process gets unless its spec says otherwise; PATH, HOME and TMPDIR of this process are added. */
  environment?: Record<string, string>
  /** Where a container without workingDir runs. */
  workingDirectory?: string
  /** Such as `{'nvidia.com/gpu': 1}`. A Pod that asks for more stays Pending. */
  extendedResources?: Record<string, number>
  /** Whether to register a Node object and renew its Lease where the server knows Nodes. */
  register?: boolean
  backoff?: BackoffSettings
  logs?: LogSettings
  /** Awaited before a leaving Pod's processes get SIGTERM; give ServiceProxy's `drain`. */
  beforeStop?: (pod: Pod) => Promise<void>
}

const LAST_REQUESTS_MILLISECONDS = 2000

/**
 * Runs Pods as processes of this machine: no images, no isolation, no limits (resource requests are recorded, not
 * enforced). See volumes.ts for what a mount can be, loopback-addresses.ts for what an address is.
 */
export class LocalNode {
  readonly #options: LocalNodeOptions
  readonly #records: ProcessRecords
  readonly #logs: LogArchive
  readonly #addresses = new LoopbackAddresses('pods')
  readonly #runners = new Map<string, PodRunner>()
  readonly #removals = new Set<Promise<void>>()
  readonly #stopped = new AbortController()
  readonly #pods: Informer<Pod>
  readonly #configMaps: Informer<KubernetesObject>
  readonly #context: PodContext
  readonly #binder: PodBinder
  #registration: Promise<void> | undefined
  #ownAddresses = true

  constructor(options: LocalNodeOptions) {
    const { client, clock, random, log, directory, namespace } = options
    this.#options = options
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    this.#records = new ProcessRecords(join(directory, 'processes'))
    this.#logs = new LogArchive(join(directory, 'logs'), options.logs ?? defaultLogSettings)
    this.#pods = new Informer({ client, resource: POD, clock, random, log, ...(namespace && { namespace }) })
    this.#configMaps = new Informer({
      client,
      resource: CONFIG_MAP,
      clock,
      random,
      log,
      ...(namespace && { namespace }),
    })
    this.#context = {
      client,
      clock,
      log,
      launch: launchProcess,
      runProbe,
      records: this.#records,
      backoff: options.backoff ?? kubeletBackoff,
      commandAliases: options.commandAliases ?? {},
      inheritedEnvironment: { ...machineEnvironment(process.env), ...options.environment },
      workingDirectory: options.workingDirectory ?? process.cwd(),
      configSource: (podNamespace) => configSource(client, podNamespace),
      openLog: (pod, container, restartCount) => this.#logs.open(pod, container, restartCount),
      beforeStop: options.beforeStop ?? (() => Promise.resolve()),
    }
    this.#binder = new PodBinder({
      client,
      clock,
      log,
      nodeName: options.name,
      reconsider: () => this.#reconsiderPending(),
    })
  }

  /** Ends what a former run left behind, then resolves once the present Pods are known and being started. */
  async start(): Promise<void> {
    const { clock, log, name } = this.#options
    const orphans = await this.#records.endOrphans(clock)
    if (orphans.length > 0) log.warn({ node: name, pids: orphans }, 'Ended processes of a former run')
    this.#ownAddresses = await canBindLoopbackRange()
    if (!this.#ownAddresses) {
      log.warn({ node: name }, 'This system binds 127.0.0.1 only: Pods share it, and each port can be used once')
    }
    this.#pods.addHandler({
      added: (pod) => this.#reconcile(pod),
      updated: (before, pod) => {
        this.#reconcile(pod)
        if (isActive(before) && !isActive(pod)) this.#reconsiderPending()
      },
      deleted: (pod) => this.#gone(pod),
    })
    this.#configMaps.addHandler({
      added: (map) => this.#configMapChanged(map),
      updated: (_, map) => this.#configMapChanged(map),
      deleted: (map) => this.#configMapChanged(map),
    })
    this.#pods.start()
    this.#configMaps.start()
    if (this.#options.register ?? true) {
      const capacity = { ...machineCapacity(), ...stringValues(this.#options.extendedResources ?? {}) }
      const { client } = this.#options
      this.#registration = keepNodeRegistered({ client, clock, log, name, capacity }, this.#stopped.signal)
    }
    await this.#pods.whenSynced(this.#stopped.signal)
    this.#removeForgotten()
  }

  /** Stops every process with its grace period; afterwards none is left. */
  async stop(): Promise<void> {
    await Promise.all([this.#pods.stop(), this.#configMaps.stop()])
    this.#binder.stop()
    for (const runner of this.#runners.values()) runner.shutDown()
    await Promise.all([...this.#runners.values()].map((runner) => runner.ended))
    await Promise.race([Promise.all(this.#removals), sleep(this.#options.clock, LAST_REQUESTS_MILLISECONDS)])
    this.#stopped.abort()
    await this.#registration
  }

  /** Throws LogNotFoundError with the first read. */
  readLog(request: LogRequest): AsyncIterable<Uint8Array> {
    return this.#logs.read(request, (uid, container) => this.#runners.get(uid)?.liveLog(container))
  }

  #reconcile(pod: Pod): void {
    const uid = pod.metadata.uid ?? ''
    const runner = this.#runners.get(uid)
    if (pod.spec.nodeName) this.#binder.forget(uid)
    if (pod.spec.nodeName === undefined || pod.spec.nodeName === '') {
      this.#binder.consider(pod, this.#obstacle(pod))
    } else if (pod.spec.nodeName !== this.#options.name) {
      return
    } else if (runner) {
      runner.update(pod)
      if (pod.metadata.deletionTimestamp !== undefined) this.#remove(runner)
    } else if (pod.metadata.deletionTimestamp !== undefined) {
      this.#remove(this.#start(pod))
    } else if (isActive(pod)) {
      this.#start(pod)
    }
  }

  #configMapChanged({ metadata }: KubernetesObject): void {
    for (const runner of this.#runners.values())
      if (runner.pod.metadata.namespace === metadata.namespace) runner.configMapChanged(metadata.name)
  }

  #obstacle(pod: Pod) {
    const others = this.#pods.list().filter((other) => other.spec.nodeName === this.#options.name && isActive(other))
    others.push(...this.#binder.reservations().filter((other) => other.metadata.uid !== pod.metadata.uid))
    const { extendedResources = {} } = this.#options
    return admission(pod, others, extendedResources) ?? (this.#ownAddresses ? undefined : portConflict(pod, others))
  }

  #start(pod: Pod): PodRunner {
    const uid = pod.metadata.uid ?? ''
    const address = this.#ownAddresses ? this.#addresses.allocate(uid) : '127.0.0.1'
    const runner = new PodRunner(this.#context, pod, address, podDirectory(this.#options.directory, pod))
    this.#runners.set(uid, runner)
    if (pod.metadata.deletionTimestamp !== undefined) runner.update(pod)
    return runner
  }

  readonly #removing = new WeakSet<PodRunner>()

  /** Waits for the end of a Pod that is being deleted, and then lets the API forget it. */
  #remove(runner: PodRunner): void {
    if (this.#removing.has(runner)) return
    this.#removing.add(runner)
    this.#track(runner.ended.then(() => runner.confirmDeletion(this.#stopped.signal)))
  }

  /** The Pod is no longer in the API: what still runs of it ends. */
  #gone(pod: Pod): void {
    const uid = pod.metadata.uid ?? ''
    this.#binder.forget(uid)
    const runner = this.#runners.get(uid)
    if (!runner) return
    runner.stop()
    const cleanUp = async () => {
      await runner.ended
      this.#runners.delete(uid)
      this.#addresses.release(uid)
      await runner.cleanUp()
      this.#logs.prune([...this.#runners.values()].map((present) => present.pod))
      this.#reconsiderPending()
    }
    this.#track(cleanUp())
  }

  /** What has been freed may be enough for a Pod that waits. */
  #reconsiderPending(): void {
    if (this.#stopped.signal.aborted) return
    for (const pod of this.#pods.list()) if (!pod.spec.nodeName) this.#reconcile(pod)
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error) => this.#options.log.error({ err: error }, 'Clean-up of a Pod failed'))
      .finally(() => this.#removals.delete(tracked))
    this.#removals.add(tracked)
  }

  /** Folders of Pods that were deleted while no node ran. */
  #removeForgotten(): void {
    const root = join(this.#options.directory, 'pods')
    mkdirSync(root, { recursive: true, mode: 0o700 })
    const present = new Set([...this.#pods.list().map((pod) => pod.metadata.uid), ...this.#runners.keys()])
    for (const name of readdirSync(root)) {
      if (!present.has(name)) rmSync(join(root, name), { recursive: true, force: true })
    }
  }
}

function isActive(pod: Pod): boolean {
  return pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed'
}

function machineEnvironment(from: NodeJS.ProcessEnv): Record<string, string> {
  const { PATH = '/usr/local/bin:/usr/bin:/bin', HOME = '/', TMPDIR = '/tmp' } = from
  return { PATH, HOME, TMPDIR }
}

function machineCapacity(): Record<string, string> {
  return { cpu: String(availableParallelism()), memory: String(totalmem()) }
}

function stringValues(amounts: Record<string, number>): Record<string, string> {
  return Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, String(amount)]))
}
