import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findRedisServer, startRedisServer } from '../../../operator/cli/redis-server.ts'

let program: string
let directory: string

beforeEach(async (context) => {
  const found = await findRedisServer(process.env, { install: true, report: () => undefined })
  if ('missing' in found) return context.skip(found.missing)
  program = found.program
  directory = await mkdtemp(join(tmpdir(), 'adloom-redis-test-'))
})

afterEach(async () => {
  if (directory) await rm(directory, { recursive: true, force: true })
})

async function withClient<T>(url: string, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url)
  redis.on('error', () => undefined)
  try {
    return await use(redis)
  } finally {
    redis.disconnect()
  }
}

test('a machine without redis-server is told what to type', async () => {
  const found = await findRedisServer({ PATH: '' }, { install: false, report: () => undefined })
  expect(found).toEqual({ missing: expect.stringMatching(/not in PATH.*REDIS_URL/) })
})

test('the server refuses to evict and wants its password', async () => {
  const server = await startRedisServer({ program, directory, persistent: false })
  try {
    const policy = await withClient(server.url, (redis) => redis.config('GET', 'maxmemory-policy'))
    expect(policy).toEqual(['maxmemory-policy', 'noeviction'])
    await expect(withClient(`redis://127.0.0.1:${server.port}`, (redis) => redis.ping())).rejects.toThrow('NOAUTH')
  } finally {
    await server.stop()
  }
})

test('what a persistent server was told is there after a restart', async () => {
  const first = await startRedisServer({ program, directory, persistent: true })
  await withClient(first.url, (redis) => redis.set('key', 'value'))
  await first.stop()
  const second = await startRedisServer({ program, directory, persistent: true })
  try {
    expect(await withClient(second.url, (redis) => redis.get('key'))).toBe('value')
  } finally {
    await second.stop()
  }
})

test('a server left behind by a killed process is ended before its data are opened again', async () => {
  const module = new URL('../../../operator/cli/redis-server.ts', import.meta.url)
  const script = `
    const { startRedisServer } = await import(${JSON.stringify(module.href)})
    const server = await startRedisServer(${JSON.stringify({ program, directory, persistent: true })})
    console.log(server.url)
    setInterval(() => undefined, 1000)`
  const owner = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(owner.stdout, 'data')) as [Buffer]
  const leftover = line.toString().trim()
  owner.kill('SIGKILL')
  await once(owner, 'exit')
  expect(await answers(leftover)).toBe(true)

  const server = await startRedisServer({ program, directory, persistent: true })
  await server.stop()
  expect(await answers(leftover)).toBe(false)
})

test('a port that is taken is named in the error', async () => {
  const first = await startRedisServer({ program, directory, persistent: false })
  try {
    const second = startRedisServer({
      program,
      directory: join(directory, 'second'),
      port: first.port,
      persistent: false,
    })
    await expect(second).rejects.toThrow(/Address already in use/)
  } finally {
    await first.stop()
  }
})

async function answers(url: string): Promise<boolean> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null })
  redis.on('error', () => undefined)
  try {
    await redis.connect()
    return true
  } catch {
    return false
  } finally {
    redis.disconnect()
  }
}
