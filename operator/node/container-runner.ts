import { type Clock, sleep, timestamp } from '../cluster/clock.ts'
import type { ProcessSpec } from './container-command.ts'
import { type ContainerLog, lastLines } from './container-log.ts'
import { ContainerConfigError } from './environment.ts'
import type { Container, ContainerState, ContainerStateTerminated, ContainerStatus } from './pod.ts'
import type { RunProbe } from './probe.ts'
import { probeContainer } from './prober.ts'
import type { ExitStatus, LaunchProcess, RunningProcess } from './process-launcher.ts'
import type { ProcessRecords } from './process-records.ts'
import { type BackoffSettings, RestartBackoff } from './restart-backoff.ts'

export interface ContainerContext {
  container: Container
  restartPolicy: 'Always' | 'OnFailure' | 'Never'
  podIP: string
  /** terminationGracePeriodSeconds of the Pod. */
  graceSeconds: number
  clock: Clock
  launch: LaunchProcess
  runProbe: RunProbe
  records: ProcessRecords
  backoff: BackoffSettings
  /** Reads what the process needs; throws ContainerConfigError for what a person has to mend. Asked before each start. */
  resolve(): Promise<ProcessSpec>
  openLog(restartCount: number): ContainerLog
  /** After every change of status(). */
  onChange(): void
  /** What the API says of this container from a former run of the node. */
  former: ContainerStatus | undefined
}

/** How long a container that cannot be configured waits before its configuration is read again. */
const CONFIG_RETRY_MILLISECONDS = 5000
/** As much of a log as the kubelet takes for a termination message. */
const MESSAGE_BYTES = 2048

/** One container of a Pod through all its runs. run() is called once; stop() may be called at any time. */
export class ContainerRunner {
  readonly #context: ContainerContext
  readonly #stopping = new AbortController()
  #state: ContainerState = { waiting: { reason: 'ContainerCreating' } }
  #lastState: ContainerState = {}
  #restartCount = 0
  #started = false
  #ready = false
  #process: RunningProcess | undefined
  #log: ContainerLog | undefined
  #graceSeconds: number

  constructor(context: ContainerContext) {
    this.#context = context
    this.#graceSeconds = context.graceSeconds
    const { former } = context
    const ended = former?.state.terminated ?? lostRun(former, context.clock)
    if (former && ended) {
      this.#lastState = { terminated: ended }
      this.#restartCount = former.restartCount + 1
      // Not to be started again: the state of the former run stays the last word.
      if (!shouldRestart(context.restartPolicy, ended.exitCode)) {
        this.#state = { terminated: ended }
        this.#lastState = former.lastState
        this.#restartCount = former.restartCount
      }
    } else if (former) {
      this.#restartCount = former.restartCount
      this.#lastState = former.lastState
    }
  }

  status(): ContainerStatus {
    const { container } = this.#context
    return {
      name: container.name,
      image: container.image ?? '',
      imageID: '',
      ready: this.#ready,
      started: this.#started,
      restartCount: this.#restartCount,
      state: this.#state,
      lastState: this.#lastState,
    }
  }

  /** The log that is being written, while a process runs. */
  get log(): ContainerLog | undefined {
    return this.#log
  }

