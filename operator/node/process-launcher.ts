import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { ProcessSpec } from './container-command.ts'

export interface ExitStatus {
  /** As a container runtime reports it: 128 + n when signal n ended the process. */
  exitCode: number
  signal?: number
}

export interface RunningProcess {
  /** Also the id of its process group. */
  readonly pid: number
  /** Settles once the whole process group is gone or has been sent SIGKILL. */
  readonly exited: Promise<ExitStatus>
  /** To the whole process group; nothing happens when it is gone. */
  signal(name: 'SIGTERM' | 'SIGKILL'): void
}

export interface LaunchOptions {
  onOutput: (chunk: Uint8Array) => void
  /** How long the process may go on after SIGTERM when this node dies. */
  graceSeconds: number
}

/** Starts processes; rejects when the file or folder cannot be used. */
export type LaunchProcess = (spec: ProcessSpec, options: LaunchOptions) => Promise<RunningProcess>

/*
 * The process must not outlive this node, whatever ends the node. Its descriptor 3 is one end of a pipe whose other end
 * only the node holds, so that the kernel closes it even on SIGKILL. A shell starts a watcher that waits for that and
 * then becomes the process itself (exec), which leaves its pid, exit code and signals as they are. The watcher sits in
 * the same process group, is no child of the process (double fork), and is swept away with the group when it ends.
 */
const SUPERVISED = `
grace=$1; shift
(
  (
    trap '' TERM INT HUP
    read -r _ <&3
    kill -TERM -$$
    while [ "$grace" -gt 0 ] && kill -0 $$; do sleep 1; grace=$((grace - 1)); done
    kill -KILL -$$
  ) >/dev/null 2>&1 &
)
exec 3<&-
exec "$@"
`

/** Linux and macOS. */
export const launchProcess: LaunchProcess = async (spec, options) => {
  const child = spawn(
    '/bin/sh',
    ['-c', SUPERVISED, 'sh', String(Math.max(0, Math.ceil(options.graceSeconds))), ...spec.argv],
    {
      cwd: spec.workingDirectory,
      env: spec.environment,
      // A group of its own: a signal reaches what the process has started, and Ctrl-C at the node does not reach it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    },
  )
  const lifeline = child.stdio[3]
  // The far end goes away with the process; that is no fault of the pipe.
  lifeline?.on('error', () => {})
  const pid = await started(child, spec)
  child.stdout?.on('data', options.onOutput)
  child.stderr?.on('data', options.onOutput)
  return {
    pid,
    exited: new Promise((resolve) => {
      let status: ExitStatus = { exitCode: 255 }
      child.once('exit', (code, signal) => {
        status = exitStatus(code, signal)
        // What the process started, and its watcher, end with it: they would keep the output open otherwise.
        signalGroup(pid, 'SIGKILL')
      })
      child.once('close', () => {
        lifeline?.destroy()
        resolve(status)
      })
    }),
    signal: (name) => signalGroup(pid, name),
  }
}

function started(child: ChildProcess, spec: ProcessSpec): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      // Node reports an absent folder as an absent file.
      reject(new Error(`cannot start ${spec.argv[0]} in ${spec.workingDirectory}: ${error.message}`))
    })
    child.once('spawn', () => {
      if (child.pid === undefined) reject(new Error(`cannot start ${spec.argv[0]}: it has no process id`))
      else resolve(child.pid)
    })
  })
}

export function exitStatus(code: number | null, signal: NodeJS.Signals | null): ExitStatus {
  if (signal === null) return { exitCode: code ?? 255 }
  const number = constants.signals[signal]
  return { exitCode: 128 + number, signal: number }
}

export function signalGroup(processGroup: number, name: NodeJS.Signals): void {
  try {
    process.kill(-processGroup, name)
  } catch (error) {
    // ESRCH: gone already. macOS answers EPERM for a group of zombies.
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ESRCH' && code !== 'EPERM') throw error
  }
}
