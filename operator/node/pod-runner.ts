import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Client } from '../cluster/client.ts'
import { type Clock, sleep, timestamp } from '../cluster/clock.ts'
import { ConflictError, NotFoundError } from '../cluster/errors.ts'
import type { Log } from '../cluster/log.ts'
import { keyOf, POD } from '../cluster/resources.ts'
import { processSpec } from './container-command.ts'
import type { ContainerLog } from './container-log.ts'
import { ContainerRunner } from './container-runner.ts'
import { type ConfigSource, ContainerConfigError, containerEnvironment } from './environment.ts'
import type { Container, ContainerStatus, Pod, PodStatus } from './pod.ts'
import { podStatus, waitingStatus } from './pod-status.ts'
import type { RunProbe } from './probe.ts'
import type { LaunchProcess } from './process-launcher.ts'
import type { ProcessRecords } from './process-records.ts'
import type { BackoffSettings } from './restart-backoff.ts'
import { StatusWriter } from './status-writer.ts'
import { mountedPaths, prepareVolumes, refreshConfigMap } from './volumes.ts'

/** What all Pods of a node share. */
export interface PodContext {
  client: Pick<Client, 'mergePatch' | 'delete'>
  clock: Clock
  log: Log
  launch: LaunchProcess
  runProbe: RunProbe
  records: ProcessRecords
  backoff: BackoffSettings
  commandAliases: Record<string, readonly string[]>
  inheritedEnvironment: Record<string, string>
  workingDirectory: string
  /** Secrets and ConfigMaps of a namespace. */
  configSource(namespace: string): ConfigSource
  openLog(pod: Pod, container: string, restartCount: number): ContainerLog
  /** Awaited before the containers of a Pod that leaves are sent SIGTERM: time to send it nothing more. */
  beforeStop(pod: Pod): Promise<void>
}

const DEFAULT_GRACE_SECONDS = 30
const PREPARE_RETRY_MILLISECONDS = 5000
const LAST_STATUS_MILLISECONDS = 5000
const DELETE_RETRY_MILLISECONDS = 1000

/** One Pod, from its binding to the end of its last process. */
export class PodRunner {
  readonly #context: PodContext
  readonly #podIP: string
  readonly #directory: string
  readonly #startTime: string
  readonly #writer: StatusWriter<PodStatus>
  readonly #stopping = new AbortController()
  readonly #init = new Map<string, ContainerRunner>()
  readonly #main = new Map<string, ContainerRunner>()
  #pod: Pod
  #status: PodStatus
  #stopGraceSeconds: number | undefined
  #problem: { reason: string; message: string } | undefined
  /** Volumes are written by one at a time. */
  #volumes: Promise<void> = Promise.resolve()
  /** Container statuses as they were when the node began to shut down. */
  #frozen: Map<string, ContainerStatus> | undefined
  /** When all containers have come to rest and the API knows it. */
  readonly ended: Promise<void>

  /** Starts at once. `directory` is the Pod's own folder, removed when the Pod ends. */
  constructor(context: PodContext, pod: Pod, podIP: string, directory: string) {
    this.#context = context
    this.#pod = pod
    this.#podIP = podIP
    this.#directory = directory
    this.#startTime = pod.status?.startTime ?? timestamp(context.clock.now())
    const { namespace = '', name, uid = '' } = pod.metadata
    this.#writer = new StatusWriter(context, POD, { namespace, name, uid })
    this.#status = pod.status ?? {}
    this.ended = this.#run()
  }

  get pod(): Pod {
    return this.#pod
  }

  /** A newer state of the same Pod. */
  update(pod: Pod): void {
    this.#pod = pod
    if (pod.metadata.deletionTimestamp !== undefined) this.stop(pod.metadata.deletionGracePeriodSeconds)
  }

