import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { findRedisServer, startRedisServer } from '../../operator/cli/redis-server.ts'

/** A real Redis for one test file. */
export interface TestRedis {
  url: string
  /** Empties the Redis, as an operator's mistake would. */
  flushAll(): Promise<void>
  /** Ends the server; its data are gone. Does nothing to a Redis that REDIS_URL names. */
  stop(): Promise<void>
}

/**
 * A private Redis on a free port, or the one of `REDIS_URL`, of which the tests take database 15 and empty it.
 *
 * @returns the reason, with the line to type, where there is none; call `context.skip(reason)`.
 */
export async function startRedis(env: NodeJS.ProcessEnv = process.env): Promise<TestRedis | { reason: string }> {
  if (env.REDIS_URL) {
    const url = new URL(env.REDIS_URL)
    url.pathname = '/15'
    await flush(url.href)
    return { url: url.href, flushAll: () => flush(url.href), stop: () => flush(url.href) }
  }
  const found = await findRedisServer(env, { install: true, report: (line) => process.stderr.write(`${line}\n`) })
  if ('missing' in found) return { reason: found.missing }
  const directory = await mkdtemp(join(tmpdir(), 'adloom-redis-'))
  const server = await startRedisServer({ program: found.program, directory, persistent: false })
  return {
    url: server.url,
    flushAll: () => flush(server.url),
    async stop() {
      await server.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function flush(url: string): Promise<void> {
  const redis = new Redis(url)
  try {
    await redis.flushdb()
  } finally {
    redis.disconnect()
  }
}
