import { spawn } from 'node:child_process'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import type { ProcessSpec } from './container-command.ts'
import { type Container, type Probe, resolvePort } from './pod.ts'
import { signalGroup } from './process-launcher.ts'

/** What one check found; `message` says why it failed. */
export interface ProbeOutcome {
  success: boolean
  message: string
}

export interface ProbeTarget {
  podIP: string
  container: Container
  /** The container's process, whose folder and environment an exec probe shares. */
  process: ProcessSpec
}

/** Runs one check of a probe; never rejects, except by a bug. Bounded by the probe's timeoutSeconds (1 by default). */
export type RunProbe = (probe: Probe, target: ProbeTarget, signal: AbortSignal) => Promise<ProbeOutcome>

export const runProbe: RunProbe = async (probe, target, signal) => {
  const limit = AbortSignal.any([signal, AbortSignal.timeout((probe.timeoutSeconds ?? 1) * 1000)])
  try {
    if (probe.httpGet) return await httpProbe(probe.httpGet, target, limit)
    if (probe.tcpSocket) return await tcpProbe(probe.tcpSocket, target, limit)
    if (probe.exec) return await execProbe(probe.exec.command ?? [], target.process, limit)
    return failure('the local node knows httpGet, tcpSocket and exec probes')
  } catch (error) {
    if (limit.aborted) return failure(`no answer within ${probe.timeoutSeconds ?? 1} s`)
    return failure((error as Error).message)
  }
}

const failure = (message: string): ProbeOutcome => ({ success: false, message })
const success: ProbeOutcome = { success: true, message: '' }

function portOf(port: number | string, target: ProbeTarget): number {
  const found = resolvePort(port, [target.container])
  if (found === undefined) throw new Error(`container ${target.container.name} has no port named ${port}`)
  return found
}

/** As the kubelet: 200 to 399 is success, a redirect is not followed, a certificate is not verified. */
function httpProbe(
  check: NonNullable<Probe['httpGet']>,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const secure = check.scheme?.toUpperCase() === 'HTTPS'
  const headers: Record<string, string> = { 'user-agent': 'kube-probe', connection: 'close' }
  for (const header of check.httpHeaders ?? []) headers[header.name.toLowerCase()] = header.value
  const options = {
    host: check.host ?? target.podIP,
    port: portOf(check.port, target),
    path: check.path ?? '/',
    headers,
    signal,
    agent: false as const,
    rejectUnauthorized: false,
  }
  return new Promise((resolve, reject) => {
    const request = (secure ? httpsRequest : httpRequest)(options, (response) => {
      const status = response.statusCode ?? 0
      response.destroy()
      resolve(status >= 200 && status < 400 ? success : failure(`HTTP status ${status} from ${options.path}`))
    })
    request.on('error', reject)
    request.end()
  })
}

function tcpProbe(
  check: NonNullable<Probe['tcpSocket']>,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: check.host ?? target.podIP, port: portOf(check.port, target), signal })
    socket.once('connect', () => {
      socket.destroy()
      resolve(success)
    })
    socket.on('error', reject)
  })
}

function execProbe(command: string[], process: ProcessSpec, signal: AbortSignal): Promise<ProbeOutcome> {
  const [file, ...args] = command
  if (file === undefined) return Promise.resolve(failure('exec probe without command'))
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: process.workingDirectory,
      env: process.environment,
      stdio: 'ignore',
      detached: true,
    })
    const end = () => {
      if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL')
    }
    signal.addEventListener('abort', end, { once: true })
    child.once('error', reject)
    child.once('exit', (code, name) => {
      signal.removeEventListener('abort', end)
      end()
      if (signal.aborted) reject(new Error('timed out'))
      else resolve(code === 0 ? success : failure(name ? `ended by ${name}` : `exit code ${code}`))
    })
  })
}

/** Consecutive outcomes, and the verdict that they last added up to. */
export interface ProbeRecord {
  verdict: 'unknown' | 'success' | 'failure'
  successes: number
  failures: number
}

export const noOutcome: ProbeRecord = { verdict: 'unknown', successes: 0, failures: 0 }

/** Counts an outcome; the verdict turns only after successThreshold (1) or failureThreshold (3) equal ones in a row. */
export function countOutcome(record: ProbeRecord, succeeded: boolean, probe: Probe): ProbeRecord {
  const successes = succeeded ? record.successes + 1 : 0
  const failures = succeeded ? 0 : record.failures + 1
  let { verdict } = record
  if (successes >= (probe.successThreshold ?? 1)) verdict = 'success'
  if (failures >= (probe.failureThreshold ?? 3)) verdict = 'failure'
  return { verdict, successes, failures }
}