  /** Runs the container until its policy lets it rest or stop() is called. */
  async run(): Promise<void> {
    const { clock, restartPolicy } = this.#context
    if (this.#state.terminated) return
    const backoff = new RestartBackoff(this.#context.backoff)
    while (!this.#stopping.signal.aborted) {
      const process = await this.#start()
      if (!process) {
        await sleep(clock, CONFIG_RETRY_MILLISECONDS, this.#stopping.signal)
        continue
      }
      const began = clock.monotonic()
      const terminated = await this.#supervise(process.spec, process.running)
      if (this.#stopping.signal.aborted || !shouldRestart(restartPolicy, terminated.exitCode)) return
      this.#lastState = { terminated }
      const wait = backoff.after((clock.monotonic() - began) / 1000)
      if (wait > 0) {
        this.#wait('CrashLoopBackOff', `back-off ${wait} s after exit code ${terminated.exitCode}; see the log`)
        await sleep(clock, wait * 1000, this.#stopping.signal)
        if (this.#stopping.signal.aborted) this.#set({ terminated })
      }
      if (!this.#stopping.signal.aborted) this.#restartCount++
    }
  }

  /** SIGTERM, and SIGKILL after `graceSeconds`; a second call with less grace shortens the first. run() then ends. */
  stop(graceSeconds: number): void {
    this.#graceSeconds = Math.min(graceSeconds, this.#stopping.signal.aborted ? this.#graceSeconds : graceSeconds)
    this.#stopping.abort()
    if (this.#process) void this.#terminate(this.#process, this.#graceSeconds)
  }

  async #start(): Promise<{ spec: ProcessSpec; running: RunningProcess } | undefined> {
    const { container, launch, graceSeconds, records, openLog } = this.#context
    let log: ContainerLog | undefined
    try {
      const spec = await this.#context.resolve()
      if (this.#stopping.signal.aborted) return undefined
      log = openLog(this.#restartCount)
      const writer = log
      const running = await launch(spec, { graceSeconds, onOutput: (chunk) => writer.write(chunk) })
      await records.add(running.pid, graceSeconds)
      this.#log = log
      return { spec, running }
    } catch (error) {
      log?.close()
      const reason = error instanceof ContainerConfigError ? error.reason : 'CreateContainerError'
      this.#wait(reason, `container ${container.name}: ${(error as Error).message}`)
      return undefined
    }
  }

  async #supervise(spec: ProcessSpec, running: RunningProcess): Promise<ContainerStateTerminated> {
    const { clock, container, podIP, runProbe, records } = this.#context
    const startedAt = timestamp(clock.now())
    const probing = new AbortController()
    let message: string | undefined
    this.#process = running
    this.#set({ running: { startedAt } })
    if (this.#stopping.signal.aborted) void this.#terminate(running, this.#graceSeconds)
    const probes = probeContainer(
      {
        podIP,
        container,
        process: spec,
        onStarted: () => this.#mark({ started: true }),
        onReady: (ready) => this.#mark({ ready: ready && !this.#stopping.signal.aborted }),
        onUnhealthy: (kind, detail) => {
          message = `${kind} probe failed: ${detail}`
          const grace = (kind === 'startup' ? container.startupProbe : container.livenessProbe)
            ?.terminationGracePeriodSeconds
          this.#mark({ ready: false })
          void this.#terminate(running, grace ?? this.#context.graceSeconds)
        },
      },
      { clock, runProbe },
      probing.signal,
    )
    const exit = await running.exited
    probing.abort()
    await probes
    this.#process = undefined
    records.remove(running.pid)
    const log = this.#log
    log?.close()
    this.#log = undefined
    if (exit.exitCode !== 0 && container.terminationMessagePolicy === 'FallbackToLogsOnError' && log)
      message ??= await lastLines(log.file, MESSAGE_BYTES)
    const terminated = terminatedState(exit, startedAt, timestamp(clock.now()), message)
    this.#started = false
    this.#ready = false
    this.#set({ terminated })
    return terminated
  }

  async #terminate(running: RunningProcess, graceSeconds: number): Promise<void> {
    const gone = new AbortController()
    void running.exited.then(() => gone.abort())
    if (graceSeconds > 0) {
      running.signal('SIGTERM')
      await sleep(this.#context.clock, graceSeconds * 1000, gone.signal)
    }
    if (!gone.signal.aborted) running.signal('SIGKILL')
  }

  #wait(reason: string, message: string): void {
    this.#set({ waiting: { reason, message } })
  }

  #set(state: ContainerState): void {
    this.#state = state
    this.#context.onChange()
  }

  #mark({ started = this.#started, ready = this.#ready }: { started?: boolean; ready?: boolean }): void {
    if (started === this.#started && ready === this.#ready) return
    this.#started = started
    this.#ready = ready
    this.#context.onChange()
  }
}

export function shouldRestart(policy: ContainerContext['restartPolicy'], exitCode: number): boolean {
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0)
}

/** A container that ran when the node ended, and whose end nobody saw: 255, as the kubelet says after a reboot. */
function lostRun(former: ContainerStatus | undefined, clock: Clock): ContainerStateTerminated | undefined {
  if (!former?.state.running) return undefined
  return {
    exitCode: 255,
    reason: 'Unknown',
    message: 'the local node ended while the container ran',
    startedAt: former.state.running.startedAt,
    finishedAt: timestamp(clock.now()),
  }
}

function terminatedState(
  exit: ExitStatus,
  startedAt: string,
  finishedAt: string,
  message: string | undefined,
): ContainerStateTerminated {
  return {
    exitCode: exit.exitCode,
    ...(exit.signal !== undefined && { signal: exit.signal }),
    reason: exit.exitCode === 0 ? 'Completed' : 'Error',
    ...(message && { message }),
    startedAt,
    finishedAt,
  }
}
