import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { SeedTask } from './seed-process.ts'

export interface SideBySide {
  /** Cores to share among the seeds. */
  readonly cores: number
  progress(line: string): void
}

/**
 * Runs seeds in a process each, as many at a time as there are cores: between the operators of a graph a run leaves all
 * but one core idle.
 * @throws when one of them fails; the others are ended
 */
export async function runApart(
  tasks: readonly Omit<SeedTask, 'threads'>[],
  { cores, progress }: SideBySide,
): Promise<void> {
  const waiting = [...tasks]
  const lanes = Math.max(1, Math.min(cores, tasks.length))
  const threads = Math.max(1, Math.floor(cores / lanes))
  const failed = new AbortController()
  const lane = async (): Promise<void> => {
    for (let task = waiting.shift(); task !== undefined; task = waiting.shift())
      await runTask({ ...task, threads }, failed.signal, progress)
  }
  try {
    await Promise.all(Array.from({ length: lanes }, lane))
  } finally {
    failed.abort()
  }
}

async function runTask(task: SeedTask, signal: AbortSignal, progress: (line: string) => void): Promise<void> {
  signal.throwIfAborted()
  const child = fork(join(import.meta.dirname, 'seed-process.ts'), { serialization: 'advanced', signal })
  child.on('message', (line) => progress(`seed ${task.seed}: ${String(line)}`))
  child.send(task)
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`Seed ${task.seed} ended with ${code === null ? 'a signal' : `code ${code}`}`)
}
