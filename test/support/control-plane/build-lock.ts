import { randomUUID } from 'node:crypto'
import { link, readFile, rm, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Runs `task` while no other process holds the lock file. A lock whose holder has died is taken over; should two
 * waiters take the same one over at once, two builds run and the later one's result stands, which costs time only.
 *
 * @throws the signal's reason when it is aborted while waiting.
 */
export async function withBuildLock<T>(
  file: string,
  options: { report: (line: string) => void; signal?: AbortSignal },
  task: () => Promise<T>,
): Promise<T> {
  let announced = false
  while (!(await take(file))) {
    const holder = Number(await readFile(file, 'utf8').catch(() => ''))
    if (!isAlive(holder)) {
      await rm(file, { force: true })
      continue
    }
    if (!announced) options.report(`waiting for process ${holder}, which builds it`)
    announced = true
    await sleep(1000, undefined, options.signal ? { signal: options.signal } : {})
  }
  try {
    return await task()
  } finally {
    await rm(file, { force: true })
  }
}

async function take(file: string): Promise<boolean> {
  // A link appears together with its content: nobody reads a lock that does not yet name its holder.
  const claim = `${file}.${randomUUID()}`
  await writeFile(claim, String(process.pid))
  try {
    await link(claim, file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    await rm(claim, { force: true })
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
