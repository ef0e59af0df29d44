import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Clock, sleep } from '../cluster/clock.ts'
import { signalGroup } from './process-launcher.ts'

/** Identifies a process for ever: its pid may be given again, but not with the same start time. */
interface ProcessRecord {
  pid: number
  startTime: string
  graceSeconds: number
}

/**
 * The processes that a node has started, on disk, so that the node's next run can end those that outlived it. The
 * watcher of launchProcess makes that rare: it must have been killed as well.
 */
export class ProcessRecords {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  }

  async add(pid: number, graceSeconds: number): Promise<void> {
    const startTime = await processStartTime(pid)
    // Gone already: nothing to record.
    if (startTime === undefined) return
    const record: ProcessRecord = { pid, startTime, graceSeconds }
    writeFileSync(this.#file(pid), JSON.stringify(record), { mode: 0o600 })
  }

  remove(pid: number): void {
    rmSync(this.#file(pid), { force: true })
  }

  /** Ends every recorded process that still runs, SIGTERM first; resolves with their pids once they are gone. */
  async endOrphans(clock: Clock): Promise<number[]> {
    const records = readdirSync(this.#directory).flatMap((name) => this.#read(name))
    const ended = await Promise.all(records.map((record) => endProcess(record, clock)))
    for (const name of readdirSync(this.#directory)) rmSync(join(this.#directory, name), { force: true })
    return records.filter((_, index) => ended[index]).map((record) => record.pid)
  }

  #file(pid: number): string {
    return join(this.#directory, `${pid}.json`)
  }

  #read(name: string): ProcessRecord[] {
    try {
      return [JSON.parse(readFileSync(join(this.#directory, name), 'utf8')) as ProcessRecord]
    } catch {
      // Torn by a crash while it was written: the process had just begun, and its watcher ends it.
      return []
    }
  }
}

const POLL_MILLISECONDS = 50

async function endProcess(record: ProcessRecord, clock: Clock): Promise<boolean> {
  const runs = async () => (await processStartTime(record.pid)) === record.startTime
  if (!(await runs())) return false
  signalGroup(record.pid, 'SIGTERM')
  const deadline = clock.monotonic() + record.graceSeconds * 1000
  while ((await runs()) && clock.monotonic() < deadline) await sleep(clock, POLL_MILLISECONDS)
  // Also when it has ended in time: what it started may go on.
  signalGroup(record.pid, 'SIGKILL')
  while (await runs()) await sleep(clock, POLL_MILLISECONDS)
  return true
}

/** When a process began, in a form that only serves to be compared; undefined when there is none, or only a zombie. */
export async function processStartTime(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') return linuxStartTime(pid)
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'stat=,lstart=', '-p', String(pid)])
    const [state = 'Z', ...time] = stdout.trim().split(/\s+/)
    return state.startsWith('Z') ? undefined : time.join(' ')
  } catch {
    return undefined
  }
}

/** proc(5): the state is field 3 and the start time field 22, in clock ticks since boot, which boot_id names. */
async function linuxStartTime(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8')
    return `${boot.trim()}/${fields[19]}`
  } catch {
    return undefined
  }
}
