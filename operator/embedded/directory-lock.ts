import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/**
 * Keeps a directory to one server. SQLite's lock is the portable one that Node has: the system releases it when its
 * holder dies, however it dies, so no lock is ever stale.
 *
 * @throws Error naming the holder's process when another server has the directory open.
 */
export function lockDirectory(directory: string): () => void {
  const holderFile = join(directory, 'holder')
  const database = new DatabaseSync(join(directory, 'lock.sqlite'), { timeout: 0 })
  try {
    database.exec('PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    throw new Error(
      `${directory} is in use by another API server (process ${holderOf(holderFile)}): stop that one or choose another directory`,
      { cause: error },
    )
  }
  writeFileSync(holderFile, `${process.pid}\n`)
  return () => database.close()
}

function holderOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return 'unknown'
  }
}
