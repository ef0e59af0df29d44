import { type ChildProcess, spawn } from 'node:child_process'
import { openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const stopGraceMs = 10_000
const pollMs = 100

/** One process of the control plane, with its log in a file of its name. */
export interface Component {
  name: string
  pid: number
  /** Polls `ready` until it holds. Throws with the end of the log when the process dies first or `timeoutMs` pass. */
  until(ready: () => Promise<boolean>, timeoutMs: number): Promise<void>
  /** Ends the process and waits for it: SIGTERM, after ten seconds SIGKILL. */
  stop(): Promise<void>
}

/** Starts a component that ends when this process does, however this process ends. */
export function startComponent(binary: string, args: string[], directory: string, name: string): Component {
  const log = join(directory, `${name}.log`)
  const output = openSync(log, 'a')
  const child = spawn(binary, args, {
    cwd: directory,
    // main.go ends a component whose standard input ends; the exit listener is for binaries that are not ours.
    env: { ...process.env, CONTROL_PLANE_STOP_ON_EOF: '1' },
    stdio: ['pipe', output, output],
  })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  const closed = new Promise<void>((resolve) => {
    child.once('error', () => resolve())
    child.once('exit', () => resolve())
  }).then(() => process.removeListener('exit', kill))

  return {
    name,
    pid: child.pid ?? 0,
    async until(ready, timeoutMs) {
      const deadline = performance.now() + timeoutMs
      while (!(await ready().catch(() => false))) {
        const problem = hasEnded(child) ? 'ended' : performance.now() > deadline ? 'is not ready in time' : undefined
        if (problem)
          throw new Error(`${name} ${problem}; the end of ${log}:\n${readFileSync(log, 'utf8').slice(-3000)}`)
        await sleep(pollMs)
      }
    },
    async stop() {
      child.kill('SIGTERM')
      const timer = setTimeout(kill, stopGraceMs)
      await closed
      clearTimeout(timer)
    },
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null
}