  /** A ConfigMap is another one now, or is gone. */
  configMapChanged(name: string): void {
    if (!this.#pod.spec.volumes?.some(({ configMap }) => configMap?.name === name)) return
    this.#volumes = this.#volumes.then(() => this.#refresh(name))
  }

  /** Stops all containers; may be called again with less grace. */
  stop(graceSeconds: number = this.#graceSeconds): void {
    const first = this.#stopGraceSeconds === undefined
    this.#stopGraceSeconds = Math.min(graceSeconds, this.#stopGraceSeconds ?? graceSeconds)
    if (first) {
      void this.#context.beforeStop(this.#pod).then(() => {
        this.#stopping.abort()
        this.#stopContainers()
      })
    } else if (this.#stopping.signal.aborted) this.#stopContainers()
  }

  /**
   * Stops all containers because the node itself ends. The API goes on to say that they run, though not ready: nobody
   * decided that their work is over, and the node's next run starts them again as far as restartPolicy allows.
   */
  shutDown(): void {
    const statuses = (runners: Map<string, ContainerRunner>) =>
      [...runners].map(([name, r]) => [name, r.status()] as const)
    this.#frozen = new Map(
      [...statuses(this.#init), ...statuses(this.#main)].map(([name, status]) => [name, { ...status, ready: false }]),
    )
    this.stop()
  }

  /** The log that a container writes now. */
  liveLog(container: string): ContainerLog | undefined {
    return (this.#main.get(container) ?? this.#init.get(container))?.log
  }

  get #graceSeconds(): number {
    return this.#pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS
  }

  #stopContainers(): void {
    for (const runner of [...this.#init.values(), ...this.#main.values()]) runner.stop(this.#stopGraceSeconds ?? 0)
  }

  async #run(): Promise<void> {
    if (await this.#prepare()) {
      if (await this.#runInitContainers()) await this.#runContainers()
    }
    this.#publish()
    await Promise.race([this.#writer.settled(), this.#unreachable()])
  }

  /** A server that does not answer holds nobody up who wants to stop. */
  async #unreachable(): Promise<void> {
    if (!this.#stopping.signal.aborted) {
      await new Promise((resolve) => this.#stopping.signal.addEventListener('abort', resolve, { once: true }))
    }
    await sleep(this.#context.clock, LAST_STATUS_MILLISECONDS)
    this.#writer.close()
  }

  /** Removes what the Pod had; called once it has ended and is not to come back. */
  async cleanUp(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true })
  }

  /** Tells the API that the Pod is gone. Its uid guards a successor of the same name. */
  async confirmDeletion(signal: AbortSignal): Promise<void> {
    const { client, clock, log } = this.#context
    const { uid } = this.#pod.metadata
    while (!signal.aborted) {
      try {
        await client.delete(POD, keyOf(this.#pod), { gracePeriodSeconds: 0, ...(uid !== undefined && { uid }) })
        return
      } catch (error) {
        if (error instanceof NotFoundError || error instanceof ConflictError) return
        log.warn({ err: error, pod: this.#pod.metadata.name }, 'Pod is not deleted yet')
        await sleep(clock, DELETE_RETRY_MILLISECONDS, signal)
      }
    }
  }

  async #prepare(): Promise<boolean> {
    const { configSource, clock } = this.#context
    for (const container of this.#pod.spec.containers) this.#main.set(container.name, this.#runner(container))
    this.#publish()
    while (!this.#stopping.signal.aborted) {
      try {
        refuseUnsupported(this.#pod)
        await this.#prepareVolumes(configSource(this.#pod.metadata.namespace ?? ''))
        this.#problem = undefined
        return true
      } catch (error) {
        const reason = error instanceof ContainerConfigError ? error.reason : 'CreateContainerError'
        this.#problem = { reason, message: (error as Error).message }
        this.#publish()
        await sleep(clock, PREPARE_RETRY_MILLISECONDS, this.#stopping.signal)
      }
    }
    return false
  }

  async #prepareVolumes(source: ConfigSource): Promise<void> {
    const prepared = this.#volumes.then(() => prepareVolumes(this.#pod, this.#directory, source))
    this.#volumes = prepared.catch(() => undefined)
    await prepared
  }

  /** What is read now is at least as new as the change; what cannot be taken leaves the volume as it was. */
  async #refresh(name: string): Promise<void> {
    const { configSource, clock, log } = this.#context
    const { namespace = '', name: pod } = this.#pod.metadata
    while (!this.#stopping.signal.aborted) {
      try {
        return await refreshConfigMap(this.#pod, this.#directory, name, configSource(namespace))
      } catch (error) {
        log.warn({ err: error, pod, configMap: name }, 'A volume is not brought up to date')
        if (error instanceof ContainerConfigError) return
        await sleep(clock, PREPARE_RETRY_MILLISECONDS, this.#stopping.signal)
      }
    }
  }

  /** One after the other, each to its success. */
  async #runInitContainers(): Promise<boolean> {
    for (const container of this.#pod.spec.initContainers ?? []) {
      const runner = this.#runner(container, true)
      this.#init.set(container.name, runner)
      if (this.#stopping.signal.aborted) return false
      await runner.run()
      if (this.#stopping.signal.aborted || runner.status().state.terminated?.exitCode !== 0) return false
    }
    return true
  }

  async #runContainers(): Promise<void> {
    if (this.#stopping.signal.aborted) return
    await Promise.all([...this.#main.values()].map((runner) => runner.run()))
  }

  #runner(container: Container, init = false): ContainerRunner {
    const { clock, launch, runProbe, records, backoff, openLog } = this.#context
    const policy = this.#pod.spec.restartPolicy ?? 'Always'
    const former = (init ? this.#pod.status?.initContainerStatuses : this.#pod.status?.containerStatuses)?.find(
      (status) => status.name === container.name,
    )
    return new ContainerRunner({
      container,
      restartPolicy: init && policy === 'Always' ? 'OnFailure' : policy,
      podIP: this.#podIP,
      graceSeconds: this.#graceSeconds,
      clock,
      launch,
      runProbe,
      records,
      backoff,
      resolve: () => this.#processSpec(container),
      openLog: (restartCount) => openLog(this.#pod, container.name, restartCount),
      onChange: () => this.#publish(),
      former,
    })
  }

  async #processSpec(container: Container) {
    const { configSource, commandAliases, inheritedEnvironment, workingDirectory } = this.#context
    const source = configSource(this.#pod.metadata.namespace ?? '')
    return processSpec(container, {
      environment: await containerEnvironment(this.#pod, container, this.#podIP, source),
      mounts: mountedPaths(this.#pod, container, this.#directory),
      inherited: inheritedEnvironment,
      commandAliases,
      workingDirectory,
    })
  }

  #publish(): void {
    const initContainers = (this.#pod.spec.initContainers ?? []).map(
      (container) =>
        this.#frozen?.get(container.name) ??
        this.#init.get(container.name)?.status() ??
        waitingStatus(container, 'PodInitializing'),
    )
    // Our conditions build on what was last computed here, or else a time would move with each late echo of a write.
    const own = this.#status.conditions ?? []
    const foreign = this.#pod.status?.conditions?.filter((c) => !own.some((mine) => mine.type === c.type)) ?? []
    const pod = { ...this.#pod, status: { conditions: [...own, ...foreign] } }
    this.#status = podStatus(pod, {
      podIP: this.#podIP,
      startTime: this.#startTime,
      initContainers,
      containers: this.#pod.spec.containers.map((container) => this.#containerStatus(container)),
      now: timestamp(this.#context.clock.now()),
    })
    this.#writer.write(this.#status)
  }

  #containerStatus(container: Container): ContainerStatus {
    const status =
      this.#frozen?.get(container.name) ??
      this.#main.get(container.name)?.status() ??
      waitingStatus(container, 'PodInitializing')
    const { waiting } = status.state
    if (!this.#problem || waiting?.reason !== 'ContainerCreating') return status
    return { ...status, state: { waiting: this.#problem } }
  }
}

function refuseUnsupported(pod: Pod): void {
  const sidecar = pod.spec.initContainers?.find((container) => container.restartPolicy === 'Always')
  if (!sidecar) return
  throw new ContainerConfigError(
    'UnsupportedSidecar',
    `init container ${sidecar.name} has restartPolicy Always, which the local node does not run; list it in containers`,
  )
}

/** A Pod's own folder: its volumes lie there. */
export function podDirectory(root: string, pod: Pod): string {
  return join(root, 'pods', pod.metadata.uid ?? pod.metadata.name)
}
