import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ContainerLog, readContainerLog } from './container-log.ts'
import type { Pod } from './pod.ts'

export interface LogRequest {
  namespace: string
  pod: string
  /** Absent: the youngest Pod of that name. */
  uid?: string
  /** May be left out where the Pod has one container. */
  container?: string
  /** Goes on until the container's run ends. */
  follow?: boolean
  tailLines?: number
  /** The run before the last. */
  previous?: boolean
  signal?: AbortSignal
}

/** There is no such log; the message says what there is. */
export class LogNotFoundError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'LogNotFoundError'
  }
}

export interface LogSettings {
  /** A run keeps between one and two times as much. */
  maxBytesPerRun: number
  /** Of each container. */
  runsKept: number
  /** Of Pods that are gone. */
  deletedPodsKept: number
}

export const defaultLogSettings: LogSettings = { maxBytesPerRun: 10 * 2 ** 20, runsKept: 5, deletedPodsKept: 20 }

/** The logs of all Pods: `NAMESPACE_POD_UID/CONTAINER/RESTARTCOUNT.log` under one folder. */
export class LogArchive {
  readonly #directory: string
  readonly #settings: LogSettings

  constructor(directory: string, settings: LogSettings) {
    this.#directory = directory
    this.#settings = settings
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  }

  open(pod: Pod, container: string, restartCount: number): ContainerLog {
    const folder = join(this.#directory, folderOf(pod), container)
    const old = runs(folder).filter((run) => run <= restartCount - this.#settings.runsKept)
    for (const run of old) for (const suffix of ['', '.1']) rmSync(join(folder, `${run}.log${suffix}`), { force: true })
    return new ContainerLog(join(folder, `${restartCount}.log`), this.#settings.maxBytesPerRun)
  }

  /** `live` gives the log that a container of the Pod with that uid writes now. */
  async *read(
    request: LogRequest,
    live: (uid: string, container: string) => ContainerLog | undefined,
  ): AsyncGenerator<Uint8Array> {
    const { namespace, pod, tailLines, signal } = request
    const folder = this.#folder(request)
    const container = request.container ?? onlyContainer(folder, pod)
    const present = runs(join(folder, container))
    const run = present.at(request.previous ? -2 : -1)
    if (run === undefined) {
      const which = request.previous ? 'previous run' : 'log'
      throw new LogNotFoundError(`container ${container} of Pod ${namespace}/${pod} has no ${which} (yet)`)
    }
    const file = join(folder, container, `${run}.log`)
    const uid = folder.slice(folder.lastIndexOf('_') + 1)
    const writer = request.follow ? live(uid, container) : undefined
    yield* readContainerLog(file, {
      ...(tailLines !== undefined && { tailLines }),
      ...(writer?.file === file && { follow: writer }),
      ...(signal && { signal }),
    })
  }

  /** Forgets the oldest logs of Pods that are gone. */
  prune(present: readonly Pod[]): void {
    const kept = new Set(present.map(folderOf))
    const gone = readdirSync(this.#directory)
      .filter((name) => !kept.has(name))
      .map((name) => ({ path: join(this.#directory, name), time: modified(join(this.#directory, name)) }))
      .sort((a, b) => b.time - a.time)
    for (const { path } of gone.slice(this.#settings.deletedPodsKept)) rmSync(path, { recursive: true, force: true })
  }

  #folder({ namespace, pod, uid = '' }: LogRequest): string {
    const prefix = `${namespace}_${pod}_${uid}`
    const [newest] = readdirSync(this.#directory)
      .filter((name) => name.startsWith(prefix))
      .map((name) => join(this.#directory, name))
      .sort((a, b) => modified(b) - modified(a))
    if (newest === undefined) throw new LogNotFoundError(`Pod ${namespace}/${pod} has no log on this node`)
    return newest
  }
}

/** Neither a namespace nor a Pod's name can have an underscore. */
function folderOf(pod: Pod): string {
  const { namespace, name, uid } = pod.metadata
  return `${namespace}_${name}_${uid}`
}

function onlyContainer(folder: string, pod: string): string {
  const names = readdirSync(folder)
  const [only] = names
  if (only !== undefined && names.length === 1) return only
  throw new LogNotFoundError(`name a container of Pod ${pod}, one of: ${names.join(', ')}`)
}

/** Restart counts that have a log, ascending. */
function runs(folder: string): number[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .flatMap((name) => /^(\d+)\.log$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)
}

function modified(path: string): number {
  return statSync(path).mtimeMs
}
