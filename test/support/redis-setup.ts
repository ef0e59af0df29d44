import { findRedisServer } from '../../operator/cli/redis-server.ts'

/** Global set-up: a bare machine gets its Redis before the first test, for a hook has no time to install one. */
export default async function setup(): Promise<void> {
  if (process.env.REDIS_URL) return
  await findRedisServer(process.env, { install: true, report: (line) => process.stderr.write(`${line}\n`) })
}
