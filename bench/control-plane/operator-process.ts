import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../operator/cli/free-port.ts'
import { projectRoot } from '../../operator/cli/replace-process.ts'

export interface OperatorProcess {
  /** Its metrics as Prometheus gets them. */
  metrics(): Promise<string>
  stop(): Promise<void>
}

export interface OperatorProcessOptions {
  kubeconfig: string
  storeUri: string
  redisUrl: string
  resyncSeconds: number
}

/** `adloom operator`, once it works; all settings but those given are the defaults. */
export async function startOperator(options: OperatorProcessOptions): Promise<OperatorProcess> {
  const { kubeconfig, storeUri, redisUrl, resyncSeconds } = options
  const port = await freePort()
  const child = spawn(
    process.execPath,
    [
      // What this process is told of V8 (--cpu-prof), the operator is told too.
      ...process.execArgv,
      ...[join(projectRoot, 'operator/cli/main.ts'), 'operator', '--kubeconfig', kubeconfig, '--store', storeUri],
      ...['--lease-namespace', 'default', '--health-port', String(port), '--resync-seconds', String(resyncSeconds)],
    ],
    {
      cwd: projectRoot,
      env: { ...process.env, REDIS_URL: redisUrl, ADLOOM_LOG_LEVEL: 'warn' },
      stdio: ['ignore', 2, 'inherit'],
    },
  )
  const metrics = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  try {
    await untilLeads(child, metrics)
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
  return { metrics, stop: () => end(child) }
}

async function untilLeads(child: ChildProcess, metrics: () => Promise<string>): Promise<void> {
  while (!/^leader_election_master_status\{.*\} 1$/m.test(await metrics().catch(() => ''))) {
    if (child.exitCode !== null) throw new Error(`the operator ended with ${child.exitCode}; it says why above`)
    await sleep(50)
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}
