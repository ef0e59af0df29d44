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

/** Programs in a Go module of ours, built once and kept. */
export interface GoModule {
  /** The folder of go.mod and go.sum. */
  sources: string
  /** The main packages, as paths of their files below `sources`: each becomes a program named like its folder. */
  mains: readonly string[]
  /** The module whose version names the result. */
  versionOf: string
  /** Further names for the program `[1]`, which looks at the name that it is called by. */
  links?: readonly [names: readonly string[], program: string]
  /** Said when there is no Go. */
  remedy: string
  /** Such as `about 8 minutes on 2 cores`. */
  duration: string
}

const kubernetes: GoModule = {
  sources: import.meta.dirname,
  mains: ['main.go'],
  versionOf: 'k8s.io/kubernetes',
  links: [
    ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy'],
    'control-plane',
  ],
  remedy: 'set KUBEBUILDER_ASSETS, or install Go 1.26, with which it is built once',
  duration: 'about 9 minutes on 2 cores',
}
const reportPeriodMs = 30_000

/** The folder under the user's cache folder (XDG base directories) in which all that tests make once is kept. */
export function cacheRoot(env: NodeJS.ProcessEnv, home: string): string {
  return join(env.XDG_CACHE_HOME || join(home, '.cache'), 'adloom')
}

/** The folder in which built control planes are kept. */
export function cacheFolder(env: NodeJS.ProcessEnv, home: string): string {
  return join(cacheRoot(env, home), 'control-plane')
}

/**
 * Builds the multi-call binary of main.go unless the cache has it, and returns the folder in which it stands under
 * each component's name, which is also a folder for `KUBEBUILDER_ASSETS`.
 *
 * @throws with the end of the compiler's output when the build fails.
 */
export const buildControlPlane = (options: BuildOptions): Promise<{ folder: string } | Unavailable> =>
  buildGoModule(kubernetes, options)

/**
 * Builds the programs of a module into one folder of the cache, named by the module's content.
 *
 * @throws with the end of the compiler's output when the build fails.
 */
export async function buildGoModule(
  module: GoModule,
  options: BuildOptions,
): Promise<{ folder: string } | Unavailable> {
  const { version, digest } = await describeSources(module)
  const folder = join(options.cache, `${version}-${digest}`)
  if (existsSync(folder)) return { folder }
  const go = await goVersion(options.env)
  if (go === undefined) return { reason: `no ${module.versionOf}: ${module.remedy}` }
  await mkdir(options.cache, { recursive: true })
  return withBuildLock(`${folder}.lock`, options, async () =>
    existsSync(folder) ? { folder } : buildInto(folder, { module, version, go }, options),
  )
}

async function describeSources({ sources, mains, versionOf }: GoModule): Promise<{ version: string; digest: string }> {
  const names = [...mains, 'go.mod', 'go.sum']
  const files = await Promise.all(names.map((name) => readFile(join(sources, name), 'utf8')))
  const requirement = files[mains.length]?.split('\n').find((line) => line.split(/\s+/).includes(versionOf)) ?? ''
  const version = /v\d\S*/.exec(requirement)?.[0]
  if (version === undefined) throw new Error(`${sources}/go.mod requires no version of ${versionOf}`)
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
  { module, version, go }: { module: GoModule; version: string; go: string },
  options: BuildOptions,
): Promise<{ folder: string } | Unavailable> {
  options.report(`fetching the Go modules of ${module.versionOf} ${version} (${go})`)
  // Listing the dependencies fetches what the build needs and no more; a machine without a module proxy ends here.
  const fetched = await runGo(['list', '-deps', '-f', '{{""}}', './...'], module, 'fetching modules', options)
  if (fetched.code !== 0) {
    return { reason: `no ${module.versionOf}: its Go modules cannot be fetched: ${fetched.tail}` }
  }
  const fresh = await mkdtemp(`${folder}.`)
  try {
    const what = `building ${module.versionOf} ${version}`
    options.report(`${what}; ${module.duration}, once`)
    const started = performance.now()
    const built = await runGo(['build', ...buildFlags(version), '-o', `${fresh}/`, './...'], module, what, options)
    if (built.code !== 0) throw new Error(`go build in ${module.sources} failed (${built.code}): ${built.tail}`)
    const [names, program] = module.links ?? [[], '']
    for (const name of names) await symlink(program, join(fresh, name))
    await rename(fresh, folder)
    options.report(`built into ${folder} in ${seconds(started)} s`)
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
  return { folder }
}

/** Without a version Kubernetes calls itself v0.0.0-master and version checks misbehave. */
function buildFlags(version: string): string[] {
  const [major, minor] = version.slice(1).split('.')
  const values = { gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' }
  const defines = Object.entries(values).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`)
  return ['-trimpath', '-buildvcs=false', '-ldflags', `-s -w ${defines.join(' ')}`]
}

async function runGo(
  args: string[],
  { sources }: GoModule,
  what: string,
  options: BuildOptions,
): Promise<{ code: number; tail: string }> {
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
