/** Where a process keeps what it opened or is about to publish, for as long as it lives. */
import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMainThread } from 'node:worker_threads'

/**
 * Below it all that this room keeps on local disks. The Pods that the operator makes have a volume there; elsewhere
 * users of one machine must not meet.
 */
export const localRoot = (environment: NodeJS.ProcessEnv): string =>
  environment.ADLOOM_SCRATCH || join(tmpdir(), `adloom-${process.getuid?.() ?? 'user'}`)

let ownFolder: Promise<string> | undefined

/** A new folder, which the process removes when it ends. */
export async function newWorkspace(environment: NodeJS.ProcessEnv): Promise<string> {
  ownFolder ??= makeOwnFolder(environment)
  return join(await ownFolder, randomUUID())
}

async function makeOwnFolder(environment: NodeJS.ProcessEnv): Promise<string> {
  const home = join(localRoot(environment), 'adloom-opened')
  const life = `${environment.POD_NAME ?? hostname()}-${process.pid}-`
  const folder = join(home, life + randomUUID())
  await mkdir(folder, { recursive: true, mode: 0o700 })
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  if (isMainThread) await removeFormerLives(home, life, folder)
  return folder
}

/** A container that was killed and started again has the process id that it had before. */
async function removeFormerLives(home: string, life: string, own: string): Promise<void> {
  for (const name of await readdir(home)) {
    const folder = join(home, name)
    if (name.startsWith(life) && folder !== own) await rm(folder, { recursive: true, force: true })
  }
}
