import { homedir } from 'node:os'
import { cacheFolder } from '../../../operator/cli/cache-folder.ts'
import { buildS3Server } from './build.ts'

/**
 * Global set-up of the project `s3`: builds the server while the unit tests run. Tests look for it themselves; one that
 * comes too early waits for this process's lock, and one that finds no server after a failed build fails with it.
 */
export default function setup(): () => Promise<void> {
  const ended = new AbortController()
  const built = buildS3Server({
    env: process.env,
    cache: cacheFolder(process.env, homedir(), 's3-server'),
    report: (line) => process.stderr.write(`S3 server: ${line}\n`),
    signal: ended.signal,
  }).catch(() => undefined)
  return async () => {
    ended.abort(new Error('the test run has ended'))
    await built
  }
}
