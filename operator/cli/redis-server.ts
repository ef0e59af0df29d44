import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import { freePort } from './free-port.ts'

export interface RedisServer {
  /** `redis://:PASSWORD@127.0.0.1:PORT` */
  url: string
  port: number
  pid: number
  /** Lets Redis write what it has, and waits for its end. */
  stop(): Promise<void>
}

export interface RedisServerOptions {
  /** The `redis-server` program; see findRedisServer. */
  program: string
  /** Where its data and its log lie. Made when absent. One server at a time: one left behind there is ended first. */
  directory: string
  /** A free one when not given. */
  port?: number
  /** True: every write reaches the disk within a second, as a queue of jobs needs. False: nothing is kept. */
  persistent: boolean
}

export interface FindOptions {
  /** Installs Debian's package when the user is root, saying so through `report`. */
  install: boolean
  report: (line: string) => void
}

const startAttempts = 3
const startTimeoutMs = 15_000
const stopGraceMs = 5_000
const installLine = 'apt-get install -y redis-server'

/** Path of the program, or what to do about its absence. */
export async function findRedisServer(
  env: NodeJS.ProcessEnv,
  options: FindOptions,
): Promise<{ program: string } | { missing: string }> {
  const found = await inPath('redis-server', env)
  if (found) return { program: found }
  const aptGet = await inPath('apt-get', env)
  if (aptGet && options.install && process.getuid?.() === 0) {
    options.report('redis-server is not installed; installing it with apt-get')
    const problem = await installRedis(aptGet, env)
    const installed = await inPath('redis-server', env)
    return installed ? { program: installed } : { missing: `apt-get could not install redis-server: ${problem}` }
  }
  const line = aptGet ? `sudo ${installLine}` : process.platform === 'darwin' ? 'brew install redis' : undefined
  const remedy = line ? `type \`${line}\`` : 'install Redis 7 with the package manager of this system'
  return { missing: `redis-server is not in PATH: ${remedy}, or set REDIS_URL to a Redis 7 that runs` }
}

async function inPath(name: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  for (const folder of (env.PATH ?? '').split(delimiter).filter(Boolean)) {
    const path = join(folder, name)
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path
  }
  return undefined
}

/** Returns the end of apt-get's complaint, empty when it had none. */
async function installRedis(aptGet: string, env: NodeJS.ProcessEnv): Promise<string> {
  const run = (...args: string[]) =>
    promisify(execFile)(aptGet, args, { env: { ...env, DEBIAN_FRONTEND: 'noninteractive' }, maxBuffer: 2 ** 26 })
  const install = () => run('install', '-y', '--no-install-recommends', 'redis-server')
  try {
    // A machine that has never read the package lists knows no package.
    await install().catch(() => run('update').then(install))
    return ''
  } catch (error) {
    return (error as { stderr?: string }).stderr?.trim().slice(-500) ?? String(error)
  }
}

/**
 * Starts a Redis of our own on loopback, behind a password, that refuses writes when it is full (BullMQ must lose no
 * job). It ends with this process, unless this process is killed; then the next start in the same directory ends it.
 *
 * @throws with the end of Redis' log when it does not start.
 */
export async function startRedisServer(options: RedisServerOptions): Promise<RedisServer> {
  await mkdir(options.directory, { recursive: true })
  await endLeftover(options.directory)
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort())
    try {
      return await startOn(port, options)
    } catch (error) {
      const taken = options.port === undefined && /Address already in use/.test(String(error))
      if (!taken || attempt === startAttempts) throw error
    }
  }
}

interface Endpoint {
  port: number
  password: string
}

async function startOn(port: number, options: RedisServerOptions): Promise<RedisServer> {
  const endpoint = { port, password: randomBytes(18).toString('base64url') }
  const log = join(options.directory, 'redis.log')
  await writeFile(log, '')
  await writeFile(endpointFile(options.directory), JSON.stringify(endpoint), { mode: 0o600 })
  // The configuration goes through standard input, so that the password stands in no list of processes.
  const child = spawn(options.program, ['-'], { cwd: options.directory, stdio: ['pipe', 'ignore', 'ignore'] })
  const closed = new Promise<void>((resolve) => {
    child.once('error', () => resolve())
    child.once('exit', () => resolve())
  })
  const kill = () => child.kill('SIGTERM')
  process.once('exit', kill)
  void closed.then(() => process.removeListener('exit', kill))
  child.stdin.on('error', () => undefined)
  child.stdin.end(configuration(endpoint, options))
  const stop = () => end(child, closed, options.directory)
  try {
    await untilReady(endpoint, child)
  } catch (error) {
    await stop()
    const reason = (await readFile(log, 'utf8')).slice(-1000) || String(error)
    throw new Error(`${options.program} does not start in ${options.directory}: ${reason}`)
  }
  return { url: `redis://:${endpoint.password}@127.0.0.1:${port}`, port, pid: child.pid ?? 0, stop }
}

function configuration({ port, password }: Endpoint, { directory, persistent }: RedisServerOptions): string {
  const lines = [
    'bind 127.0.0.1',
    `port ${port}`,
    `requirepass ${password}`,
    `dir ${JSON.stringify(directory)}`,
    'logfile redis.log',
    'maxmemory-policy noeviction',
    'save ""',
    ...(persistent ? ['appendonly yes', 'appendfsync everysec'] : ['appendonly no']),
  ]
  return `${lines.join('\n')}\n`
}

async function untilReady(endpoint: Endpoint, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + startTimeoutMs
  while (!(await ask(endpoint, async (redis) => (await redis.ping()) === 'PONG'))) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) throw new Error('it ended')
    if (performance.now() > deadline) throw new Error(`no answer within ${startTimeoutMs / 1000} s`)
    await sleep(20)
  }
}

async function end(child: ChildProcess, closed: Promise<void>, directory: string): Promise<void> {
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), stopGraceMs)
  await closed
  clearTimeout(timer)
  await rm(endpointFile(directory), { force: true })
}

/** Where a server of this directory listens, for the case that whoever started it dies without stopping it. */
function endpointFile(directory: string): string {
  return join(directory, 'endpoint.json')
}

async function endLeftover(directory: string): Promise<void> {
  const text = await readFile(endpointFile(directory), 'utf8').catch(() => '')
  if (text === '') return
  const endpoint = JSON.parse(text) as Endpoint
  // Its password is in no other hand: whoever accepts it is ours.
  const answered = await ask(endpoint, async (redis) => {
    await redis.shutdown().catch(() => undefined)
    return true
  })
  while (answered && (await ask(endpoint, async (redis) => (await redis.ping()) === 'PONG'))) await sleep(20)
  await rm(endpointFile(directory), { force: true })
}

/** False when the server cannot be reached or refuses the password. */
async function ask({ port, password }: Endpoint, question: (redis: Redis) => Promise<boolean>): Promise<boolean> {
  const redis = new Redis({ host: '127.0.0.1', port, password, lazyConnect: true, retryStrategy: () => null })
  redis.on('error', () => undefined)
  try {
    await redis.connect()
    return await question(redis)
  } catch {
    return false
  } finally {
    redis.disconnect()
  }
}
