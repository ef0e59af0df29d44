import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { withBuildLock } from './control-plane/build-lock.ts'
import type { Unavailable } from './control-plane/unavailable.ts'

export interface BuildOptions {
  /** Where `go` is found, and what it is told. */
  env: NodeJS.ProcessEnv
  /** Where what was built is kept: one folder a version, outside of the working tree. */
  cache: string
  /** Gets a line now and then; a cold build takes minutes. */
  report: (line: string) => void
  /** Kills the build. */
  signal?: AbortSignal
}

/** A Go program that tests need. */
export interface GoProgram {
  /** What it is called in reports, with its version. */
  what: string
  /** Folder of go.mod. */
  sources: string
  /** Its sources in that folder, go.mod and go.sum among them: another content is another build. */
  files: readonly string[]
  /** Version, for the name of the folder. */
  version: string
  /** Go package, as `go build` takes it. */
  package: string
  /** Name of the binary; absent: each main package becomes a program named like its folder. */
  binary?: string
  ldflags?: string
  /** Of a cold build on 2 cores, in words. */
  duration: string
  /** What a person without it can do. */
  withoutGo: string
  /** Adds to the folder before it is kept. */
  finish?(folder: string): Promise<void>
}

const reportPeriodMs = 30_000
/** A compiler lives for seconds: to collect garbage only once it is large saves a fifth of the time. */
const compilerMemory = { GOGC: 'off', GOMEMLIMIT: '1500MiB' }

/**
 * Builds a program unless the cache has it, and returns the folder in which its binary stands.
 *
 * @throws with the end of the compiler's output when the build fails.
 */
export async function buildWithGo(
  program: GoProgram,
  options: BuildOptions,
): Promise<{ folder: string } | Unavailable> {
  const sources = await Promise.all(program.files.map((name) => readFile(join(program.sources, name), 'utf8')))
  const digest = createHash('sha256').update(sources.join('')).digest('hex').slice(0, 12)
  const folder = join(options.cache, `${program.version}-${digest}`)
  if (existsSync(folder)) return { folder }
  const go = await goVersion(options.env)
  if (go === undefined) return { reason: program.withoutGo }
  await mkdir(options.cache, { recursive: true })
  return withBuildLock(`${folder}.lock`, options, async () =>
    existsSync(folder) ? { folder } : buildInto(folder, program, go, options),
  )
}

/** The version that go.mod requires of a module. */
export async function requiredVersion(sources: string, module: string): Promise<string> {
  const text = await readFile(join(sources, 'go.mod'), 'utf8')
  const version = text
    .split('\n')
    .map((line) =>
      line
        .trim()
        .replace(/^require /, '')
        .split(' '),
    )
    .find(([name]) => name === module)?.[1]
  if (version === undefined) throw new Error(`${sources}/go.mod requires no version of ${module}`)
  return version
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
  program: GoProgram,
  go: string,
  options: BuildOptions,
): Promise<{ folder: string } | Unavailable> {
  const { what, sources } = program
  options.report(`fetching the Go modules of ${what} (${go})`)
  // Listing the dependencies fetches what the build needs and no more; a machine without a module proxy ends here.
  const fetched = await runGo(['list', '-deps', '-f', '{{""}}', program.package], 'fetching modules', sources, options)
  if (fetched.code !== 0) return { reason: `no ${what}: its Go modules cannot be fetched: ${fetched.tail}` }

  const fresh = await mkdtemp(`${folder}.`)
  try {
    options.report(`building ${what}; ${program.duration}, once`)
    const started = performance.now()
    // Symbols for a debugger are stripped anyway: not to make them saves a tenth of the compilers' time.
    const lean = ['-gcflags=all=-dwarf=false', '-ldflags', `-s -w ${program.ldflags ?? ''}`.trim()]
    const flags = ['-trimpath', '-buildvcs=false', ...lean]
    const output = program.binary === undefined ? `${fresh}/` : join(fresh, program.binary)
    const built = await runGo(['build', ...flags, '-o', output, program.package], `building ${what}`, sources, options)
    if (built.code !== 0) throw new Error(`go build in ${sources} failed (${built.code}): ${built.tail}`)
    await program.finish?.(fresh)
    await rename(fresh, folder)
    options.report(`built into ${folder} in ${seconds(started)} s`)
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
  return { folder }
}

async function runGo(
  args: string[],
  what: string,
  sources: string,
  options: BuildOptions,
): Promise<{ code: number; tail: string }> {
  const started = performance.now()
  // Niced: the build runs beside the fast tests, which are not to time out for it.
  const child = spawn('nice', ['-n', '15', 'go', ...args], {
    cwd: sources,
    env: { ...options.env, ...compilerMemory, CGO_ENABLED: '0', GOWORK: 'off' },
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
