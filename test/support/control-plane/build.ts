import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { withBuildLock } from './build-lock.ts'
import type { Unavailable } from './unavailable.ts'

export interface BuildOptions {
  /** Where `go` is found, and what it is told. */
  env: NodeJS.ProcessEnv
  /** Where built control planes are kept: one folder a version, outside of the working tree. */
  cache: string
  /** Gets a line now and then; a cold build takes minutes. */
  report: (line: string) => void
  /** Kills the build. */
  signal?: AbortSignal
}

const sources = import.meta.dirname
const components = ['etcd', 'kube-apiserver', 'kube-controller-manager']
const reportPeriodMs = 30_000

/** The folder under the user's cache folder (XDG base directories) in which built control planes are kept. */
export function cacheFolder(env: NodeJS.ProcessEnv, home: string): string {
  return join(env.XDG_CACHE_HOME || join(home, '.cache'), 'adloom', 'control-plane')
}

/**
 * Builds the multi-call binary of main.go unless the cache has it, and returns the folder in which it stands under
 * each component's name, which is also a folder for `KUBEBUILDER_ASSETS`.
 *
 * @throws with the end of the compiler's output when the build fails.
 */
export async function buildControlPlane(options: BuildOptions): Promise<{ folder: string } | Unavailable> {
  const { version, digest } = await describeSources()
  const folder = join(options.cache, `${version}-${digest}`)
  if (existsSync(folder)) return { folder }
  const go = await goVersion(options.env)
  if (go === undefined) {
    return { reason: 'no kube-apiserver: set KUBEBUILDER_ASSETS, or install Go 1.26, with which it is built once' }
  }
  await mkdir(options.cache, { recursive: true })
  return withBuildLock(`${folder}.lock`, options, async () =>
    existsSync(folder) ? { folder } : buildInto(folder, version, go, options),
  )
}

async function describeSources(): Promise<{ version: string; digest: string }> {
  const files = await Promise.all(['main.go', 'go.mod', 'go.sum'].map((name) => readFile(join(sources, name), 'utf8')))
  const version = /^\s*k8s\.io\/kubernetes (v\d\S*)/m.exec(files[1] ?? '')?.[1]
  if (version === undefined) throw new Error(`${sources}/go.mod requires no version of k8s.io/kubernetes`)
  return { version, digest: createHash('sha256').update(files.join('')).digest('hex').slice(0, 12) }
}

async function goVersion(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  try {
    return (await promisify(execFile)('go', ['version'], { env })).stdout.trim()
  } catch {
    return undefined
  }
}

async function buildInto(
  folder: string,
  version: string,
  go: string,
  options: BuildOptions,
): Promise<{ folder: string } | Unavailable> {
  options.report(`fetching the Go modules of Kubernetes ${version} (${go})`)
  // Listing the dependencies fetches what the build needs and no more; a machine without a module proxy ends here.
  const fetched = await runGo(['list', '-deps', '-f', '{{""}}', '.'], 'fetching modules', options)
  if (fetched.code !== 0) return { reason: `no kube-apiserver: its Go modules cannot be fetched: ${fetched.tail}` }

  const fresh = await mkdtemp(`${folder}.`)
  try {
    const binary = join(fresh, 'control-plane')
    const what = `building etcd, kube-apiserver and kube-controller-manager ${version}`
    options.report(`${what}; about 8 minutes on 2 cores, once`)
    const started = performance.now()
    const built = await runGo(['build', ...buildFlags(version), '-o', binary, '.'], what, options)
    if (built.code !== 0) throw new Error(`go build in ${sources} failed (${built.code}): ${built.tail}`)
    for (const name of components) await symlink('control-plane', join(fresh, name))
    await rename(fresh, folder)
    options.report(`built into ${folder} in ${seconds(started)} s`)
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
  return { folder }
}

/** Without a version the API server calls itself v0.0.0-master and version checks misbehave. */
function buildFlags(version: string): string[] {
  const [major, minor] = version.slice(1).split('.')
  const values = { gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' }
  const defines = Object.entries(values).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`)
  return ['-trimpath', '-buildvcs=false', '-ldflags', `-s -w ${defines.join(' ')}`]
}

async function runGo(args: string[], what: string, options: BuildOptions): Promise<{ code: number; tail: string }> {
  const started = performance.now()
  // Niced: the build runs beside the fast tests, which are not to time out for it.
  const child = spawn('nice', ['-n', '15', 'go', ...args], {
    cwd: sources,
    env: { ...options.env, CGO_ENABLED: '0', GOWORK: 'off' },
    stdio: ['ignore', 'ignore', 'pipe'],
    // A process group of its own, so that the compilers end with it.
    detached: true,
  })
  let tail = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-2000)
  })
  const stop = () => child.pid !== undefined && killGroup(child.pid)
  process.once('exit', stop)
  options.signal?.addEventListener('abort', stop, { once: true })
  const ended = new AbortController()
  void reportPeriodically(() => options.report(`${what}: ${seconds(started)} s`), ended.signal)
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (exit) => resolve(exit ?? 1))
    })
    return { code, tail: tail.trim() }
  } finally {
    ended.abort()
    process.removeListener('exit', stop)
    options.signal?.removeEventListener('abort', stop)
  }
}

async function reportPeriodically(report: () => void, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(reportPeriodMs, undefined, { signal, ref: false }).then(report, () => undefined)
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGTERM')
  } catch {
    // It has ended meanwhile.
  }
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(0)
}
